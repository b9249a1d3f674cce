// The program's messages for a command line that cannot work, or that the machine refuses.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { makeKey } from "../../src/keys/keygen.ts";
import { TestNet } from "../support/namespaces.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const MAIN = new URL("../../main.ts", import.meta.url).href;

const S = "server --interface eth1 --listen 0.0.0.0:8000";
const C = "client --interface eth1 --connect 192.0.2.1:8000";
const SEE = "; see pppoe-proxy --help";
const SEE_SERVER = "; see pppoe-proxy server --help";
const SEE_CLIENT = "; see pppoe-proxy client --help";
const SEE_KEYGEN = "; see pppoe-proxy keygen --help";
const SEE_STATUS = "; see pppoe-proxy status --help";

/** The mistakes: what is typed after `pppoe-proxy`, and the one line that follows, with status 2. */
const MISTAKES: [typed: string, line: string][] = [
  // The subcommand.
  ["", `Give a subcommand: server, client, status, discover, keygen or demo${SEE}`],
  ["sevrer", `Unknown subcommand sevrer (did you mean server?)${SEE}`],
  ["Clinet --interface eth1", `Unknown subcommand Clinet (did you mean client?)${SEE}`],
  ["help dmeo", `Unknown subcommand dmeo (did you mean demo?)${SEE}`],
  ["hlep", `Unknown subcommand hlep (did you mean help?)${SEE}`],
  ["version", `Unknown subcommand version (did you mean --version?)${SEE}`],
  ["key-gen osaka", `Unknown subcommand key-gen (did you mean keygen?)${SEE}`],
  ["genkey osaka", `Unknown subcommand genkey (did you mean keygen?)${SEE}`],
  ["start", `Unknown subcommand start${SEE}`],
  ["''", `Unknown subcommand ""${SEE}`],
  ["--hlep", `Unknown flag --hlep (did you mean --help?)${SEE}`],
  ["\u2013help", `Unknown flag \u2013help (did you mean --help?)${SEE}`],
  [
    "--interface eth1",
    `Give a subcommand before --interface: server, client, status, discover, keygen or demo${SEE}`,
  ],
  ["sattus", `Unknown subcommand sattus (did you mean status?)${SEE}`],
  ["stat", `Unknown subcommand stat${SEE}`],
  // Of status.
  ["status --wtach", `Unknown flag --wtach (did you mean --watch?)${SEE_STATUS}`],
  ["status --watch=1", `--watch takes no value; leave "1" out${SEE_STATUS}`],
  ["status eth1 eth2", `Unknown argument eth2${SEE_STATUS}`],
  ["status clsoe 0x11", `Unknown order clsoe (did you mean close?)${SEE_STATUS}`],
  ["status close", `ID is missing; for example status close 0x0011${SEE_STATUS}`],
  ["status close eth1", `ID must be a session id such as 0x0011, not "eth1"${SEE_STATUS}`],
  [
    "status close 0x11 --host x",
    `--host must be an address such as 02:00:00:00:00:11, not "x"${SEE_STATUS}`,
  ],
  [
    "status padt 0x11",
    `--ac is missing; for example --ac 02:00:00:00:00:ac${SEE_STATUS}`,
  ],
  ["status capture", `Give start, stop or show after capture, not ""${SEE_STATUS}`],
  [
    "status capture stop --frames all",
    `--frames is for capture start only; leave it out${SEE_STATUS}`,
  ],
  ["status eth1 --socket /run/x.sock", `Give only one of INTERFACE and --socket${SEE_STATUS}`],
  [
    "status --url 127.0.0.1:9000",
    `Cannot read --url: did you mean http://127.0.0.1:9000?${SEE_STATUS}`,
  ],
  [
    "status --url https://127.0.0.1:9000",
    "Cannot read --url: the status is not served by https; forward its port with ssh -L instead" +
    SEE_STATUS,
  ],
  [
    "status --url http://x",
    'Cannot read --url: "x" is not HOST:PORT, such as 127.0.0.1:9000; give http://127.0.0.1:9000, ' +
    `for example${SEE_STATUS}`,
  ],
  ["status --socket", `--socket needs a value: PATH${SEE_STATUS}`],
  // Flags.
  [`${C} --conect 192.0.2.1:8000`, `Unknown flag --conect (did you mean --connect?)${SEE_CLIENT}`],
  [`${C} --conect=x`, `Unknown flag --conect (did you mean --connect?)${SEE_CLIENT}`],
  [`${C} --Status=[::1]:9000`, `Unknown flag --Status (did you mean --status?)${SEE_CLIENT}`],
  [`${C} -status [::1]:9000`, `Unknown flag -status (did you mean --status?)${SEE_CLIENT}`],
  [
    `${C} \u2014status [::1]:9000`,
    `Unknown flag \u2014status (did you mean --status?)${SEE_CLIENT}`,
  ],
  [`${C} --grace20`, `Unknown flag --grace20 (did you mean --grace 20?)${SEE_CLIENT}`],
  [`${S} --verbose`, `Unknown flag --verbose (did you mean --log-level debug?)${SEE_SERVER}`],
  [
    `${C} '--grace\u00a020'`,
    `Unknown flag --grace\u00a020 (give --grace and its value as two words)${SEE_CLIENT}`,
  ],
  [`${S} --grace = 20`, `Cannot read --grace: remove the blanks around "="${SEE_SERVER}`],
  [`${S} --key osaka.key`, `Unknown flag --key (did you mean --key-file?)${SEE_SERVER}`],
  [`${C} --psk osaka.key`, `Unknown flag --psk (did you mean --key-file?)${SEE_CLIENT}`],
  [`${S} --frobnicate`, `Unknown flag --frobnicate${SEE_SERVER}`],
  [`${S} --no-legacy`, `Unknown flag --no-legacy${SEE_SERVER}`],
  [`${C} --allow 10.0.0.1`, `Unknown flag --allow (it is a flag of the server)${SEE_CLIENT}`],
  [`${S} --prefer-first`, `Unknown flag --prefer-first (it is a flag of the client)${SEE_SERVER}`],
  [
    `${C} --max-sesions 9`,
    `Unknown flag --max-sesions (did you mean --max-sessions, a flag of the server?)${SEE_CLIENT}`,
  ],
  ["discvoer --json", `Unknown subcommand discvoer (did you mean discover?)${SEE}`],
  [
    "discover --wiat 5",
    "Unknown flag --wiat (did you mean --wait?); see pppoe-proxy discover --help",
  ],
  [
    "demo --mac own",
    "Unknown flag --mac (it is a flag of the server and the client); see pppoe-proxy demo --help",
  ],
  [`${S} --legacy=yes`, `--legacy takes no value; leave "yes" out${SEE_SERVER}`],
  [`${C} --prefer-first true`, `--prefer-first takes no value; leave "true" out${SEE_CLIENT}`],
  // Arguments and values that are missing, or too many.
  [`${S} eth1`, `Unknown argument eth1${SEE_SERVER}`],
  [`${S} ''`, `Unknown argument ""${SEE_SERVER}`],
  [`${S} status=[::1]:9`, `Unknown argument status=[::1]:9 (did you mean --status?)${SEE_SERVER}`],
  [
    `${S} --allow 10.0.0.1 10.0.0.2`,
    `Unknown argument 10.0.0.2 (separate the values of --allow by commas)${SEE_SERVER}`,
  ],
  [
    "server --listen 0.0.0.0:8000",
    `--interface is missing; for example --interface eth1${SEE_SERVER}`,
  ],
  [
    "client --interface eth1",
    `--connect is missing; for example --connect vpn.example:8000${SEE_CLIENT}`,
  ],
  [
    "server --interface eth1",
    `--listen is missing; for example --listen 0.0.0.0:8000${SEE_SERVER}`,
  ],
  [`${C} --name`, `--name needs a value: NAME${SEE_CLIENT}`],
  [`${C} --name ''`, `--name is empty; give it a value: NAME${SEE_CLIENT}`],
  [`${C} --name=`, `--name is empty; give it a value: NAME${SEE_CLIENT}`],
  [`${S} --state-dir --legacy`, `--state-dir needs a value: DIR${SEE_SERVER}`],
  [`${S} --listen [::]:8000`, `--listen is given 2 times; give it once${SEE_SERVER}`],
  // Values.
  [
    `${C} --name ' '`,
    `--name must be 1 to 64 bytes of printable UTF-8: it consists of white space${SEE_CLIENT}`,
  ],
  [
    `${C} --grace -1`,
    `--grace must be a whole number of seconds from 0 to 3600, not "-1"${SEE_CLIENT}`,
  ],
  [
    `${C} --grace 3601`,
    `--grace must be a whole number of seconds from 0 to 3600, not "3601"${SEE_CLIENT}`,
  ],
  [
    `${C} --grace 20s`,
    `--grace must be a whole number of seconds from 0 to 3600, not "20s"${SEE_CLIENT}`,
  ],
  [
    `${S} --max-clients 1001`,
    `--max-clients must be a whole number from 1 to 1000, not "1001"${SEE_SERVER}`,
  ],
  [
    `${S} --ring-frames 1000`,
    `--ring-frames must be a power of two, such as 4096, not "1000"${SEE_SERVER}`,
  ],
  [
    `${C} --mac theirs`,
    `--mac must be own, per-host or transparent, not "theirs"${SEE_CLIENT}`,
  ],
  [
    "client --interface eth1 --connect 192.0.2.1",
    `Cannot read --connect: "192.0.2.1" is not HOST:PORT, such as 192.0.2.1:8000${SEE_CLIENT}`,
  ],
  [
    "client --interface eth1 --connect fd00::1:8000",
    'Cannot read --connect: "fd00::1:8000" needs brackets around the IPv6 address: ' +
    `[fd00::1]:8000${SEE_CLIENT}`,
  ],
  [
    "client --interface eth1 --connect 192.0.2.256:8000",
    `Cannot read --connect: "192.0.2.256" is not an IPv4 address or a host name${SEE_CLIENT}`,
  ],
  [
    "client --interface eth1 --connect 0.0.0.0:8000",
    "Cannot read --connect: 0.0.0.0 is not the address of one machine; " +
    `give the server's${SEE_CLIENT}`,
  ],
  [
    `${S} --state-dir ~/x`,
    `Cannot use --state-dir "~/x": ~ is not expanded here; give the full path${SEE_SERVER}`,
  ],
  [
    "server --listen 0.0.0.0:8000 --interface eth1:0",
    'Cannot use --interface "eth1:0": an interface has no colon in its name; give eth1' +
    SEE_SERVER,
  ],
  [
    "client --interface eth1 --connect 192.0.2.1:8000,192.0.2.2:0",
    `Cannot read --connect: the port must not be 0${SEE_CLIENT}`,
  ],
  [
    "client --interface eth1 --connect 192.0.2.1:8000,,192.0.2.2:8000",
    `Cannot read --connect: "" is not HOST:PORT, such as 192.0.2.1:8000${SEE_CLIENT}`,
  ],
  [
    "server --interface eth1 --listen *:8000",
    'Cannot read --listen: "*:8000" has no address; 0.0.0.0 and [::] stand for all of them' +
    SEE_SERVER,
  ],
  [
    "server --interface eth1 --listen 0.0.0.0:80000",
    `Cannot read --listen: "0.0.0.0:80000" has a port over 65535${SEE_SERVER}`,
  ],
  [
    `${S} --allow 198.51.100.7/24`,
    'Cannot read --allow "198.51.100.7/24": it has host bits set; ' +
    `give 198.51.100.0/24, or 198.51.100.7 alone${SEE_SERVER}`,
  ],
  [
    `${S} --allow ::1,2001:db8::7/64`,
    'Cannot read --allow "2001:db8::7/64": it has host bits set; ' +
    `give 2001:db8::/64, or 2001:db8::7 alone${SEE_SERVER}`,
  ],
  [
    `${S} --allow 10.0.0.0/33`,
    `Cannot read --allow "10.0.0.0/33": the prefix length must be 0 to 32${SEE_SERVER}`,
  ],
  [
    `${S} --allow 10.0.0.1,`,
    `Cannot read --allow "10.0.0.1,": an entry is empty; remove the extra comma${SEE_SERVER}`,
  ],
  [`${S} --no-relay-tag`, `--no-relay-tag needs --host-uniq${SEE_SERVER}`],
  [
    "demo --sessions 0",
    '--sessions must be a whole number from 1 to 500, not "0"; ' +
    "see pppoe-proxy demo --help",
  ],
  // The name and the directory of a key.
  ["keygen", `NAME is missing; for example keygen osaka${SEE_KEYGEN}`],
  ["keygen --rotate", `NAME is missing; for example keygen osaka${SEE_KEYGEN}`],
  ["keygen osaka kobe", `Unknown argument kobe${SEE_KEYGEN}`],
  ["keygen -osaka", `Unknown flag -osaka${SEE_KEYGEN}`],
  ["keygen osaka --dri x", `Unknown flag --dri (did you mean --dir?)${SEE_KEYGEN}`],
  ["keygen osaka --dir", `--dir needs a value: DIR${SEE_KEYGEN}`],
  [
    "keygen osaka --dir ~/x",
    `Cannot use --dir "~/x": ~ is not expanded here; give the full path${SEE_KEYGEN}`,
  ],
  ...[
    ["a/b", "contains a slash"],
    ["..", "begins with a hyphen, a dot or a #"],
    ["'a b'", "contains white space"],
    ["0123456789abcdef0123456789abcdef", "looks like an id or a key"],
  ].map(([name, fault]): [string, string] => [
    `keygen ${name} --dir /dev/null`,
    `Cannot use NAME "${
      name.replaceAll("'", "")
    }": it ${fault}; give a name such as osaka, which ` +
    "becomes a file's name",
  ]),
  [
    "keygen osaka --dir /dev/null",
    "Cannot use --dir /dev/null: it is not a directory; give another one",
  ],
  // A message stays on one line.
  [`${S} 'a\nb\u202e'`, `Unknown argument a\\x0ab\\u{202e}${SEE_SERVER}`],
];

