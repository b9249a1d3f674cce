// SIGHUP, which comes from an operator or from the end of the terminal. Deno does not say who sent it.

import { readSystemFile } from "../../ffi/mod.ts";

/** The bit of SIGHUP in the sets of signals of /proc/self/status. */
const SIGHUP_BIT = 1n;
/** The time between two looks at the terminal. */
const LOOK_EVERY_MS = 500;
/**
 * The time after the terminal's end is noticed within which its SIGHUP arrives, also by way of a shell or sudo.
 * Short, because a later one comes from an operator, who may have logged in anew to send it.
 */
const RECENT_MS = 1000;
/** The time after SIGHUP within which the terminal goes, if its session's leader has ended before it. */
const SETTLE_MS = 100;
/** The place of `starttime` in /proc/pid/stat, counted from the field after the program's name. */
const STARTED = 19;

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

/** The part of /proc/pid/stat that is needed here. */
export interface ProcessStat {
  pid: number;
  parent: number;
  /** The time of its start, which tells it from a later process with the same pid. */
  started: string;
  /** True if the process has a controlling terminal; it loses it when the terminal ends. */
  hasTerminal: boolean;
}

/**
 * Parses the state of a process.
 *
 * @param text The text of /proc/pid/stat
 * @returns The state; undefined if there is no such process, or it has ended
 *
 * See proc_pid_stat(5).
 */
export function parseStat(text: string): ProcessStat | undefined {
  // The name of the program, in parentheses, may contain anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields.length <= STARTED) return undefined;
  const [state, parent, , , terminal] = fields;
  // A zombie has ended, although its parent does not know yet.
  if (state === "Z") return undefined;
  return {
    pid: parseInt(text),
    parent: Number(parent),
    started: fields[STARTED],
    hasTerminal: terminal !== "0",
  };
}

/** The surroundings of {@linkcode TerminalWatch}. */
export interface TerminalWatchOptions {
  /** Returns the text of /proc/pid/stat; without such a process, an empty one. */
  stat?: (pid: number | "self") => string;
  /** Returns the time in ms, by a monotonic clock; by default `performance.now()`. */
  now?: () => number;
  /** Calls a function repeatedly until the returned function is called. */
  everyMs?: (act: () => void, ms: number) => () => void;
  /** Waits for a time in ms; by default with a timer. */
  delay?: (ms: number) => Promise<void>;
}

/**
 * Watches the controlling terminal, to tell the SIGHUP of its end from that of an operator. Watches those of
 * its ancestors too: sudo(8) gives the program a terminal of its own, and passes SIGHUP on when the user's
 * terminal has ended.
 */
export class TerminalWatch {
  readonly #stat: (pid: number | "self") => string;
  readonly #now: () => number;
  readonly #delay: (ms: number) => Promise<void>;
  /** This process and its ancestors, as far as they had a terminal. */
  readonly #users: ProcessStat[];
  #stop: (() => void) | undefined;
  /** The time at which a terminal was first seen to be gone; -Infinity if there never was one. */
  #goneMs: number | undefined;

  /**
   * Begins to watch; a terminal that goes later on is noticed.
   *
   * @param options The surroundings, for tests
   */
  constructor(options: TerminalWatchOptions = {}) {
    this.#stat = options.stat ?? ((pid) => readProc("stat", pid));
    this.#now = options.now ?? (() => performance.now());
    this.#delay = options.delay ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
    this.#users = terminalUsers(this.#stat);
    if (this.#users.length === 0) this.#goneMs = -Infinity;
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
    if (this.#goneMs !== undefined) return;
    // An ancestor that has ended says nothing about its terminal, and its pid may be another process's.
    const hasLost = ({ pid, started }: ProcessStat) => {
      const now = parseStat(this.#stat(pid));
      return now?.started === started && !now.hasTerminal;
    };
    if (!this.#users.some(hasLost)) return;
    this.#goneMs = this.#now();
    this.#stop?.();
  }
}

function terminalUsers(stat: (pid: number | "self") => string): ProcessStat[] {
  const users: ProcessStat[] = [];
  let next = parseStat(stat("self"));
  // A process that has none, as by setsid(1), gets no SIGHUP from one.
  if (!next?.hasTerminal) return users;
  while (next !== undefined) {
    if (next.hasTerminal) users.push(next);
    next = next.parent === 0 ? undefined : parseStat(stat(next.parent));
  }
  return users;
}

function everyMs(act: () => void, ms: number): () => void {
  const timer = setInterval(act, ms);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

function readProc(name: string, pid: number | "self" = "self"): string {
  try {
    return readSystemFile(`/proc/${pid}/${name}`);
  } catch {
    // There is no such process. Without /proc, SIGHUP is taken for an operator's.
    return "";
  }
}
