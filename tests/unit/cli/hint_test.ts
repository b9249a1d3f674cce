import { assertEquals } from "@std/assert";
import { CLIENT_FLAGS } from "../../../src/cli/flags.ts";
import { closest, flagHint } from "../../../src/cli/hint.ts";

Deno.test("closest() finds the word with the fewest mistakes", () => {
  const words = ["server", "client", "demo"];
  for (
    const [typed, word] of [
      ["clinet", "client"],
      ["sevrer", "server"],
      ["severr", "server"],
      ["clients", "client"],
      ["dem", "demo"],
      ["server", "server"],
      ["relay", undefined],
      ["do", undefined],
      ["", undefined],
      ["s".repeat(100_000), undefined],
    ]
  ) assertEquals(closest(typed!, words), word, typed);
  assertEquals(closest("queue-kip", ["batch-kib", "queue-kib", "queue-pib"]), "queue-kib");
});

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
      ["log", ""],
      ["xyz", ""],
      ["constructor", ""],
    ]
  ) assertEquals(flagHint(name, CLIENT_FLAGS), hint, name);
  assertEquals(
    flagHint("mac", { json: { help: "" } }),
    " (it is a flag of the server and the client)",
  );
  assertEquals(flagHint("conect", CLIENT_FLAGS, ""), " (did you mean connect?)");
});
