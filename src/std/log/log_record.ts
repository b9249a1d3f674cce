// A log record, which a logger passes to its handlers.

import { getLevelName, type LogLevel } from "./levels.ts";

/** Options for {@linkcode LogRecord}. */
export interface LogRecordOptions {
  /** The message. */
  msg: string;
  /** The arguments besides the message. */
  args: unknown[];
  /** The level. */
  level: LogLevel;
  /** Name of the logger. */
  loggerName: string;
}

/** A log record. */
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
   * Makes a record with the current time.
   *
   * @param options The content of the record
   */
  constructor(options: LogRecordOptions) {
    this.msg = options.msg;
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
    this.#args = [...options.args];
  }

  /** The arguments besides the message, as a copy. */
  get args(): unknown[] {
    return [...this.#args];
  }

  /** The time at which the record was made, as a copy. */
  get datetime(): Date {
    return new Date(this.#datetime);
  }
}
