// Stand-in for the exports of @std/log in use. It uses no npm logger, because those write asynchronously, while this
// one calls a list of handlers at once.

export * from "./base_handler.ts";
export * from "./levels.ts";
// LogRecord is a value in @std/log/logger only, as in the real package.
export { Logger, type LoggerOptions, type LogRecord, type LogRecordOptions } from "./logger.ts";
