// What takes the records of a logger: a level, a formatter and a way to write.

import { getLevelByName, type LevelName, type LogLevel } from "./levels.ts";
import type { LogRecord } from "./log_record.ts";

export type { LevelName, LogLevel, LogRecord };

/** Makes the text of a record. */
export type FormatterFunction = (logRecord: LogRecord) => string;

/** Options for {@linkcode BaseHandler}. */
export interface BaseHandlerOptions {
  /** Makes the text of a record; `LEVEL message` by default. */
  formatter?: FormatterFunction;
}

/** Base of the handlers: a subclass says in `log` where a formatted record goes. */
export abstract class BaseHandler {
  /** Makes the text of a record. */
  formatter: FormatterFunction;
  readonly #levelName: LevelName;

  /**
   * Makes a handler.
   *
   * @param levelName The lowest level that it handles
   * @param options How records are formatted
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
   * @returns Its text
   */
  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  /**
   * Takes a formatted record.
   *
   * @param msg The text of the record
   */
  abstract log(msg: string): void;
}
