// Tests of parsing flags.

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  addresses,
  choice,
  describeFlags,
  endpoint,
  integer,
  interfaceName,
  path,
  readFlags,
  required,
  UsageError,
} from "../../../src/cli/options.ts";
import { logOf } from "../../../src/cli/log.ts";
import { type Flags, RUNTIME_FLAGS } from "../../../src/cli/flags.ts";
import { runtimeOptions } from "../../../src/cli/runtime_options.ts";

const FLAGS: Flags = {
  interface: { value: "IF", help: "An interface." },
  listen: { value: "HOST:PORT", help: "An address." },
  allow: { value: "CIDR", help: "Networks,\nany number.", repeats: true },
  count: { value: "N", help: "A number." },
  mac: { value: "own|transparent", help: "A word." },
  "log-level": { value: "LEVEL", help: "A level." },
  "log-format": { value: "FORMAT", help: "A format." },
  name: { value: "NAME", help: "A text." },
  legacy: { help: "A switch." },
};

const read = (...args: string[]) => readFlags(FLAGS, args);

/** Returns the message with which arguments are rejected. */
function refusal(fn: () => unknown): string {
  return assertThrows(fn, UsageError).message;
}

Deno.test("readFlags() reads --flag value and --flag=value", () => {
  for (
    const given of [
      read("--interface", "eth1", "--listen", "[::1]:80"),
      read("--listen=[::1]:80", "--interface=eth1"),
    ]
  ) {
    assertEquals([given.value("interface"), given.value("listen")], ["eth1", "[::1]:80"]);
    assertEquals(given.values("listen"), ["[::1]:80"]);
    assertEquals([given.value("count"), given.values("allow")], [undefined, []]);
  }
});

Deno.test("readFlags() reads a negative number as a value", () => {
  assertEquals(read("--count", "-1").value("count"), "-1");
  assertEquals(read("--count", "-1.5", "--legacy").value("count"), "-1.5");
  assertEquals(
    refusal(() => integer(read("--count", "-1"), "count", 0, 10)),
    '--count must be a whole number from 0 to 10, not "-1"',
  );
});

Deno.test("readFlags() keeps values unchanged", () => {
  assertEquals(read("--interface", "007").value("interface"), "007");
  assertEquals(read("--interface", "1e3").value("interface"), "1e3");
  assertEquals(read("--interface=a=b").value("interface"), "a=b");
  assertEquals(read("--interface", "true").value("interface"), "true");
  assertEquals(read("--interface", "a b").value("interface"), "a b");
});

Deno.test("readFlags() reads switches", () => {
  assertEquals(read().has("legacy"), false);
  assertEquals(read("--legacy").has("legacy"), true);
  assertEquals(read("--legacy", "--legacy").has("legacy"), true);
  assertEquals(read("--legacy", "--interface", "eth1").value("interface"), "eth1");
});

Deno.test("readFlags() accepts --help and --version, and their letters", () => {
  for (const [flag, name] of [["--help", "help"], ["-h", "help"], ["-V", "version"]]) {
    assert(read(flag).has(name), flag);
  }
  assert(read("--version").has("version"));
  assert(!read("--version").has("help"));
});

Deno.test("readFlags() collects a flag that may repeat, in order", () => {
  assertEquals(
    read("--allow", "10.0.0.1", "--allow=10.0.0.2,::1", "--allow", "a").values("allow"),
    [
      "10.0.0.1",
      "10.0.0.2,::1",
      "a",
    ],
  );
});

