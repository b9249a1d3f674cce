// Tests of @std/log, which pass with the stand-in and with the real package.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { BaseHandler, type LevelName, Logger, LogLevels } from "@std/log";
// It is a value only there; @std/log exports it as a type.
import { LogRecord } from "@std/log/logger";

class Lines extends BaseHandler {
  readonly lines: string[] = [];
  override log(msg: string) {
    this.lines.push(msg);
  }
}

Deno.test("Logger calls its handlers with the records at its level and above", () => {
  const handler = new Lines("NOTSET");
  const logger = new Logger("test", "WARN", { handlers: [handler] });
  logger.debug("a");
  logger.info("b");
  logger.warn("c");
  logger.error("d");
  assertEquals(handler.lines, ["WARN c", "ERROR d"]);
});

Deno.test("BaseHandler ignores records below its level", () => {
  const handler = new Lines("ERROR");
  const logger = new Logger("test", "DEBUG", { handlers: [handler] });
  logger.warn("a");
  logger.error("b");
  assertEquals(handler.lines, ["ERROR b"]);
});

Deno.test("BaseHandler passes the whole record to its formatter", () => {
  const records: LogRecord[] = [];
  const before = Date.now();
  const handler = new Lines("DEBUG", {
    formatter: (record) => {
      records.push(record);
      return "formatted";
    },
  });
  const returned = new Logger("name", "DEBUG", { handlers: [handler] }).info("text", { a: 1 }, 2);
  assertEquals(returned, "text");
  assertEquals(handler.lines, ["formatted"]);
  const [record] = records;
  assertEquals(record.msg, "text");
  assertEquals(record.args, [{ a: 1 }, 2]);
  assertEquals(record.level, LogLevels.INFO);
  assertEquals(record.levelName, "INFO");
  assertEquals(record.loggerName, "name");
  assert(record.datetime.getTime() >= before && record.datetime.getTime() <= Date.now());
});

Deno.test("LogRecord can be constructed, and handled like one of a logger", () => {
  const record = new LogRecord({
    msg: "text",
    args: [1],
    level: LogLevels.WARN,
    loggerName: "name",
  });
  assertEquals([record.levelName, record.args], ["WARN", [1]]);
  const handler = new Lines("WARN");
  handler.handle(record);
  assertEquals(handler.lines, ["WARN text"]);
});

Deno.test("LogRecord returns copies", () => {
  const records: LogRecord[] = [];
  const handler = new Lines("DEBUG", { formatter: (record) => String(records.push(record)) });
  new Logger("name", "DEBUG", { handlers: [handler] }).info("text", "arg");
  records[0].args.push("more");
  records[0].datetime.setTime(0);
  assertEquals(records[0].args, ["arg"]);
  assert(records[0].datetime.getTime() > 0);
});

Deno.test("Logger and BaseHandler return their levels", () => {
  const handler = new Lines("ERROR");
  const logger = new Logger("name", "WARN", { handlers: [handler] });
  assertEquals([handler.level, handler.levelName], [40, "ERROR"]);
  assertEquals([logger.level, logger.levelName, logger.loggerName], [30, "WARN", "name"]);
});

Deno.test("Logger throws for an unknown level", () => {
  const error = "no level named LOUD";
  assertThrows(() => new Logger("name", "LOUD" as LevelName), Error, error);
  assertThrows(() => new Lines("LOUD" as LevelName), Error, error);
});
