// A logger: turns a call into a record for its handlers.

import type { BaseHandler } from "./base_handler.ts";
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevels,
} from "./levels.ts";

/** What {@linkcode LogRecord} is made of. */
export interface LogRecordOptions {
  /** The message. */
  msg: string;
  /** What was given beside the message. */
  args: unknown[];
  /** The level. */
  level: LogLevel;
  /** Name of the logger. */
  loggerName: string;
}

/** One thing logged. */
export class LogRecord {
  /** The message. */
  readonly msg: string;
  /** Number of the level. */
  readonly level: number;
  /** Name of the level. */
  readonly levelName: string;
  /** Name of the logger. */
  readonly loggerName: string;
  readonly #args: unknown[];
  readonly #datetime = new Date();

  /**
   * Makes a record of the present time.
   *
   * @param options What was logged.
   */
  constructor(options: LogRecordOptions) {
    this.msg = options.msg;
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
    this.#args = [...options.args];
  }

  /** What was given beside the message (a copy). */
  get args(): unknown[] {
    return [...this.#args];
  }

  /** When the record was made (a copy). */
  get datetime(): Date {
    return new Date(this.#datetime);
  }
}

/** Options for {@linkcode Logger}. */
export interface LoggerOptions {
  /** What takes the records. */
  handlers?: BaseHandler[];
}

/** Hands what is logged at its level or above to its handlers. Messages are strings here. */
export class Logger {
  /** What takes the records. */
  handlers: BaseHandler[];
  readonly #loggerName: string;
  #levelName: LevelName;

  /**
   * Makes a logger.
   *
   * @param loggerName Its name, as the records give it.
   * @param levelName The lowest level that it logs.
   * @param options What takes the records.
   * @throws {Error} If there is no such level.
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

  /** Its name. */
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
   * @param msg The message.
   * @param args What the record carries beside the message.
   * @returns The message.
   */
  debug(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  /**
   * Logs at the level INFO.
   *
   * @param msg The message.
   * @param args What the record carries beside the message.
   * @returns The message.
   */
  info(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.INFO, msg, args);
  }

  /**
   * Logs at the level WARN.
   *
   * @param msg The message.
   * @param args What the record carries beside the message.
   * @returns The message.
   */
  warn(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.WARN, msg, args);
  }

  /**
   * Logs at the level ERROR.
   *
   * @param msg The message.
   * @param args What the record carries beside the message.
   * @returns The message.
   */
  error(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.ERROR, msg, args);
  }
}
