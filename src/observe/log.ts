// The program's log on standard error, with levels, and one line of text or JSON per record.

import { BaseHandler, type LevelName, Logger, LogLevels } from "@std/log";
import { LogRecord } from "@std/log/logger";

/** A level, spelled as for `--log-level`. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** A format, spelled as for `--log-format`. */
export type LogFormat = "text" | "json";

/** The fields of a record. Those that are undefined are omitted. */
export type Fields = Record<string, string | number | boolean | undefined>;

/** A log with levels. Its methods never throw, even if the output fails. */
export interface Log {
  /** Logs details for troubleshooting. */
  debug(message: string, fields?: Fields): void;
  /** Logs an event of normal operation. */
  info(message: string, fields?: Fields): void;
  /** Logs a problem that does not stop the program. */
  warning(message: string, fields?: Fields): void;
  /** Logs a failure. */
  error(message: string, fields?: Fields): void;
}

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

/**
 * Creates a log. A process may have several, which share no state.
 *
 * @param options The level, the format and the output
 * @returns The log
 */
export function createLog({ level, format, write = stderrWriter() }: LogOptions): LeveledLog {
  // The handler accepts every level, because the logger decides what is written.
  const handler = new LineHandler("DEBUG", format, write);
  const logger = new Logger("pppoe-proxy", LEVEL_NAMES[level], { handlers: [handler] });
  return {
    get level() {
      return level;
    },
    set level(lowest) {
      level = lowest;
      logger.levelName = LEVEL_NAMES[lowest];
    },
    debug: (message, fields) => void logger.debug(message, fields),
    info: (message, fields) => void logger.info(message, fields),
    warning: (message, fields) => void logger.warn(message, fields),
    error: (message, fields) => void logger.error(message, fields),
  };
}

class LineHandler extends BaseHandler {
  readonly #write: (line: string) => unknown;
  #lost = 0;

  constructor(level: LevelName, format: LogFormat, write: (line: string) => unknown) {
    super(level, { formatter: format === "json" ? formatJson : formatText });
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
    const record = {
      msg: "Log lines were lost",
      args: [{ lines: this.#lost }],
      level: LogLevels.WARN,
      loggerName: "pppoe-proxy",
    };
    return this.format(new LogRecord(record));
  }
}

function fieldsOf(record: LogRecord): [string, string | number | boolean][] {
  const fields = (record.args[0] ?? {}) as Fields;
  return Object.entries(fields).filter((field): field is [string, string | number | boolean] =>
    field[1] !== undefined
  );
}

function formatJson(record: LogRecord): string {
  const own = {
    time: record.datetime.toISOString(),
    level: Object.entries(LEVEL_NAMES).find(([, name]) => name === record.levelName)?.[0],
    message: record.msg,
  };
  // The first `own` sets the order of the keys, the second prevents a field from replacing them.
  return escape(JSON.stringify({ ...own, ...Object.fromEntries(fieldsOf(record)), ...own }));
}

function formatText(record: LogRecord): string {
  let line = `${record.datetime.toISOString()} ${record.levelName.padEnd(5)} ${escape(record.msg)}`;
  for (const [name, value] of fieldsOf(record)) line += ` ${escape(name)}=${textValue(value)}`;
  return line;
}

function textValue(value: string | number | boolean): string {
  if (typeof value !== "string") return String(value);
  return /^[^\s"=\\\p{C}]+$/u.test(value) ? value : escape(JSON.stringify(value));
}

// Text from the network may contain control and format characters (escape sequences, line breaks,
// right-to-left overrides), which would let a peer overwrite the terminal or forge lines.
function escape(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) =>
      character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
        .join(""),
  );
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
