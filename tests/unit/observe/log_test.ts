// Tests of the program's log.

import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { createLog, type Fields, type Log, type LogFormat } from "../../../src/observe/log.ts";

function logged(format: LogFormat, use: (log: Log) => void, level: "debug" | "info" = "info") {
  const lines: string[] = [];
  use(createLog({ level, format, write: (line) => lines.push(line) }));
  return lines;
}

function text(message: string, fields?: Fields): string {
  const [line] = logged("text", (log) => log.info(message, fields));
  assertMatch(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO {2}/);
  return line.slice("2026-01-31T12:00:00.123Z INFO  ".length);
}

Deno.test("createLog() writes records of its level and above", () => {
  const all = (log: Log) => {
    log.debug("a");
    log.info("b");
    log.warning("c");
    log.error("d");
  };
  const shown = (level: "debug" | "info" | "warning" | "error") => {
    const lines: string[] = [];
    all(createLog({ level, format: "text", write: (line) => lines.push(line) }));
    return lines.map((line) => line.slice("2026-01-31T12:00:00.123Z ".length));
  };
  assertEquals(shown("debug"), ["DEBUG a", "INFO  b", "WARN  c", "ERROR d"]);
  assertEquals(shown("info"), ["INFO  b", "WARN  c", "ERROR d"]);
  assertEquals(shown("warning"), ["WARN  c", "ERROR d"]);
  assertEquals(shown("error"), ["ERROR d"]);
});

Deno.test("createLog() writes text with the time of the record", () => {
  const before = Date.now();
  const [line] = logged("text", (log) => log.info("a"));
  const timeMs = Date.parse(line.split(" ")[0]);
  assert(timeMs >= before && timeMs <= Date.now());
});

Deno.test("createLog() writes fields after the message", () => {
  assertEquals(
    text("session opened", { id: "0x0001", frames: 5, legacy: false, none: undefined }),
    "session opened id=0x0001 frames=5 legacy=false",
  );
  assertEquals(text("tunnel up", {}), "tunnel up");
});

Deno.test("createLog() quotes values that would be ambiguous without quotes", () => {
  assertEquals(
    text("m", { blank: "a b", empty: "", quote: 'a"b', equals: "a=b", backslash: "a\\b" }),
    'm blank="a b" empty="" quote="a\\"b" equals="a=b" backslash="a\\\\b"',
  );
  assertEquals(
    text("m", { peer: "[::1]:4321", mac: "00:11:22:33:44:55", name: "Zürich" }),
    "m peer=[::1]:4321 mac=00:11:22:33:44:55 name=Zürich",
  );
});

Deno.test("createLog() escapes control characters", () => {
  assertEquals(
    text("a\x1b[2Jb\nc", { name: "x\x1b]0;y\x07", "k\ney": "\u009b31m\u202e" }),
    'a\\u001b[2Jb\\u000ac name="x\\u001b]0;y\\u0007" k\\u000aey="\\u009b31m\\u202e"',
  );
});

Deno.test("createLog() writes one line without control characters, whatever is logged", () => {
  const word = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(
      word,
      word,
      word,
      fc.constantFrom("text", "json"),
      (message, key, value, format) => {
        const lines = logged(format as LogFormat, (log) => log.info(message, { [key]: value }));
        assertEquals(lines.length, 1);
        assertFalse(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(lines[0]), lines[0]);
      },
    ),
  );
});

Deno.test("createLog() writes JSON with time, level, message and the fields", () => {
  const [line] = logged(
    "json",
    (log) => log.warning("a\x1bb", { n: 1, yes: true, s: 'q"\u009b', none: undefined }),
  );
  const record = JSON.parse(line);
  assertMatch(record.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assertEquals(record, {
    time: record.time,
    level: "warning",
    message: "a\x1bb",
    n: 1,
    yes: true,
    s: 'q"\u009b',
  });
  assertEquals(Object.keys(record).slice(0, 3), ["time", "level", "message"]);
});

Deno.test("createLog() lets no field replace the time, the level or the message", () => {
  const [line] = logged("json", (log) => log.error("real", { level: "debug", message: "false" }));
  const record = JSON.parse(line);
  assertEquals([record.level, record.message], ["error", "real"]);
});

Deno.test("createLog() creates independent logs", () => {
  const first: string[] = [];
  const second: string[] = [];
  const one = createLog({ level: "debug", format: "json", write: (line) => first.push(line) });
  const two = createLog({ level: "error", format: "text", write: (line) => second.push(line) });
  one.debug("a");
  two.debug("b");
  two.error("c");
  one.error("d");
  assertEquals(first.map((line) => JSON.parse(line).message), ["a", "d"]);
  assertEquals(second.map((line) => line.slice(25)), ["ERROR c"]);
});

Deno.test("createLog() survives a writer that throws", () => {
  let calls = 0;
  const log = createLog({
    level: "info",
    format: "text",
    write: () => {
      calls++;
      throw new Error("broken pipe");
    },
  });
  log.info("a");
  log.error("b");
  assertEquals(calls, 2);
});

const LOG_URL = import.meta.resolve("../../../src/observe/log.ts");

// A program that logs when it is told to and then reports the result of writing to standard error, which
// shows that it ran to its end.
const PROGRAM = `
  import { createLog } from ${JSON.stringify(LOG_URL)};
  const log = createLog({ level: "info", format: "text" });
  await Deno.stdin.read(new Uint8Array(1));
  for (let n = 0; n < 3; n++) log.info("line", { n });
  let end = "written";
  try {
    Deno.stderr.writeSync(new TextEncoder().encode("end"));
  } catch (error) {
    end = error.name + " " + error.message;
  }
  await Deno.stdout.write(new TextEncoder().encode(end));`;

function startLogging(redirection: string): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: ["-c", `exec "$0" eval --no-lock "$1" ${redirection}`, Deno.execPath(), PROGRAM],
    cwd: new URL("../../..", import.meta.url),
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function letLog(child: Deno.ChildProcess): Promise<string> {
  await child.stdin.close();
  return await new Response(child.stdout).text();
}

Deno.test("createLog() writes whole lines to standard error by default", async () => {
  const child = startLogging("");
  const [stdout, stderr] = await Promise.all([letLog(child), new Response(child.stderr).text()]);
  await child.status;
  assertEquals(stdout, "written");
  const lines = stderr.split("\n").filter((line) => line.includes("INFO"));
  assertEquals(lines.map((line) => line.slice(25)), [0, 1, 2].map((n) => `INFO  line n=${n}`));
});

Deno.test("createLog() survives a standard error without space left", async () => {
  const child = startLogging("2>/dev/full");
  const [stdout] = await Promise.all([letLog(child), child.stderr.cancel()]);
  await child.status;
  assertStringIncludes(stdout, "No space left");
});

Deno.test("createLog() survives a standard error that was closed from the start", async () => {
  const child = startLogging("2>&-");
  const [stdout] = await Promise.all([letLog(child), child.stderr.cancel()]);
  await child.status;
  // Deno opens /dev/null as a replacement.
  assertEquals(stdout, "written");
});

Deno.test("createLog() survives a standard error whose reader has gone", async () => {
  const child = startLogging("");
  await child.stderr.cancel();
  const stdout = await letLog(child);
  await child.status;
  assertStringIncludes(stdout, "BrokenPipe");
});
