// The program's log on standard error, with levels, and one line per record. `log_format.ts` formats it.

import { BaseHandler, type LevelName, Logger, LogLevels } from "@std/log";
import { LogRecord } from "@std/log/logger";
import { type Formatter, formatterOf } from "./log_format.ts";
import { describeLine } from "./log_lines.ts";
import type { Facts, Fields, Log, LogFormat, LogLevel, LogStyle } from "./log_record.ts";

export type {
  Facts,
  Fields,
  FieldValue,
  Log,
  LogFormat,
  LogLevel,
  LogStyle,
} from "./log_record.ts";

/** A log whose level can change. */
export interface LeveledLog extends Log {
  /** The lowest level that is written. */
  level: LogLevel;
}

/** Options for {@linkcode createLog}. */
export interface LogOptions {
  /** The lowest level that is written. */
  level: LogLevel;
  /** The format of a record. */
  format: LogFormat;
  /** The style of the format; `plain` by default. */
  style?: LogStyle;
  /**
   * Writes a line, which is given without a line break. The default is standard error. A line for which
   * it returns false or throws is lost; the number of lost lines is logged before the next line.
   */
  write?: (line: string) => unknown;
}

const PIPE_BUF = 4096;
const LEVEL_NAMES = {
  debug: "DEBUG",
  info: "INFO",
  warning: "WARN",
  error: "ERROR",
} as const satisfies Record<LogLevel, LevelName>;
const LEVELS = Object.keys(LEVEL_NAMES) as LogLevel[];

/**
 * Creates a log. A process may have several, which share no state.
 *
 * @param options The level, the format and the output
 * @returns The log
 */
export function createLog(
  { level, format, style, write = stderrWriter() }: LogOptions,
): LeveledLog {
  // The handler accepts every level, because the logger decides what is written.
  const handler = new LineHandler("DEBUG", formatterOf(format, style), write);
  const logger = new Logger("pppoe-proxy", LEVEL_NAMES[level], { handlers: [handler] });
  return {
    get level() {
      return level;
    },
    set level(lowest) {
      level = lowest;
      logger.levelName = LEVEL_NAMES[lowest];
    },
    debug: (message, fields, facts) => void logger.debug(message, fields, facts),
    info: (message, fields, facts) => void logger.info(message, fields, facts),
    warning: (message, fields, facts) => void logger.warn(message, fields, facts),
    error: (message, fields, facts) => void logger.error(message, fields, facts),
  };
}

class LineHandler extends BaseHandler {
  readonly #write: (line: string) => unknown;
  #lost = 0;

  constructor(level: LevelName, format: Formatter, write: (line: string) => unknown) {
    super(level, { formatter: (record) => format(factsOf(record)) });
    this.#write = write;
  }

  override log(line: string) {
    const written = (this.#lost === 0 || this.#wrote(this.#loss())) && this.#wrote(line);
    if (!written) this.#lost++;
  }

  #wrote(line: string): boolean {
    try {
      if (this.#write(line) === false) return false;
    } catch {
      // There is no other place to report this, and forwarding frames matters more than logging.
      return false;
    }
    this.#lost = 0;
    return true;
  }

  #loss(): string {
    const { message, fields, facts } = describeLine("lines-lost", { lines: this.#lost });
    const record = {
      msg: message,
      args: [fields, facts],
      level: LogLevels.WARN,
      loggerName: "pppoe-proxy",
    };
    return this.format(new LogRecord(record));
  }
}

function factsOf({ datetime: time, levelName, msg: message, args }: LogRecord) {
  const [fields = {}, facts = {}] = args as [Fields?, Facts?];
  const level = LEVELS.find((level) => LEVEL_NAMES[level] === levelName)!;
  return { time, level, message, fields, facts };
}

/**
 * Creates a function that writes lines to standard error.
 *
 * @param ready Returns true if standard error accepts PIPE_BUF bytes without blocking
 * @returns The function, which returns false if the line was lost or cut because standard error was
 * not ready
 *
 * See pipe(7).
 */
export function stderrWriter(ready = () => true): (line: string) => boolean {
  const encoder = new TextEncoder();
  // True if a full pipe or disk cut the last line. The next line then starts with a line break.
  let cut = false;
  return (line) => {
    const bytes = encoder.encode(`${cut ? "\n" : ""}${line}\n`);
    let written = 0;
    try {
      while (written < bytes.length && ready()) {
        written += Deno.stderr.writeSync(bytes.subarray(written, written + PIPE_BUF));
      }
      return written === bytes.length;
    } finally {
      if (written > 0) cut = written < bytes.length;
    }
  };
}
