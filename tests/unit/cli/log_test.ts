// Tests of a log whose reader may stop reading.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { styleOf } from "../../../src/cli/log.ts";
import { testUnless, whyNot } from "../../support/skip.ts";

const LINES = 3000;

/** Returns the style for an environment and a standard error. */
function style(environment: Record<string, string>, isTerminal: boolean, identity = "8:17") {
  return styleOf((name) => environment[name], { isTerminal, identity });
}

Deno.test("styleOf() has colors on a terminal, unless NO_COLOR or a dumb terminal forbids them", () => {
  assertEquals(style({}, true), "color");
  assertEquals(style({ TERM: "xterm", NO_COLOR: "" }, true), "color");
  assertEquals(style({ NO_COLOR: "1" }, true), "terminal");
  assertEquals(style({ TERM: "dumb" }, true), "terminal");
});

Deno.test("styleOf() leaves files and pipes plain, unless FORCE_COLOR wants colors", () => {
  assertEquals(style({}, false), "plain");
  assertEquals(style({ FORCE_COLOR: "1" }, false), "color");
  for (const none of ["", "0", "false"]) assertEquals(style({ FORCE_COLOR: none }, false), "plain");
  assertEquals(style({ FORCE_COLOR: "1", NO_COLOR: "1" }, false), "plain");
});

Deno.test("styleOf() recognizes the journal only if standard error is what JOURNAL_STREAM names", () => {
  assertEquals(style({ JOURNAL_STREAM: "8:17", FORCE_COLOR: "1" }, false), "journal");
  assertEquals(style({ JOURNAL_STREAM: "8:18" }, false), "plain");
  assertEquals(style({ JOURNAL_STREAM: "8:18" }, true), "color");
});

const SIDE_PROGRAM = `
  import { logOf } from ${JSON.stringify(import.meta.resolve("../../../src/cli/log.ts"))};
  import { readFlags } from ${JSON.stringify(import.meta.resolve("../../../src/cli/options.ts"))};
  const { log } = logOf(readFlags({}, []));
  log.warning("A b", { n: 1 });`;

testUnless(
  whyNot("linux"),
  "A log whose standard error is the journal's has priorities and no time, without more permissions",
  async () => {
    const file = await Deno.makeTempFile();
    const program = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(program, SIDE_PROGRAM);
      const script = 'JOURNAL_STREAM=$(stat -c %d:%i "$1") exec "$0" run --no-lock --no-check ' +
        '--no-prompt --config deno.json --allow-ffi --allow-read "$2" 2>"$1"';
      await new Deno.Command("sh", {
        args: ["-c", script, Deno.execPath(), file, program],
        cwd: new URL("../../..", import.meta.url),
        env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      }).output();
      assertEquals(await Deno.readTextFile(file), "<4>WARN  A b n=1\n");
    } finally {
      await Deno.remove(file);
      await Deno.remove(program);
    }
  },
);

// A program that logs more than a pipe holds, reports that, and logs once more when it is told to.
const PROGRAM = `
  import { logOf } from ${JSON.stringify(import.meta.resolve("../../../src/cli/log.ts"))};
  import { readFlags } from ${JSON.stringify(import.meta.resolve("../../../src/cli/options.ts"))};
  const { log } = logOf(readFlags({}, []));
  for (let n = 0; n < ${LINES}; n++) log.info("line", { n, text: "x".repeat(100) });
  await Deno.stdout.write(new TextEncoder().encode("full"));
  await Deno.stdin.read(new Uint8Array(1));
  log.info("after");`;

Deno.test("A log that nobody reads blocks nothing, and reports the number of lost lines", async () => {
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", PROGRAM],
    cwd: new URL("../../..", import.meta.url),
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = child.stdout.getReader();
  const { value } = await stdout.read();
  assertEquals(new TextDecoder().decode(value), "full");

  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const read = async () => {
    const { value, done } = await reader.read();
    text += value ?? "";
    return !done;
  };
  // Space for one line is enough.
  await read();
  await child.stdin.close();
  while (await read());
  await stdout.cancel();
  assertEquals((await child.status).code, 0);

  const lines = text.trimEnd().split("\n");
  assertMatch(lines.at(-1)!, /INFO {2}after$/);
  const [, lost] = /WARN {2}Log lines were lost lines=(\d+)$/.exec(lines.at(-2)!) ?? [];
  const whole = lines.filter((line) => /INFO {2}line n=\d+ text=x{100}$/.test(line)).length;
  assert(whole > 100, `${whole} lines came`);
  assertEquals(whole + Number(lost), LINES);
});

testUnless(
  whyNot("linux"),
  "A log file that reaches the limit on the size of a file does not end the program",
  async () => {
    const file = await Deno.makeTempFile();
    const main = new URL("../../../main.ts", import.meta.url).pathname;
    const run = [Deno.execPath(), "run", "-A", "--no-check", "--no-code-cache", main];
    const client = ["client", "--interface", "eth-none", "--connect", "127.0.0.1:9"];
    try {
      // A shell counts the limit in blocks of 512 bytes. Deno's own cache gets no place to write to.
      const { code, signal } = await new Deno.Command("sh", {
        args: ["-c", 'ulimit -f 0 && exec "$@" 2>"$0"', file, ...run, ...client],
        env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", DENO_DIR: "/dev/null/none" },
        stdin: "null",
      }).output();
      // The interface does not exist, but the line that says so has no place.
      assertEquals([code, signal, (await Deno.stat(file)).size], [2, null, 0]);
    } finally {
      await Deno.remove(file);
    }
  },
);