const REFUSED: [args: string[], message: string][] = [
  [["--interfaces", "eth1"], "Unknown flag --interfaces (did you mean --interface?)"],
  [["--interfaces=eth1"], "Unknown flag --interfaces (did you mean --interface?)"],
  [["--no-legacy"], "Unknown flag --no-legacy"],
  [["--Interface", "eth1"], "Unknown flag --Interface (did you mean --interface?)"],
  [["-interface", "eth1"], "Unknown flag -interface (did you mean --interface?)"],
  [["--interafce", "eth1"], "Unknown flag --interafce (did you mean --interface?)"],
  [["--alow=::1"], "Unknown flag --alow (did you mean --allow?)"],
  [["--al", "::1"], "Unknown flag --al"],
  [["--max-clients", "3"], "Unknown flag --max-clients (it is a flag of the server)"],
  [["--no-relay-tag"], "Unknown flag --no-relay-tag (it is a flag of the server)"],
  [["--connect=a:1"], "Unknown flag --connect (it is a flag of the client)"],
  [["--", "-1"], 'Unknown argument -1 (remove the "--" before it)'],
  [["-1"], "Unknown flag -1"],
  [["-i", "eth1"], "Unknown flag -i (did you mean --interface?)"],
  [["--__proto__=x"], "Unknown flag --__proto__"],
  [["eth1"], "Unknown argument eth1"],
  [["--legacy", "eth1"], "Unknown argument eth1"],
  [["42"], "Unknown argument 42"],
  [["--interface", "eth1", "eth2"], "Unknown argument eth2"],
  [["--interface", "eth1", "--", "eth2"], "Unknown argument eth2"],
  [["--", "--legacy"], 'Unknown argument --legacy (remove the "--" before it)'],
  [["interface=eth1"], "Unknown argument interface=eth1 (did you mean --interface?)"],
  [
    ["--allow", "10.0.0.1", "10.0.0.2"],
    "Unknown argument 10.0.0.2 (separate the values of --allow by commas)",
  ],
  [["--allow=::1,", "::2"], "Unknown argument ::2 (remove the blank beside the comma)"],
  [["--allow", "::1", ",::2"], "Unknown argument ,::2 (remove the blank beside the comma)"],
  [
    ["--allow", "198.51.100.0", "/24"],
    "Unknown argument /24 (did you mean --allow 198.51.100.0/24?)",
  ],
  [["--allow", "::1", "or", "::2"], "Unknown argument or"],
  [["--allow", "::1", ""], 'Unknown argument ""'],
  [["--listen", "[::]", "8000"], "Unknown argument 8000 (did you mean --listen [::]:8000?)"],
  [["--listen=a:", ":80", "x"], "Unknown argument :80 (did you mean --listen a:80?)"],
  [["--listen", "a:80", "90"], "Unknown argument 90"],
  [["--name", "My", "Site"], "Unknown argument Site (put a value with blanks in quotes)"],
  [["server", "--legacy"], "Unknown argument server (give one subcommand)"],
  [["--allow=::1", "::2"], "Unknown argument ::2 (separate the values of --allow by commas)"],
  [["\u2014interface", "eth1"], "Unknown flag \u2014interface (did you mean --interface?)"],
  [["--legacy=yes"], '--legacy takes no value; leave "yes" out'],
  [["--legacy", "true"], '--legacy takes no value; leave "true" out'],
  [["--legacy", "false", "--count", "1"], '--legacy takes no value; leave "false" out'],
  [["--legacy", "Yes"], '--legacy takes no value; leave "Yes" out'],
  [["--count", "1", "--legacy", "0"], '--legacy takes no value; leave "0" out'],
  [["--interface"], "--interface needs a value: IF"],
  [["--interface="], "--interface is empty; give it a value: IF"],
  [["--interface", ""], "--interface is empty; give it a value: IF"],
  [["--interface", "--legacy"], "--interface needs a value: IF"],
  [["--allow", "::1", "--allow"], "--allow needs a value: CIDR"],
  [["--interface", "a", "--interface", "b"], "--interface is given 2 times; give it once"],
  [["--count=1", "--count=1", "--count=1"], "--count is given 3 times; give it once"],
];

for (const [args, message] of REFUSED) {
  Deno.test(`readFlags() rejects ${JSON.stringify(args)}`, () => {
    assertEquals(refusal(() => read(...args)), message);
  });
}

Deno.test("describeFlags() lays out each flag with its value and help in one column", () => {
  const lines = describeFlags(FLAGS).split("\n");
  const column = lines[0].indexOf("An interface.");
  assertMatch(lines[0], /^ {2}--interface IF {2,}An interface\.$/);
  assertEquals(lines[3], " ".repeat(column) + "any number.");
  const starts = lines.filter((line) => line.startsWith("  --"));
  assertEquals(starts.length, Object.keys(FLAGS).length + 2);
  for (const line of starts) assertMatch(line.slice(column - 2), /^ {2}\S/);
  assert(starts.some((line) => line.startsWith("  --help")));
});

Deno.test("required() returns the value, or names the missing flag with an example", () => {
  assertEquals(required(read("--interface", "eth7"), "interface", "eth1"), "eth7");
  assertEquals(
    refusal(() => required(read(), "interface", "eth1")),
    "--interface is missing; for example --interface eth1",
  );
});

