// Stand-in for the exports of @std/log in use. No npm logger is behind it: those write by themselves and later,
// while here a logger is a level and a list of handlers, called at once.

export * from "./base_handler.ts";
export * from "./levels.ts";
// LogRecord is a value in @std/log/logger only, as in the real package.
export { Logger, type LoggerOptions, type LogRecord, type LogRecordOptions } from "./logger.ts";
