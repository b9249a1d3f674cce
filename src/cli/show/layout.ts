// Text in lines and columns of a limited width.

/** Characters that take two columns of a terminal. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{M}/u;
/** The space between two columns. */
const GAP = "  ";

/** A column of a table. */
export interface Column {
  title: string;
  /** The text of each row. */
  cells: readonly string[];
  /** True to align it at its right end. */
  isNumber?: boolean;
}

/**
 * Counts the columns of a terminal that a text takes.
 *
 * @param text The text, without control characters
 * @returns The number of columns
 */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    width += WIDE.test(character) ? 2 : COMBINING.test(character) ? 0 : 1;
  }
  return width;
}

/**
 * Fills a text up with spaces.
 *
 * @param text The text
 * @param width The number of columns
 * @param atStart True to put the spaces before it
 * @returns The text, unchanged if it is wider
 */
export function pad(text: string, width: number, atStart = false): string {
  const spaces = " ".repeat(Math.max(0, width - widthOf(text)));
  return atStart ? spaces + text : text + spaces;
}

/**
 * Shortens a text.
 *
 * @param text The text
 * @param width The maximum number of columns
 * @returns The text, with three dots at its end if some of it is missing
 */
export function clip(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let clipped = "";
  let rest = width - 3;
  for (const character of text) {
    rest -= widthOf(character);
    if (rest < 0) break;
    clipped += character;
  }
  return `${clipped}...`;
}

/**
 * Puts words into lines.
 *
 * @param words The words, or groups of words that stay together
 * @param width The maximum width of a line
 * @returns The lines, at least one
 */
export function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && widthOf(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/**
 * Aligns columns under their titles. If they are too wide, some are left out.
 *
 * @param columns The columns
 * @param width The maximum width of a line
 * @param dispensable The titles of the columns that may be left out, in this order, some of them together
 * @returns The lines, the titles first
 */
export function table(
  columns: readonly Column[],
  width: number,
  dispensable: readonly (readonly string[])[] = [],
): string[] {
  const measured = columns.map((column) => ({
    ...column,
    width: Math.max(...[column.title, ...column.cells].map(widthOf)),
  }));
  let shown = measured;
  const total = () => shown.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length);
  for (const titles of dispensable) {
    if (total() <= width) break;
    shown = shown.filter(({ title }) => !titles.includes(title));
  }
  const rows = columns[0]?.cells.length ?? 0;
  const lineOf = (cell: (column: Column) => string) =>
    shown.map((column) => pad(cell(column), column.width, column.isNumber)).join(GAP).trimEnd();
  return [
    lineOf(({ title }) => title),
    ...Array.from({ length: rows }, (_, row) => lineOf(({ cells }) => cells[row])),
  ];
}
