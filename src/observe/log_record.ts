// The types of the log: its levels and formats, and the fields of its records.

/** A level, spelled as for `--log-level`. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** A format, spelled as for `--log-format`. */
export type LogFormat = "text" | "json";

/**
 * A style of a format, by the place where the lines are read: a file or a pipe; a terminal, without colors and
 * with them; or the system's journal.
 */
export type LogStyle = "plain" | "terminal" | "color" | "journal";

/** The value of a field. */
export type FieldValue = string | number | boolean;

/** The fields of a record. Those that are undefined are omitted. */
export type Fields = Record<string, FieldValue | undefined>;

/**
 * Fields for programs, which only JSON shows: `event`, the kind of the record, and what the message says already.
 */
export type Facts = Record<string, FieldValue | Record<string, string | string[]> | undefined>;

/** A log with levels. Its methods never throw, even if the output fails. */
export interface Log {
  /** Logs details for troubleshooting. */
  debug(message: string, fields?: Fields, facts?: Facts): void;
  /** Logs an event of normal operation. */
  info(message: string, fields?: Fields, facts?: Facts): void;
  /** Logs a problem that does not stop the program. */
  warning(message: string, fields?: Fields, facts?: Facts): void;
  /** Logs a failure. */
  error(message: string, fields?: Fields, facts?: Facts): void;
}
