// The formats of a log line.

import { assertEquals } from "@std/assert";
import { formatterOf } from "../../../src/observe/log_format.ts";
import type { LogFormat, LogLevel, LogStyle } from "../../../src/observe/log_record.ts";

const TIME = "2026-01-31T12:00:00.123Z";

function format(format: LogFormat, style?: LogStyle, level: LogLevel = "warning", message = "A b") {
  const fields = { id: "0x0011", reason: "it is\n over", none: undefined };
  const facts = { event: "a-b", tags: { "AC-Name": "x" } };
  return formatterOf(format, style)({ time: new Date(TIME), level, message, fields, facts });
}

const TEXT = 'id=0x0011 reason="it is\\n over"';

Deno.test("formatterOf() has the same text for a file as ever, without what only programs need", () => {
  assertEquals(format("text"), `${TIME} WARN  A b ${TEXT}`);
});

Deno.test("formatterOf() has the kind of a line and its facts in JSON, before the fields", () => {
  assertEquals(
    format("json"),
    `{"time":"${TIME}","level":"warning","message":"A b","event":"a-b",` +
      '"tags":{"AC-Name":"x"},"id":"0x0011","reason":"it is\\n over"}',
  );
  assertEquals(format("json", "color"), format("json"));
});

Deno.test("formatterOf() lets the fields of short messages begin in one column on a terminal", () => {
  assertEquals(format("text", "terminal"), `${TIME} WARN  A b                  ${TEXT}`);
  const record = { time: new Date(TIME), level: "info", fields: {}, facts: {} } as const;
  const plain = formatterOf("text", "terminal");
  assertEquals(plain({ ...record, message: "Stopped" }), `${TIME} INFO  Stopped`);
});

Deno.test("formatterOf() colors time, level and names on a terminal, and nothing else", () => {
  const line = format("text", "color");
  // deno-lint-ignore no-control-regex
  assertEquals(line.replace(/\x1b\[[\d;]*m/g, ""), format("text", "terminal"));
  assertEquals(line.split("\x1b[33m")[1].split("\x1b[0m")[0], "WARN ");
  assertEquals(format("text", "color", "error").includes("\x1b[1;31mERROR\x1b[0m"), true);
});

Deno.test("formatterOf() escapes what a peer could send to a terminal, also with colors", () => {
  const line = format("text", "color", "info", "a\x1b[2Jb");
  assertEquals(line.includes("a\\u001b[2Jb"), true);
});

Deno.test("formatterOf() gives the journal a priority for each level, and no time in text", () => {
  const levels = ["debug", "info", "warning", "error"] as const;
  assertEquals(
    levels.map((level) => format("text", "journal", level)),
    [
      `<7>DEBUG A b ${TEXT}`,
      `<6>INFO  A b ${TEXT}`,
      `<4>WARN  A b ${TEXT}`,
      `<3>ERROR A b ${TEXT}`,
    ],
  );
  assertEquals(format("json", "journal"), `<4>${format("json")}`);
});
