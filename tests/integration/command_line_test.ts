// The program's messages for a command line that cannot work, or that the machine refuses.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { TestNet } from "../support/namespaces.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const MAIN = new URL("../../main.ts", import.meta.url).href;

interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

interface Case {
  /** The fault, for the test's name. */
  what: string;
  args: string[];
  status: 1 | 2;
  /** Matches the name of the faulty thing. */
  names: RegExp;
  /** Matches the remedy. */
  mends: RegExp;
  /** The mode of a macvlan mv0 on lan0; without it there is none. */
  macvlan?: "bridge";
}

const SERVER = ["server", "--interface", "lan0", "--listen", "127.0.0.1:8000"];
const CLIENT = ["client", "--interface", "lan0", "--connect", "127.0.0.1:8000"];

/** The address at which the test itself listens. */
const TAKEN = "127.0.0.1:8001";

const CASES: Case[] = [
  {
    what: "an unknown subcommand",
    args: ["sevrer"],
    status: 2,
    names: /sevrer/,
    mends: /did you mean server\?.*see pppoe-proxy --help/,
  },
  {
    what: "an unknown flag",
    args: [...SERVER, "--interfase", "eth1"],
    status: 2,
    names: /--interfase/,
    mends: /did you mean --interface\?.*see pppoe-proxy server --help/,
  },
  {
    what: "a flag of the other side",
    args: [...CLIENT, "--allow", "10.0.0.1"],
    status: 2,
    names: /--allow/,
    mends: /a flag of the server.*see pppoe-proxy client --help/,
  },
  {
    what: "an argument too many",
    args: [...SERVER, "eth1"],
    status: 2,
    names: /eth1/,
    mends: /--help/,
  },
  {
    what: "no interface",
    args: ["server", "--listen", "127.0.0.1:8000"],
    status: 2,
    names: /--interface is missing/,
    mends: /--interface eth1/,
  },
  {
    what: "no server to connect to",
    args: ["client", "--interface", "lan0"],
    status: 2,
    names: /--connect is missing/,
    mends: /--connect \S+:\d+/,
  },
  {
    what: "a missing interface",
    args: ["client", "--interface", "lan9", "--connect", "127.0.0.1:8000"],
    status: 2,
    names: /lan9/,
    mends: /Ethernet interfaces here: lan0/,
  },
  {
    what: "an interface that is not an Ethernet one",
    args: ["server", "--interface", "lo", "--listen", "127.0.0.1:8000"],
    status: 2,
    names: /on lo: .*not an Ethernet interface/,
    mends: /Ethernet interfaces here: lan0/,
  },
  {
    what: "other stations' addresses on a macvlan in bridge mode",
    args: ["server", "--interface", "mv0", "--listen", "127.0.0.1:8000", "--mac", "transparent"],
    status: 2,
    names: /on mv0 with the addresses of other stations: it is a macvlan in bridge mode/,
    mends: /use --mac own, or make it with mode passthru$/m,
    macvlan: "bridge",
  },
  {
    what: "an invalid network",
    args: [...SERVER, "--allow", "10.0.0.0/33"],
    status: 2,
    names: /10\.0\.0\.0\/33/,
    mends: /0 to 32/,
  },
  {
    what: "an invalid port",
    args: ["server", "--interface", "lan0", "--listen", "127.0.0.1:80000"],
    status: 2,
    names: /--listen.*80000/,
    mends: /65535/,
  },
  {
    what: "an IPv6 address without brackets",
    args: ["client", "--interface", "lan0", "--connect", "fd00::1:8000"],
    status: 2,
    names: /--connect.*fd00::1:8000/,
    mends: /\[2001:db8::1\]:8000/,
  },
  {
    what: "an invalid port of one of several servers",
    args: [...CLIENT, "--connect", "127.0.0.1:8000,127.0.0.2:0"],
    status: 2,
    names: /--connect: the port must not be 0/,
    mends: /port must not be 0/,
  },
  {
    what: "one of several servers without a name",
    args: ["client", "--interface", "lan0", "--connect", "127.0.0.1:8000,,127.0.0.2:8000"],
    status: 2,
    names: /--connect/,
    mends: /HOST:PORT|\S+:\d+/,
  },
  {
    what: "a negative grace time",
    args: [...CLIENT, "--grace", "-1"],
    status: 2,
    names: /--grace.*"-1"/,
    mends: /0 to 3600/,
  },
  {
    what: "a grace time out of bounds",
    args: [...CLIENT, "--grace", "3601"],
    status: 2,
    names: /--grace.*3601/,
    mends: /0 to 3600/,
  },
  {
    what: "an unknown word for a flag",
    args: [...CLIENT, "--mac", "theirs"],
    status: 2,
    names: /--mac.*theirs/,
    mends: /own, per-host or transparent/,
  },
  {
    what: "a number out of bounds",
    args: [...SERVER, "--max-clients", "1001"],
    status: 2,
    names: /--max-clients.*1001/,
    mends: /1 to 1000/,
  },
  {
    what: "a congestion control that the kernel does not have",
    args: [...SERVER, "--congestion", "none-such"],
    status: 2,
    names: /congestion control none-such/,
    mends: /see net\.ipv4\.tcp_available_congestion_control/,
  },
  {
    what: "an address that is in use",
    args: ["server", "--interface", "lan0", "--listen", TAKEN],
    status: 1,
    names: /Cannot listen on 127\.0\.0\.1:8001/,
    mends: /in use; choose another port/,
  },
  {
    what: "a status address that is in use",
    args: [...SERVER, "--status", TAKEN],
    status: 1,
    names: /Cannot serve the status on 127\.0\.0\.1:8001/,
    mends: /in use; choose another port/,
  },
  {
    what: "an address of another machine",
    args: ["server", "--interface", "lan0", "--listen", "192.0.2.77:8000"],
    status: 1,
    names: /Cannot listen on 192\.0\.2\.77:8000/,
    mends: /this machine has no such address/,
  },
];

