// A logger, which turns a call into a record for its handlers.

import type { BaseHandler } from "./base_handler.ts";
import { getLevelByName, type LevelName, type LogLevel, LogLevels } from "./levels.ts";
import { LogRecord, type LogRecordOptions } from "./log_record.ts";

export { LogRecord, type LogRecordOptions };

/** Options for {@linkcode Logger}. */
export interface LoggerOptions {
  /** The handlers of the records. */
  handlers?: BaseHandler[];
}

/** Passes records at its level or above to its handlers. In this stand-in, messages are strings. */
export class Logger {
  /** The handlers of the records. */
  handlers: BaseHandler[];
  readonly #loggerName: string;
  #levelName: LevelName;

  /**
   * Makes a logger.
   *
   * @param loggerName The name, which records contain
   * @param levelName The lowest level that it logs
   * @param options The handlers
   * @throws {Error} If there is no such level
   */
  constructor(loggerName: string, levelName: LevelName, options: LoggerOptions = {}) {
    getLevelByName(levelName);
    this.#loggerName = loggerName;
    this.#levelName = levelName;
    this.handlers = options.handlers ?? [];
  }

  /** Number of the lowest level that it logs. */
  get level(): LogLevel {
    return getLevelByName(this.#levelName);
  }

  /** Name of the lowest level that it logs. */
  get levelName(): LevelName {
    return this.#levelName;
  }

  /** Sets the lowest level that it logs. */
  set levelName(levelName: LevelName) {
    getLevelByName(levelName);
    this.#levelName = levelName;
  }

  /** The logger's name. */
  get loggerName(): string {
    return this.#loggerName;
  }

  #log(level: LogLevel, msg: string, args: unknown[]): string {
    if (level >= this.level) {
      const record = new LogRecord({ msg, args, level, loggerName: this.#loggerName });
      for (const handler of this.handlers) handler.handle(record);
    }
    return msg;
  }

  /**
   * Logs at the level DEBUG.
   *
   * @param msg The message
   * @param args The arguments besides the message
   * @returns The message
   */
  debug(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  /**
   * Logs at the level INFO.
   *
   * @param msg The message
   * @param args The arguments besides the message
   * @returns The message
   */
  info(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.INFO, msg, args);
  }

  /**
   * Logs at the level WARN.
   *
   * @param msg The message
   * @param args The arguments besides the message
   * @returns The message
   */
  warn(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.WARN, msg, args);
  }

  /**
   * Logs at the level ERROR.
   *
   * @param msg The message
   * @param args The arguments besides the message
   * @returns The message
   */
  error(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.ERROR, msg, args);
  }
}