/** The mistakes in a configuration file, whose name is FILE here. */
const MISTAKES_IN_FILES: [content: string, line: string][] = [
  ["interface eth1\nalow ::1", `Cannot read FILE, line 2: unknown flag alow (did you mean allow?)`],
  [
    "--interface eth1",
    `Cannot read FILE, line 1: unknown flag --interface (did you mean interface?)`,
  ],
  [
    "\ufeffmax_clients = 4\r\n",
    "Cannot read FILE, line 1: unknown flag max_clients " +
    "(did you mean max-clients?)",
  ],
  ["connect a:1", "Cannot read FILE, line 1: unknown flag connect (it is a flag of the client)"],
  [
    "[server]\ninterface eth1",
    "Cannot read FILE, line 1: remove [server]; the file has no sections",
  ],
  ["config b.conf", "Cannot read FILE, line 1: give the flag config on the command line only"],
  ["interface", "Cannot read FILE, line 1: interface needs a value: IF"],
  ["name ''", "Cannot read FILE, line 1: name needs a value: NAME"],
  ['name "osaka', "Cannot read FILE, line 1: the closing quote is missing"],
  ["legacy yes", 'Cannot read FILE, line 1: legacy takes no value; leave "yes" out'],
  [
    "interface eth1\n\ninterface eth2",
    "Cannot read FILE, line 3: interface is already on line 1; give it once",
  ],
  [
    '{ "interface": "eth1" }',
    "Cannot read FILE, line 1: the file has only flags, one per line, such as `interface eth1`",
  ],
  [
    "interface eth1\nlisten 0.0.0.0:8000\nallow 198.51.100.7/24 # home",
    'Cannot read --allow "198.51.100.7/24": it has host bits set; ' +
    "give 198.51.100.0/24, or 198.51.100.7 alone (in FILE, line 3)",
  ],
  ["# nothing", "--interface is missing; for example --interface eth1"],
];