/** Runs the program in a namespace with the interfaces lo and lan0, and mv0 if a mode is given. */
async function run(before: string[], args: string[], macvlan?: "bridge"): Promise<Said> {
  await using net = await TestNet.make("cli");
  const [here, there] = [await net.namespace("here"), await net.namespace("there")];
  await net.veth({ namespace: here, name: "lan0" }, { namespace: there, name: "lan0" });
  if (macvlan !== undefined) await net.macvlan({ namespace: here, name: "mv0" }, "lan0", macvlan);
  const [hostname, port] = TAKEN.split(":");
  using _taken = inNamespace(
    net.path(here),
    () => Deno.listen({ hostname, port: Number(port) }),
  );
  const program = [Deno.execPath(), "run", "--quiet", "-A", MAIN, ...args];
  const { code, stdout, stderr } = await new Deno.Command("timeout", {
    args: ["10", "ip", "netns", "exec", here, ...before, ...program],
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

function assertRefused({ code, stdout, stderr }: Said, { status, names, mends }: Case): void {
  assertMatch(stderr, /^[^\n]+\n$/);
  assertMatch(stderr, names);
  assertMatch(stderr, mends);
  assertEquals(code, status, stderr);
  assertEquals(stdout, "");
}

for (const wrong of CASES) {
  testUnless(
    skipped,
    `main() names the fault and the remedy in one line, with status ${wrong.status}, for ${wrong.what}`,
    async () => assertRefused(await run([], wrong.args, wrong.macvlan), wrong),
  );
}

for (const args of [SERVER, CLIENT]) {
  testUnless(
    skipped ?? (hasProgram("setpriv") ? undefined : "no setpriv"),
    `main() names CAP_NET_RAW and exits with 1 if the ${args[0]} does not have it`,
    async () => {
      const before = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", "--"];
      assertRefused(await run(before, args), {
        what: "a capability",
        args,
        status: 1,
        names: /lan0/,
        mends: /CAP_NET_RAW/,
      });
    },
  );
}

testUnless(
  skipped,
  "main() prints help to standard output on request, with status 0",
  async () => {
    for (const args of [["--help"], ["server", "--help"], ["client", "-h"]]) {
      const { code, stdout, stderr } = await run([], args);
      assertEquals(code, 0);
      assertEquals(stderr, "");
      assert(stdout.startsWith("pppoe-proxy") || stdout.startsWith("Usage: pppoe-proxy"), stdout);
    }
    const [byFlag, byName] = [
      await run([], ["server", "--help"]),
      await run([], ["help", "server"]),
    ];
    assertEquals(byName, byFlag);
  },
);
