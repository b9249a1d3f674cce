// Standard output for a watch: a screen that is drawn again each time, or one block of lines after the other.

import { POLLOUT, PollSet } from "../../ffi/mod.ts";

const STDOUT = 1;
/** The size of a terminal that has none, as a new pseudoterminal. */
const USUAL_SIZE = { columns: 80, rows: 24 };
/** The time for which the end waits for a terminal that takes nothing. */
const CLOSE_WAIT_MS = 200;
/** Changes to a screen of its own, without a cursor, and without breaking lines that are too long. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const END_OF_LINE = "\x1b[K\r\n";
const REST_OF_SCREEN = "\x1b[J";
const encoder = new TextEncoder();

/** The size of a terminal. */
export interface TerminalSize {
  columns: number;
  rows: number;
}

/**
 * Returns the size of the terminal at standard output.
 *
 * @returns The size; undefined if there is no terminal
 */
export function terminalSize(): TerminalSize | undefined {
  if (!Deno.stdout.isTerminal()) return undefined;
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || USUAL_SIZE.columns, rows: rows || USUAL_SIZE.rows };
  } catch {
    return USUAL_SIZE;
  }
}

/**
 * Writes to standard output. It does not block this thread, so that signals still work.
 *
 * @param text The text
 * @returns False if nobody reads it any more
 */
export async function writeOutput(text: string): Promise<boolean> {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
    return true;
  } catch {
    // The reader of a pipe has ended, or the terminal has.
    return false;
  }
}

/** Fits lines to the height of a screen, by leaving out the last ones. */
export function fitLines(lines: readonly string[], rows: number): readonly string[] {
  if (lines.length <= rows) return lines;
  const shown = Math.max(0, rows - 1);
  return [...lines.slice(0, shown), `... and ${lines.length - shown} more lines`].slice(0, rows);
}

/** The place where a watch shows its blocks of lines. */
export interface WatchOutput extends Disposable {
  /** Shows lines, and returns false if nobody sees them any more. */
  show(lines: readonly string[]): Promise<boolean>;
}

/** A terminal, with a screen of its own until the end. */
export class Screen implements WatchOutput {
  #isOpen = false;

  /** Draws the lines over those before. */
  show(lines: readonly string[]): Promise<boolean> {
    const { rows } = terminalSize() ?? USUAL_SIZE;
    // The last line has no line break, which would move the others up.
    const text = fitLines(lines, rows).join(END_OF_LINE);
    const start = this.#isOpen ? HOME : `${ENTER}${HOME}`;
    this.#isOpen = true;
    return writeOutput(`${start}${text}\x1b[K${REST_OF_SCREEN}`);
  }

  /** Gives the terminal back as it was. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const poll = new PollSet(1);
    poll.add(STDOUT, POLLOUT);
    if (poll.wait(CLOSE_WAIT_MS) === 0) return;
    try {
      Deno.stdout.writeSync(encoder.encode(LEAVE));
    } catch {
      // The terminal is gone.
    }
  }
}

/** Blocks of lines, one after the other. */
export class Blocks implements WatchOutput {
  #isFirst = true;

  show(lines: readonly string[]): Promise<boolean> {
    const text = `${this.#isFirst ? "" : "\n"}${lines.join("\n")}\n`;
    this.#isFirst = false;
    return writeOutput(text);
  }

  [Symbol.dispose](): void {}
}

/** Lines of JSON, each of which is a document. */
export class JsonLines implements WatchOutput {
  show(lines: readonly string[]): Promise<boolean> {
    return writeOutput(`${lines.join("\n")}\n`);
  }

  [Symbol.dispose](): void {}
}