/**
 * The mistakes with keys: what is typed, where DIR is a directory with server.keys, which has keys for osaka and
 * kobe, with the two clients' files and some faulty ones; and the one line that follows.
 */
const MISTAKES_WITH_KEYS: [typed: string, line: string][] = [
  ...[[S, SEE_SERVER], [C, SEE_CLIENT]].flatMap(([start, see]): [string, string][] => [
    [
      `${start} --key-file DIR/osaka.key --legacy`,
      "--legacy cannot be used with --key-file, because an older pppoeproxy encrypts nothing; run " +
      `another pppoe-proxy for it, with a port of its own${see}`,
    ],
    [`${start} --key-file DIR/none.keys`, "Cannot use DIR/none.keys: the file does not exist"],
    [`${start} --key-file DIR`, "Cannot use DIR: it is a directory; give a file"],
    [
      `${start} --key-file DIR/link`,
      "Cannot use DIR/link: it is a symbolic link; give the path of the file itself",
    ],
    [
      `${start} --key-file DIR/open.keys`,
      "Cannot use DIR/open.keys: others can read it; run chmod 600 DIR/open.keys",
    ],
    [
      `${start} --key-file DIR/faulty.keys`,
      "Cannot read DIR/faulty.keys, line 2: the secret must have 64 hexadecimal digits",
    ],
    [
      `${start} --key-file ~/a.key`,
      `Cannot use --key-file "~/a.key": ~ is not expanded here; give the full path${see}`,
    ],
  ]),
  [
    `${C} --key-file DIR/server.keys`,
    "Cannot use DIR/server.keys: it has 2 keys, so it is a server's; give the file of this client, " +
    "NAME.key",
  ],
  [
    `${C} --key-file DIR/empty.keys`,
    "Cannot use DIR/empty.keys: it has no key; give the file NAME.key that keygen has made",
  ],
  [
    `${C} --key-file DIR/osaka.key --name kobe`,
    `--name must be osaka, the name of the key in DIR/osaka.key; leave it out${SEE_CLIENT}`,
  ],
  [
    "keygen osaka --dir DIR",
    "Cannot make a key for osaka: DIR/server.keys has one; give another name, or add a second key " +
    "with --rotate",
  ],
  [
    "keygen link --dir DIR --rotate",
    "Cannot rotate the key of link: DIR/server.keys has none; make the first one without --rotate",
  ],
];

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
    what: "a missing interface",
    args: ["client", "--interface", "lan9", "--connect", "127.0.0.1:8000"],
    status: 2,
    names: /on lan9: there is no such interface \(/,
    mends: /Ethernet interfaces here: lan0/,
  },
  {
    what: "a mistyped interface",
    args: ["client", "--interface", "Lan0", "--connect", "127.0.0.1:8000"],
    status: 2,
    names: /on Lan0: there is no such interface, did you mean lan0\?/,
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

/** Runs the program without a namespace. */
async function runHere(args: string[]): Promise<Said> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", MAIN, ...args],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** Returns the words of a command line, where quotes keep blanks together. */
function words(typed: string): string[] {
  return [...typed.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);
}

function assertMistake({ code, stdout, stderr }: Said, line: string): void {
  assertEquals({ code, stdout, stderr }, { code: 2, stdout: "", stderr: `pppoe-proxy: ${line}\n` });
}

for (const [typed, line] of MISTAKES) {
  testUnless(whyNot("linux"), `main() refuses ${JSON.stringify(typed)} in one line`, async () => {
    assertMistake(await runHere(words(typed)), line);
  });
}

for (const [content, line] of MISTAKES_IN_FILES) {
  testUnless(
    whyNot("linux"),
    `main() refuses a file with ${JSON.stringify(content)} in one line`,
    async () => {
      const file = await Deno.makeTempFile();
      try {
        await Deno.writeTextFile(file, content);
        const said = await runHere(["server", "--config", file]);
        assertMistake(said, line.replace("FILE", file) + SEE_SERVER);
      } finally {
        await Deno.remove(file);
      }
    },
  );
}

/** Makes the directory that MISTAKES_WITH_KEYS names. */
function withKeyFiles(): Disposable & { directory: string } {
  const directory = Deno.makeTempDirSync();
  for (const name of ["osaka", "kobe"]) makeKey({ name, directory, rotate: false });
  const line = Deno.readTextFileSync(`${directory}/osaka.key`).trimEnd();
  const write = (name: string, text: string, mode = 0o600) =>
    Deno.writeTextFileSync(`${directory}/${name}`, text, { mode });
  write("open.keys", line, 0o644);
  write("faulty.keys", `#\n${line}0`);
  write("empty.keys", "# nobody\n");
  Deno.symlinkSync("osaka.key", `${directory}/link`);
  return {
    directory,
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

for (const [typed, line] of MISTAKES_WITH_KEYS) {
  testUnless(whyNot("linux"), `main() refuses ${JSON.stringify(typed)} in one line`, async () => {
    using files = withKeyFiles();
    const fill = (text: string) => text.replaceAll("DIR", files.directory);
    assertMistake(await runHere(words(fill(typed))), fill(line));
  });
}

testUnless(
  whyNot("linux"),
  "main() makes a key, and prints a command line for each side that is accepted as it is",
  async () => {
    using files = withKeyFiles();
    const { directory } = files;
    const { code, stdout, stderr } = await runHere(["keygen", "nara", "--dir", directory]);
    assertEquals([code, stderr], [0, ""]);
    for (
      const command of [
        `  pppoe-proxy server --interface eth1 --listen 0.0.0.0:8000 --key-file ${directory}/server.keys`,
        `  pppoe-proxy client --interface eth1 --connect SERVER:8000 --key-file ${directory}/nara.key`,
        `  scp -p ${directory}/nara.key root@CLIENT:/etc/`,
      ]
    ) assert(stdout.split("\n").includes(command), stdout);
    const secret = Deno.readTextFileSync(`${directory}/nara.key`).trim().split(" ")[2];
    assertEquals(secret.length, 64);
    assert(!stdout.includes(secret));
    const rotated = await runHere(["keygen", "nara", "--dir", directory, "--rotate"]);
    assertEquals(rotated.code, 0);
    assertMatch(rotated.stdout, /nara\.2\.key/);
    assertMatch(rotated.stdout, /The old key of nara stays valid until you remove its line/);
  },
);

testUnless(whyNot("linux"), "main() refuses a file that it cannot read in one line", async () => {
  for (
    const [path, reason] of [
      ["/no/such", "the file does not exist"],
      ["/", "it is a directory; give a file"],
    ]
  ) {
    const said = await runHere(["client", "--config", path]);
    assertMistake(said, `Cannot read ${path}: ${reason}${SEE_CLIENT}`);
  }
});

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
    for (const args of [["--help"], ["server", "--help"], ["client", "-h"], ["keygen", "-h"]]) {
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
