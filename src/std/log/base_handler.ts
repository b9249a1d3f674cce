// The base of log handlers: a level, a formatter and a way to write.

import { getLevelByName, type LevelName, type LogLevel } from "./levels.ts";
import type { LogRecord } from "./log_record.ts";

export type { LevelName, LogLevel, LogRecord };

/** Formats a record as text. */
export type FormatterFunction = (logRecord: LogRecord) => string;

/** Options for {@linkcode BaseHandler}. */
export interface BaseHandlerOptions {
  /** Makes the text of a record; `LEVEL message` by default. */
  formatter?: FormatterFunction;
}

/** The base class of handlers. A subclass implements `log`, which writes a formatted record. */
export abstract class BaseHandler {
  /** Makes the text of a record. */
  formatter: FormatterFunction;
  readonly #levelName: LevelName;

  /**
   * Makes a handler.
   *
   * @param levelName The lowest level that it handles
   * @param options The formatter
   * @throws {Error} If there is no such level
   */
  constructor(levelName: LevelName, options?: BaseHandlerOptions) {
    getLevelByName(levelName);
    this.#levelName = levelName;
    this.formatter = options?.formatter ?? ((record) => `${record.levelName} ${record.msg}`);
  }

  /** Number of the lowest level that it handles. */
  get level(): LogLevel {
    return getLevelByName(this.#levelName);
  }

  /** Name of the lowest level that it handles. */
  get levelName(): LevelName {
    return this.#levelName;
  }

  /**
   * Formats and logs a record, unless it is below the level.
   *
   * @param logRecord The record
   */
  handle(logRecord: LogRecord) {
    if (logRecord.level >= this.level) this.log(this.format(logRecord));
  }

  /**
   * Makes the text of a record.
   *
   * @param logRecord The record
   * @returns The text
   */
  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  /**
   * Writes a formatted record.
   *
   * @param msg The text of the record
   */
  abstract log(msg: string): void;
}
