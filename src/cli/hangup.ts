// SIGHUP, which comes from an operator or from the end of the terminal. Deno does not say who sent it.

/** The bit of SIGHUP in the sets of signals of /proc/self/status. */
const SIGHUP_BIT = 1n;
/** The time between two looks at the terminal. */
const LOOK_EVERY_MS = 5000;
/** The time after the terminal's end within which its SIGHUP arrives. */
const RECENT_MS = 2 * LOOK_EVERY_MS;
/** The time after SIGHUP within which the terminal goes, if its session's leader has ended before it. */
const SETTLE_MS = 100;

/**
 * Returns true if this process was started with SIGHUP ignored, as by nohup(1). To be called before a
 * listener is added, which changes that.
 *
 * @param status The text of /proc/self/status
 *
 * See proc_pid_status(5).
 */
export function ignoresHangup(status = readProc("status")): boolean {
  const [, ignored] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return ignored !== undefined && (BigInt(`0x${ignored}`) & SIGHUP_BIT) !== 0n;
}

/**
 * Returns true if this process has a controlling terminal. It loses it when the terminal ends, or the leader
 * of its session.
 *
 * @param stat The text of /proc/self/stat
 *
 * See proc_pid_stat(5).
 */
export function hasTerminal(stat = readProc("stat")): boolean {
  // The name of the program, in parentheses, may contain anything.
  const [, , , , terminal = "0"] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return terminal !== "0";
}

/** The surroundings of {@linkcode TerminalWatch}. */
export interface TerminalWatchOptions {
  hasTerminal?: () => boolean;
  now?: () => number;
  /** Calls a function repeatedly until the returned function is called. */
  everyMs?: (act: () => void, ms: number) => () => void;
  delay?: (ms: number) => Promise<void>;
}

/** Watches the controlling terminal, to tell the SIGHUP of its end from that of an operator. */
export class TerminalWatch {
  readonly #hasTerminal: () => boolean;
  readonly #now: () => number;
  readonly #delay: (ms: number) => Promise<void>;
  #stop: (() => void) | undefined;
  /** The time at which the terminal was first seen to be gone; -Infinity if there never was one. */
  #goneMs: number | undefined;

  /**
   * Begins to watch; a terminal that goes later on is noticed.
   *
   * @param options The surroundings, for tests
   */
  constructor(options: TerminalWatchOptions = {}) {
    this.#hasTerminal = options.hasTerminal ?? hasTerminal;
    this.#now = options.now ?? (() => performance.now());
    this.#delay = options.delay ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
    if (!this.#hasTerminal()) this.#goneMs = -Infinity;
    else this.#stop = (options.everyMs ?? everyMs)(() => this.#look(), LOOK_EVERY_MS);
  }

  /** Returns true if the SIGHUP that has just arrived came from the end of the terminal. */
  async hasEnded(): Promise<boolean> {
    this.#look();
    if (this.#goneMs === undefined) {
      await this.#delay(SETTLE_MS);
      this.#look();
    }
    return this.#goneMs !== undefined && this.#now() - this.#goneMs < RECENT_MS;
  }

  #look(): void {
    if (this.#goneMs !== undefined || this.#hasTerminal()) return;
    this.#goneMs = this.#now();
    this.#stop?.();
  }
}

function everyMs(act: () => void, ms: number): () => void {
  const timer = setInterval(act, ms);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

function readProc(name: string): string {
  try {
    return Deno.readTextFileSync(`/proc/self/${name}`);
  } catch {
    // Without /proc, SIGHUP is taken for an operator's.
    return "";
  }
}
