import { assertEquals } from "@std/assert";
import { CLIENT_FLAGS, SERVER_FLAGS } from "../../../src/cli/flags.ts";
import { flagHint } from "../../../src/cli/hint.ts";

Deno.test("flagHint() names a near flag, or the side that has the flag", () => {
  for (
    const [name, hint] of [
      ["conect", " (did you mean --connect?)"],
      ["statedir", " (did you mean --state-dir?)"],
      ["connect", " (did you mean --connect?)"],
      ["allow", " (it is a flag of the server)"],
      ["max-sesions", " (did you mean --max-sessions, a flag of the server?)"],
      ["--Conect=a:1", " (did you mean --connect?)"],
      ["\u2013connect", " (did you mean --connect?)"],
      ["grace20", " (did you mean --grace 20?)"],
      ["connecta:1", " (did you mean --connect a:1?)"],
      ["status-port", " (did you mean --status?)"],
      ["inter", " (did you mean --interface?)"],
      ["iface", " (did you mean --interface?)"],
      ["verbose", " (did you mean --log-level debug?)"],
      ["log", " (did you mean --log-level or --log-format?)"],
      ["log_", " (did you mean --log-level or --log-format?)"],
      [
        "max",
        " (did you mean --max-clients or --max-clients-per-address or --max-sessions, a flag of the server?)",
      ],
      ["state-directory", " (did you mean --state-dir?)"],
      ["state_dir", " (did you mean --state-dir?)"],
      ["graceperiod", " (did you mean --grace?)"],
      ["grace_time", " (did you mean --grace?)"],
      ["connect_to", " (did you mean --connect?)"],
      ["connection", " (did you mean --connect?)"],
      ["connect:192.0.2.1:8000", " (did you mean --connect 192.0.2.1:8000?)"],
      ["connect[::1]:8000", " (did you mean --connect [::1]:8000?)"],
      ["status/127.0.0.1:9000", " (did you mean --status 127.0.0.1:9000?)"],
      ["grace\u200b", " (did you mean --grace?)"],
      ["padi-", " (did you mean --padi-rate?)"],
      ["-I", " (did you mean --interface?)"],
      ["dev", " (did you mean --interface?)"],
      ["server", " (did you mean --connect?)"],
      ["remote", " (did you mean --connect?)"],
      ["-vvv", " (did you mean --log-level debug?)"],
      ["-q", " (did you mean --log-level warning?)"],
      ["-f", " (did you mean --config?)"],
      ["prometheus", " (did you mean --status?)"],
      ["whitelist", " (did you mean --allow, a flag of the server?)"],
      ["keepalive", " (did you mean --dead-timeout?)"],
      ["lport", " (did you mean --listen, a flag of the server?)"],
      ["port", " (put the port behind the address, as in HOST:PORT)"],
      ["daemon", " (the program stays in the foreground; leave this out)"],
      ["vlan", " (give the VLAN's own interface to --interface, such as eth1.7)"],
      ["transparent", " (did you mean --mac transparent?)"],
      ["-A", " (it is a flag of Deno, which comes before main.ts)"],
      ["xyz", ""],
      ["constructor", ""],
    ]
  ) assertEquals(flagHint(name, CLIENT_FLAGS), hint, name);
  assertEquals(
    flagHint("mac", { json: { help: "" } }),
    " (it is a flag of the server and the client)",
  );
  assertEquals(
    flagHint("allow:10.0.0.1", SERVER_FLAGS),
    " (did you mean --allow 10.0.0.1?)",
  );
  assertEquals(flagHint("conection", SERVER_FLAGS), " (did you mean --congestion?)");
  assertEquals(
    flagHint("connection", SERVER_FLAGS),
    " (did you mean --connect, a flag of the client?)",
  );
  assertEquals(flagHint("conect", CLIENT_FLAGS, ""), " (did you mean connect?)");
});
