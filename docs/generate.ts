// deno task docs: writes the parts of the docs that follow from the source, between their two marks.

import { type LineKind, LOG_FIELDS, LOG_LINES, PLACEHOLDER } from "../src/observe/log_lines.ts";
import { type MetricFamily, METRICS } from "../src/observe/metric_families.ts";
import { describeEnd, SESSION_CAUSES } from "../src/relay/mod.ts";
import { TUNNEL_CAUSES } from "../src/tunnel_cause.ts";

/** The generated parts, by their file below `docs` and their name. */
const PARTS: Record<string, Record<string, () => string>> = {
  "LOG.md": {
    "log lines": logLines,
    "log fields": logFields,
    "tunnel causes": () => table(["cause", "meaning"], Object.entries(TUNNEL_CAUSES).map(coded)),
    "session causes": () =>
      table(
        ["cause", "reason"],
        SESSION_CAUSES.map((cause) => coded([cause, describeEnd({ cause })])),
      ),
  },
  "OPERATIONS.md": { metrics },
};

/**
 * Writes the generated parts of a file again.
 *
 * @param file The file's name
 * @param text Its text
 * @returns Its text with the present parts
 * @throws {Error} If the marks of a part are missing
 */
export function regenerate(file: string, text: string): string {
  for (const [name, make] of Object.entries(PARTS[file])) {
    const [begin, end] = ["begin", "end"].map((word) => `<!-- ${word} ${name} -->\n`);
    const [before, rest] = text.split(begin);
    const [, after] = rest?.split(end) ?? [];
    if (after === undefined) throw new Error(`Cannot find ${begin.trim()} and its end in ${file}`);
    text = `${before}${begin}\n${make()}\n${end}${after}`;
  }
  return text;
}

/** The files with generated parts. */
export const FILES: readonly string[] = Object.keys(PARTS);

function logLines(): string {
  const rows = Object.entries(LOG_LINES).map(([name, kind]: [string, LineKind]) => {
    const { level = "theirs", message, fields, said = [] } = kind;
    const inMessage = [...message.matchAll(PLACEHOLDER)].map(([, , field]) => field);
    const shown = fields.filter((field) => !said.includes(field) && !inMessage.includes(field));
    const others = fields.filter((field) => !shown.includes(field));
    return [code(name), level, code(pattern(message)), list(shown), list(others)];
  });
  return table(["event", "level", "message", "fields", "only as JSON"], rows);
}

function logFields(): string {
  return table(["field", "meaning"], Object.entries(LOG_FIELDS).map(coded));
}

function metrics(): string {
  const rows = Object.entries<MetricFamily>(METRICS).map(([name, { type, labels = [], help }]) => [
    code(name),
    type,
    list(labels),
    help.replace(/\.$/, ""),
  ]);
  return table(["metric", "type", "labels", "meaning"], rows);
}

/** Writes a message as help texts do: capitals for a value, brackets around what may be missing. */
function pattern(message: string): string {
  return message.replace(PLACEHOLDER, (_all, before: string, field: string) => {
    const value = field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    return before === "" ? value : `[${before}${value}]`;
  });
}

function coded([name, meaning]: [string, string]): string[] {
  return [code(name), meaning];
}

function code(text: string): string {
  return `\`${text}\``;
}

function list(names: readonly string[]): string {
  return names.map(code).join(", ");
}

/** Makes a table as `deno fmt` has it, with columns of one width. */
function table(head: string[], rows: string[][]): string {
  const all = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  const [first, ...others] = all.map(line);
  return [first, line(widths.map((width) => "-".repeat(width))), ...others, ""].join("\n");
}

if (import.meta.main) {
  for (const file of FILES) {
    const url = new URL(file, import.meta.url);
    Deno.writeTextFileSync(url, regenerate(file, Deno.readTextFileSync(url)));
  }
}
