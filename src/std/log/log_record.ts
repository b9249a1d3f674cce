// One thing logged: what a logger hands to its handlers.

import { getLevelName, type LogLevel } from "./levels.ts";

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
   * @param options What was logged
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
