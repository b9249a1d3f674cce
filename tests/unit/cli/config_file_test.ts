import { assertEquals, assertThrows } from "@std/assert";
import { parseConfig, readFlagsAndConfig, writerFault } from "../../../src/cli/config_file.ts";
import type { Flags } from "../../../src/cli/flags.ts";
import { UsageError } from "../../../src/cli/options.ts";
import { hasProgram, testUnless, whyNot } from "../../support/skip.ts";

const FLAGS: Flags = {
  name: { value: "NAME", help: "A word." },
  allow: { value: "CIDR", help: "Words.", repeats: true },
  legacy: { help: "A switch." },
};

const ONLY = "the file has only flags, one per line, such as `interface eth1`";
const EXPECTED = "expected a flag and its value, such as `interface eth1`";

const parse = (text: string) => parseConfig(FLAGS, text, "a.conf");

function refusal(act: () => unknown): string {
  return assertThrows(act, UsageError).message;
}

Deno.test("parseConfig() reads one flag per line, with or without an equals sign", () => {
  const given = parse(
    "# a comment\n\n  name = osaka 1 \nallow 10.0.0.0/8\nallow=192.0.2.1\r\n\tlegacy\n",
  );
  assertEquals(given.value("name"), "osaka 1");
  assertEquals(given.values("allow"), ["10.0.0.0/8", "192.0.2.1"]);
  assertEquals(given.has("legacy"), true);
  assertEquals(parse("").values("allow"), []);
});

Deno.test("parseConfig() keeps a value unchanged, including dashes and equals signs", () => {
  assertEquals(parse("name --x=y").value("name"), "--x=y");
  assertEquals(parse("name a#b").value("name"), "a#b");
  assertEquals(parse("name {client}").value("name"), "{client}");
  assertEquals(parse("name client").value("name"), "client");
});

Deno.test("parseConfig() removes quotes and trailing comments", () => {
  for (
    const [text, name] of [
      ['name "osaka 1"', "osaka 1"],
      ["name='osaka 1'", "osaka 1"],
      ['name "osaka # 1"  # the one in the cellar', "osaka # 1"],
      ["name 'the \"first\"'", 'the "first"'],
      ["name osaka 1 # the # one", "osaka 1"],
      ["name osaka\t#1", "osaka"],
    ]
  ) assertEquals(parse(text).value("name"), name);
  assertEquals(parse("legacy # older").has("legacy"), true);
});

Deno.test("parseConfig() names the file and the line of an error", () => {
  for (
    const [text, message] of [
      ["name a\nnme b", "Cannot read a.conf, line 2: unknown flag nme (did you mean name?)"],
      ["alow ::1", "Cannot read a.conf, line 1: unknown flag alow (did you mean allow?)"],
      [
        "connect a:1",
        "Cannot read a.conf, line 1: unknown flag connect (it is a flag of the client)",
      ],
      [
        "config b.conf",
        "Cannot read a.conf, line 1: give the flag config on the command line only",
      ],
      ["constructor x", "Cannot read a.conf, line 1: unknown flag constructor"],
      ["--name a", "Cannot read a.conf, line 1: unknown flag --name (did you mean name?)"],
      ["name: a", "Cannot read a.conf, line 1: unknown flag name: (did you mean name?)"],
      ["Name a", "Cannot read a.conf, line 1: unknown flag Name (did you mean name?)"],
      ["# a\n[client]", "Cannot read a.conf, line 2: remove [client]; the file has no sections"],
      ["= a", `Cannot read a.conf, line 1: ${EXPECTED}`],
      ["// a", "Cannot read a.conf, line 1: a comment starts with #"],
      ["name a\n; b", "Cannot read a.conf, line 2: a comment starts with #"],
      ["[ client ]", "Cannot read a.conf, line 1: remove [ client ]; the file has no sections"],
      ["server {", `Cannot read a.conf, line 1: ${ONLY}`],
      ["client:", `Cannot read a.conf, line 1: ${ONLY}`],
      ["name a\n}", `Cannot read a.conf, line 2: ${ONLY}`],
      ["export NAME=a", `Cannot read a.conf, line 1: ${ONLY}`],
      ["pppoe-proxy client --name a", `Cannot read a.conf, line 1: ${ONLY}`],
      ["help", "Cannot read a.conf, line 1: give the flag help on the command line only"],
      ['{ "name": "a" }', `Cannot read a.conf, line 1: ${ONLY}`],
      ["\0\x1b[2J", `Cannot read a.conf, line 1: ${EXPECTED}`],
      ["name", "Cannot read a.conf, line 1: name needs a value: NAME"],
      ["name # a", "Cannot read a.conf, line 1: name needs a value: NAME"],
      ['name ""', "Cannot read a.conf, line 1: name needs a value: NAME"],
      ['name "a', "Cannot read a.conf, line 1: the closing quote is missing"],
      ["name 'a\"", "Cannot read a.conf, line 1: the closing quote is missing"],
      ['name "a" "b"', "Cannot read a.conf, line 1: there is text after the closing quote"],
      ["legacy yes", 'Cannot read a.conf, line 1: legacy takes no value; leave "yes" out'],
      ["name a\n\nname b", "Cannot read a.conf, line 3: name is already on line 1; give it once"],
    ]
  ) assertEquals(refusal(() => parse(text)), message);
});

