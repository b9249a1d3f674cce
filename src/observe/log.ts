// The program's log: levels, text or JSON, one line a record on standard error.

import { BaseHandler, type LevelName, Logger, LogLevels, LogRecord } from "@std/log";

/** The levels, as `--log-level` spells them. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** The formats, as `--log-format` spells them. */
export type LogFormat = "text" | "json";

/** What a record says beside its message; undefined fields are left out. */
export type Fields = Record<string, string | number | boolean | undefined>;

/** A log with levels. No method throws, whatever happens to the place written to. */
export interface Log {
  /** Logs what helps to find a fault. */
  debug(message: string, fields?: Fields): void;
  /** Logs what the operator wants to see in a calm week. */
  info(message: string, fields?: Fields): void;
  /** Logs what goes on, though not as it should. */
  warning(message: string, fields?: Fields): void;
  /** Logs what failed. */
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
  /** How a record is written. */
  format: LogFormat;
  /**
   * Takes each line, without its end; standard error by default. Where it returns false, or throws, the
   * line is lost: how many were is told before the next one.
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
 * Makes a log. Logs share nothing: a process may have several.
 *
 * @param options The lowest level, the format, and where lines go.
 * @returns The log.
 */
export function createLog({ level, format, write = stderrWriter() }: LogOptions): LeveledLog {
  // The logger alone decides what is written.
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
      // There is no other place to tell it, and forwarding frames matters more than logging.
      return false;
    }
    this.#lost = 0;
    return true;
  }

  #loss(): string {
    const record = {
      msg: "Lines of the log were lost",
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
  // Once for their place in the line, once more so that no field can pass for them.
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

// Control and format characters (escape sequences, line ends, right-to-left overrides) come from the
// network too, and would let a peer write over the terminal or forge lines.
function escape(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) =>
      character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
        .join(""),
  );
}

/**
 * Writes lines to standard error.
 *
 * @param ready Whether it takes as much as a pipe takes at once (PIPE_BUF, pipe(7)) without waiting.
 * @returns What writes a line; false where that is lost, or cut, since standard error is not ready.
 */
export function stderrWriter(ready = () => true): (line: string) => boolean {
  const encoder = new TextEncoder();
  // Whether the last line was cut, by a full pipe or disk: the next one then starts afresh.
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