Deno.test("choice() accepts one of the words", () => {
  const words = ["own", "transparent"] as const;
  assertEquals(choice(read("--mac", "own"), "mac", words), "own");
  assertEquals(choice(read(), "mac", words), undefined);
  assertEquals(
    refusal(() => choice(read("--mac", "Own"), "mac", words)),
    '--mac must be own or transparent, not "Own" (did you mean own?)',
  );
  const hinted = (value: string, ...words: string[]) =>
    / \(did you mean (\S+)\?\)$/.exec(refusal(() => choice(read("--mac", value), "mac", words)))
      ?.[1];
  assertEquals(hinted("warn", "info", "warning"), "warning");
  assertEquals(hinted("per_host", "own", "per-host"), "per-host");
  assertEquals(hinted("theirs", "own", "per-host"), undefined);
});

Deno.test("integer() accepts whole numbers within the bounds", () => {
  const count = (text: string) => integer(read(`--count=${text}`), "count", 1, 1000);
  assertEquals(["1", "42", "1000", "007"].map(count), [1, 42, 1000, 7]);
  assertEquals(integer(read(), "count", 1, 1000), undefined);
  for (
    const text of ["0", "1001", "-1", "1.5", "1e2", "0x10", " 1", "1 ", "one", "١", "9".repeat(40)]
  ) {
    assertEquals(
      refusal(() => count(text)),
      `--count must be a whole number from 1 to 1000, not "${text}"`,
    );
  }
});

Deno.test("endpoint() parses HOST:PORT, or names the wrong flag", () => {
  assertEquals(endpoint("listen", "[::1]:80"), { hostname: "::1", port: 80 });
  assertEquals(
    refusal(() => endpoint("listen", "80")),
    'Cannot read --listen: "80" is not HOST:PORT, such as 0.0.0.0:8000',
  );
  for (
    const [flag, value, message] of [
      ["status", "on", '"on" is not HOST:PORT, such as 127.0.0.1:9000'],
      ["status", "::1", '"::1" needs brackets around the IPv6 address: [::1]:9000'],
      ["connect", '"192.0.2.1:8000"', "leave out the quotes around 192.0.2.1:8000"],
      ["connect", "\u201cvpn:8000\u201d", "leave out the quotes around vpn:8000"],
      [
        "listen",
        "[fe80::1]:8000",
        "a link-local address needs its interface: [fe80::1%eth1]:8000",
      ],
    ]
  ) {
    assertEquals(refusal(() => endpoint(flag, value)), `Cannot read --${flag}: ${message}`);
  }
  assertEquals(endpoint("connect", "[fe80::1%eth1]:80").hostname, "fe80::1%eth1");
});

Deno.test("path() refuses what only a shell expands", () => {
  const of = (value: string) => path(read("--name", value), "name");
  for (const value of ["/var/lib/x", "./~x", "a~", "/a$", undefined]) {
    assertEquals(value === undefined ? path(read(), "name") : of(value), value);
  }
  for (
    const [value, part] of [["~/x", "~"], ["~me/x", "~me"], ["$HOME/x", "$HOME"], [
      "/${A}/x",
      "${A}",
    ]]
  ) {
    assertEquals(
      refusal(() => of(value)),
      `Cannot use --name "${value}": ${part} is not expanded here; give the full path`,
    );
  }
});

Deno.test("interfaceName() refuses what cannot be the name of an interface", () => {
  const of = (value: string) => interfaceName(read("--interface", value));
  for (const name of ["eth1", "eth1.7", "br-lan", "wan@x", "a".repeat(15)]) {
    assertEquals(of(name), name);
  }
  const blanks =
    "give one name without blanks; each flag is a word, or a line of the file, of its own";
  const form = "an interface has up to 15 letters without a slash in its name, such as eth1";
  for (
    const [name, reason] of [
      ["eth1 --listen=0.0.0.0:8000", blanks],
      ["eth1 ", blanks],
      ["eth1:", "an interface has no colon in its name; give eth1"],
      ["eth1:0", "an interface has no colon in its name; give eth1"],
      ["/dev/eth1", form],
      ["a".repeat(16), form],
    ]
  ) {
    assertEquals(refusal(() => of(name)), `Cannot use --interface "${name}": ${reason}`);
  }
});

Deno.test("addresses() accepts repeated flags and commas", () => {
  assertEquals(addresses(read("--allow", "10.0.0.0/8,::1", "--allow", "192.0.2.1"), "allow"), [
    "10.0.0.0/8,::1",
    "192.0.2.1",
  ]);
  assertEquals(addresses(read(), "allow"), []);
  assertMatch(
    refusal(() => addresses(read("--allow", "10.0.0.0/33"), "allow")),
    /^Cannot read --allow "10/,
  );
  assertMatch(
    refusal(() => addresses(read("--allow", "::1,"), "allow")),
    /^Cannot read --allow "::1,"/,
  );
});

