// A line on a terminal that shows that long work is alive. It is erased before anything else is written.

/** Where a {@linkcode Progress} is shown; by default on standard error. */
export interface ProgressOptions {
  /** Writes text. */
  write?: (text: string) => void;
  /** False to show nothing, as for a file or a pipe. */
  isTerminal?: boolean;
  /** Returns the number of columns. */
  columns?: () => number;
  /** Returns the time in ms, by a monotonic clock. */
  now?: () => number;
  /** Calls a function every second, until the returned one is called. */
  everySecond?: (act: () => void) => () => void;
}

/** The shortest time between two drawings. */
const DRAW_EVERY_MS = 100;
const DEFAULT_COLUMNS = 80;

/**
 * A line that says what is being done, and for how long. Nothing is written if it is not on a terminal.
 *
 * @example Usage
 * ```ts ignore
 * using progress = new Progress();
 * for (const [index, name] of names.entries()) {
 *   progress.show(`${index} of ${names.length}: ${name}`);
 *   await work(name);
 * }
 * ```
 */
export class Progress implements Disposable {
  readonly #write: (text: string) => void;
  readonly #isTerminal: boolean;
  readonly #columns: () => number;
  readonly #now: () => number;
  #text = "";
  #sinceMs = 0;
  #drawnMs = -Infinity;
  #isShown = false;
  readonly #everySecond: (act: () => void) => () => void;
  /** Stops the drawing of every second; undefined while there is no work. */
  #stop: (() => void) | undefined;

  /** Shows nothing yet. */
  constructor(options: ProgressOptions = {}) {
    this.#write = options.write ?? writeToStderr;
    this.#isTerminal = options.isTerminal ?? isTerminal();
    this.#columns = options.columns ?? terminalColumns;
    this.#now = options.now ?? (() => performance.now());
    this.#everySecond = options.everySecond ?? everySecond;
  }

  /**
   * Shows what is being done; to be called often. The time since the start of the work follows.
   *
   * @param text The text, which is cut to the width of the terminal
   */
  show(text: string): void {
    if (!this.#isTerminal) return;
    this.#text = text;
    if (this.#stop === undefined) {
      this.#sinceMs = this.#now();
      this.#stop = this.#everySecond(() => this.#draw());
    }
    if (this.#now() - this.#drawnMs >= DRAW_EVERY_MS) this.#draw();
  }

  /** Erases the line, so that something else can be written; the next `show` or second draws it again. */
  clear(): void {
    if (this.#isShown) this.#write("\r\x1b[K");
    this.#isShown = false;
    this.#drawnMs = -Infinity;
  }

  /** Erases the line at the end of the work. A later `show` begins anew. */
  end(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.clear();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #draw(): void {
    const nowMs = this.#now();
    const seconds = Math.floor((nowMs - this.#sinceMs) / 1000);
    const time = ` (${seconds < 60 ? "" : `${Math.floor(seconds / 60)} min `}${seconds % 60} s)`;
    // A line that reaches the last column would wrap, and could not be erased.
    const room = Math.max(0, this.#columns() - 1 - time.length);
    // Control characters would move the cursor.
    const text = this.#text.replace(/\p{C}/gu, "?").slice(0, room);
    this.#write(`\r${text}${time}\x1b[K`);
    this.#isShown = true;
    this.#drawnMs = nowMs;
  }
}

function isTerminal(): boolean {
  return Deno.stderr.isTerminal();
}

function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || DEFAULT_COLUMNS;
  } catch {
    // No descriptor that Deno asks is a terminal.
    return DEFAULT_COLUMNS;
  }
}

function everySecond(act: () => void): () => void {
  const timer = setInterval(act, 1000);
  // The work keeps the process, and not what is shown of it.
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

function writeToStderr(text: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  } catch {
    // The terminal is gone; the work goes on.
  }
}