Deno.test("parseConfig() finds the line of a value that an error repeats", () => {
  const { findLine } = parse("allow ::1\n\nallow a, 10.0.0.1/8\nname x\nallow b");
  assertEquals(findLine("allow", 'Cannot read --allow "10.0.0.1/8": …'), 3);
  assertEquals(findLine("allow", 'Cannot read --allow "::1": …'), 1);
  assertEquals(findLine("allow", "Cannot read --allow: …"), 5);
  assertEquals([findLine("name", "…"), findLine("legacy", "…")], [4, undefined]);
});

Deno.test("readFlagsAndConfig() gives the command line precedence over the file", () => {
  const file = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(file, "name a\nallow 10.0.0.0/8\nlegacy\n");
    const given = readFlagsAndConfig(FLAGS, ["--config", file, "--allow", "192.0.2.1"]);
    assertEquals(given.value("name"), "a");
    assertEquals(given.values("allow"), ["192.0.2.1"]);
    assertEquals(given.has("legacy"), true);
    assertEquals(readFlagsAndConfig(FLAGS, ["--name", "b"]).has("legacy"), false);
  } finally {
    Deno.removeSync(file);
  }
});

Deno.test("parseConfig() reads a file with a byte order mark and the line ends of Windows", () => {
  const file = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(file, "\ufeffname\ta\r\n\tlegacy\r\n");
    const given = readFlagsAndConfig(FLAGS, ["--config", file]);
    assertEquals([given.value("name"), given.has("legacy")], ["a", true]);
  } finally {
    Deno.removeSync(file);
  }
});

Deno.test("readFlagsAndConfig() rejects a missing file, and a directory", () => {
  assertEquals(
    refusal(() => readFlagsAndConfig(FLAGS, ["--config", "/"])),
    "Cannot read /: it is a directory; give a file",
  );
  assertEquals(
    refusal(() => readFlagsAndConfig(FLAGS, ["--config", "/no/such"])),
    "Cannot read /no/such: the file does not exist",
  );
  assertEquals(
    refusal(() => readFlagsAndConfig(FLAGS, ["--config", "/dev/null/x"])),
    "Cannot read /dev/null/x: a part of the path is a file",
  );
});

testUnless(
  whyNot("linux") ?? (hasProgram("mkfifo") ? undefined : "no mkfifo"),
  "readFlagsAndConfig() rejects a pipe, a socket and a device without opening it",
  async () => {
    const dir = await Deno.makeTempDir();
    const [pipe, link, socket] = ["pipe", "link", "socket"].map((name) => `${dir}/${name}`);
    try {
      await new Deno.Command("mkfifo", { args: [pipe] }).output();
      await Deno.symlink(pipe, link);
      using _listener = Deno.listen({ transport: "unix", path: socket });
      for (
        const [path, kind] of [
          [pipe, "a pipe, as a shell makes one for <(...)"],
          [link, "a pipe, as a shell makes one for <(...)"],
          [socket, "a socket"],
          ["/dev/zero", "a device"],
        ]
      ) {
        assertEquals(
          refusal(() => readFlagsAndConfig(FLAGS, ["--config", path])),
          `Cannot read ${path}: it is ${kind}; give a file`,
        );
      }
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);

Deno.test("readFlagsAndConfig() reads a file of 1 MiB by a symbolic link, and rejects a larger one", async () => {
  const dir = await Deno.makeTempDir();
  const [file, link] = [`${dir}/a.conf`, `${dir}/link`];
  try {
    await Deno.symlink(file, link);
    const text = "name a\n".padEnd(2 ** 20, "\n");
    await Deno.writeTextFile(file, text);
    assertEquals(readFlagsAndConfig(FLAGS, ["--config", link]).value("name"), "a");
    await Deno.writeTextFile(file, `${text}\n`);
    assertEquals(
      refusal(() => readFlagsAndConfig(FLAGS, ["--config", link])),
      `Cannot read ${link}: it is larger than 1 MiB; give a file with flags`,
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

for (
  const [mode, refused] of [
    [0o600, false],
    [0o644, false],
    [0o755, false],
    [0o664, true],
    [0o646, true],
    [0o666, true],
  ] as const
) {
  Deno.test(`readFlagsAndConfig() ${refused ? "refuses" : "reads"} a file with mode ${mode.toString(8)}`, () => {
    const file = Deno.makeTempFileSync();
    try {
      Deno.writeTextFileSync(file, "name a\n");
      Deno.chmodSync(file, mode);
      const read = () => readFlagsAndConfig(FLAGS, ["--config", file]);
      if (!refused) return assertEquals(read().value("name"), "a");
      assertEquals(
        refusal(read),
        `Cannot read ${file}: other users can change it; run chmod go-w ${file}`,
      );
    } finally {
      Deno.removeSync(file);
    }
  });
}

Deno.test("writerFault() accepts the files of this user and of root", () => {
  const fault = (uid: number, user: number) => writerFault("/etc/a b", { uid, mode: 0o644 }, user);
  assertEquals([fault(0, 0), fault(0, 1000), fault(1000, 1000)], [undefined, undefined, undefined]);
  for (const [uid, user] of [[1000, 0], [1001, 1000]]) {
    assertEquals(
      fault(uid, user),
      `it belongs to uid ${uid}, not to the user of this program; run chown ${user} '/etc/a b'`,
    );
  }
});
