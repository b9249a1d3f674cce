// The formats of a log line: text for files and pipes, for a terminal and for the system's journal; and JSON.

import type { Facts, Fields, FieldValue, LogFormat, LogLevel, LogStyle } from "./log_record.ts";

/** A line to format. */
export interface LogRecordFacts {
  time: Date;
  level: LogLevel;
  message: string;
  fields: Fields;
  facts: Facts;
}

const LEVEL_NAMES: Record<LogLevel, string> = {
  debug: "DEBUG",
  info: "INFO ",
  warning: "WARN ",
  error: "ERROR",
};

/** The priorities of the system's journal. See sd-daemon(3). */
const PRIORITIES: Record<LogLevel, number> = { debug: 7, info: 6, warning: 4, error: 3 };

/** The number of columns of a message on a terminal, after which its fields begin. */
const MESSAGE_COLUMNS = 20;

/** Escape sequences of a terminal. See console_codes(4). */
const SGR = { reset: "\x1b[0m", dim: "\x1b[2m", cyan: "\x1b[36m" } as const;
const LEVEL_COLORS: Record<LogLevel, string> = {
  debug: SGR.dim,
  info: "\x1b[32m",
  warning: "\x1b[33m",
  error: "\x1b[1;31m",
};

/** Formats a line, without a line break at its end. */
export type Formatter = (record: LogRecordFacts) => string;

/**
 * Chooses the function that formats a line.
 *
 * @param format The format
 * @param style The place where the line is read
 * @returns The function
 */
export function formatterOf(format: LogFormat, style: LogStyle = "plain"): Formatter {
  if (style === "journal") {
    const formatter = format === "json" ? formatJson : formatUntimed;
    return (record) => `<${PRIORITIES[record.level]}>${formatter(record)}`;
  }
  if (format === "json") return formatJson;
  if (style === "plain") return formatText;
  return (record) => formatForTerminal(record, style === "color");
}

function formatJson({ time, level, message, fields, facts }: LogRecordFacts): string {
  const own = { time: time.toISOString(), level, message };
  // The first `own` sets the order of the keys, the second prevents a field from replacing them.
  return escape(JSON.stringify({ ...own, ...facts, ...fields, ...own }));
}

function formatText(record: LogRecordFacts): string {
  return `${record.time.toISOString()} ${formatUntimed(record)}`;
}

function formatUntimed({ level, message, fields }: LogRecordFacts): string {
  let line = `${LEVEL_NAMES[level]} ${escape(message)}`;
  for (const [name, value] of given(fields)) line += ` ${escape(name)}=${textValue(value)}`;
  return line;
}

function formatForTerminal(
  { time, level, message, fields }: LogRecordFacts,
  color: boolean,
): string {
  const paint = (code: string, text: string) => color ? `${code}${text}${SGR.reset}` : text;
  const text = escape(message);
  const pairs = given(fields).map(([name, value]) =>
    `${paint(SGR.cyan, `${escape(name)}=`)}${textValue(value)}`
  );
  const words = [
    paint(SGR.dim, time.toISOString()),
    paint(LEVEL_COLORS[level], LEVEL_NAMES[level]),
    pairs.length === 0 ? text : text.padEnd(MESSAGE_COLUMNS),
    ...pairs,
  ];
  return words.join(" ");
}

function given(fields: Fields): [string, FieldValue][] {
  return Object.entries(fields).filter((field): field is [string, FieldValue] =>
    field[1] !== undefined
  );
}

function textValue(value: FieldValue): string {
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