Deno.test("logOf() reports whether the level is debug, and rejects other words", () => {
  assertEquals(logOf(read()).debug, false);
  assertEquals(logOf(read("--log-level", "debug")).debug, true);
  assertEquals(
    refusal(() => logOf(read("--log-level", "trace"))),
    '--log-level must be debug, info, warning or error, not "trace"',
  );
  assertEquals(
    refusal(() => logOf(read("--log-format", "xml"))),
    '--log-format must be text or json, not "xml"',
  );
});

const FLAGS_OF_BOTH: Flags = { interface: { value: "IF", help: "" }, ...RUNTIME_FLAGS };
const parsed = (...args: string[]) => runtimeOptions(readFlags(FLAGS_OF_BOTH, args));

Deno.test("runtimeOptions() leaves out flags that are not given", () => {
  const { log: _, ...options } = parsed("--interface", "eth1");
  assertEquals(options, {
    interface: "eth1",
    mac: undefined,
    name: undefined,
    status: undefined,
    legacy: false,
    idleTimeoutMs: undefined,
    deadTimeoutMs: undefined,
    graceMs: undefined,
    stateDir: undefined,
    limits: { padiPerHost: undefined },
    capture: { file: undefined, frames: undefined, maxBytes: undefined, secrets: false },
    captureDir: undefined,
    ringFrames: undefined,
    queueBytes: undefined,
    batchBytes: undefined,
    congestion: undefined,
    debug: false,
  });
});

Deno.test("runtimeOptions() reads each shared flag", () => {
  const { log: _, ...options } = parsed(
    ..."--interface eth1 --mac transparent --name osaka --status [::1]:9000 --legacy".split(" "),
    ..."--idle-timeout 90 --dead-timeout 45 --log-level debug --ring-frames 1024 --queue-kib 512"
      .split(" "),
    ..."--batch-kib 32 --congestion reno --grace 30 --state-dir /s --padi-rate 20".split(" "),
    ..."--capture /c/f --capture-frames all --capture-size 8 --capture-secrets --capture-dir /d"
      .split(" "),
  );
  assertEquals(options, {
    interface: "eth1",
    mac: "transparent",
    name: "osaka",
    status: { hostname: "::1", port: 9000 },
    legacy: true,
    idleTimeoutMs: 90_000,
    deadTimeoutMs: 45_000,
    graceMs: 30_000,
    stateDir: "/s",
    limits: { padiPerHost: 20 },
    capture: { file: "/c/f", frames: "all", maxBytes: 8_388_608, secrets: true },
    captureDir: "/d",
    ringFrames: 1024,
    queueBytes: 524_288,
    batchBytes: 32_768,
    congestion: "reno",
    debug: true,
  });
  assertEquals(parsed("--interface=eth1", "--idle-timeout=0").idleTimeoutMs, 0);
  assertEquals(parsed("--interface=eth1", "--dead-timeout=0").deadTimeoutMs, 0);
  assertEquals(parsed("--interface=eth1", "--grace=0").graceMs, 0);
});

Deno.test("runtimeOptions() rejects a ring size that is not a power of two", () => {
  assertEquals(
    refusal(() => parsed("--interface", "eth1", "--ring-frames", "1000")),
    '--ring-frames must be a power of two, such as 4096, not "1000"',
  );
});

Deno.test("runtimeOptions() rejects a name that is too long for the greeting or unreadable", () => {
  const named = (name: string) => parsed("--interface", "eth1", "--name", name).name;
  assertEquals([named("a".repeat(64)), named("大阪 1")], ["a".repeat(64), "大阪 1"]);
  const refused = {
    "is 65 bytes long; the maximum is 64": ["a".repeat(65)],
    "is 66 bytes long; the maximum is 64": ["大".repeat(22)],
    "contains unprintable characters": ["a\nb", "a\x7f", "a\x85b", "a\u202eb", "\x01"],
    "consists of white space": [" ", "\u00a0\u3000"],
    // Deno's replacement for bytes that are not UTF-8.
    "is not UTF-8": ["\ufffdx"],
  };
  for (const [fault, names] of Object.entries(refused)) {
    for (const name of names) {
      assertEquals(
        refusal(() => named(name)),
        `--name must be 1 to 64 bytes of printable UTF-8: it ${fault}`,
      );
    }
  }
  assertEquals(refusal(() => named("")), "--name is empty; give it a value: NAME");
});
