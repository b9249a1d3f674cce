// A budget for each kind of log line, so that nobody can fill a disk by what is logged about them.

import { Budget } from "../budget.ts";
import { describeLine, writeLine } from "./log_lines.ts";
import type { Facts, Fields, Log, LogLevel } from "./log_record.ts";

/** The number of lines of one kind that can come together: the sessions of a site after a power failure. */
const BURST = 1000;
/** The number of lines of one kind a second, in the long run. */
const PER_SECOND = 2;
/** The same for level debug, which somebody has asked for. */
const DEBUG_PER_SECOND = 100;
/** The time between two reports of what was left out. */
const REPORT_EVERY_MS = 60_000;
/** The number of kinds with a budget of their own. All others share one. */
const MAX_KINDS = 64;
/** The number of words at its start that make the kind of a line. Names and numbers follow later. */
const KIND_WORDS = 3;
const OTHERS = "others";

/** The levels that have a budget. An error is the program's own, and never left out. */
type Limited = Exclude<LogLevel, "error">;

interface Account {
  readonly level: Limited;
  readonly kind: string;
  readonly budget: Budget;
  leftOut: number;
}

/** Lines that were left out. */
export interface LeftOut {
  level: Limited;
  /** The words with which the lines begin. */
  kind: string;
  lines: number;
}

/** Decides which lines are written. Times are in ms, by a monotonic clock. */
export class LogBudget {
  readonly #accounts = new Map<string, Account>();

  /**
   * Decides whether to write a line.
   *
   * @param level The level
   * @param message The message
   * @param nowMs The time
   * @returns True to write it; false to count it as left out
   */
  allow(level: Limited, message: string, nowMs: number): boolean {
    const account = this.#accountOf(level, message.split(" ", KIND_WORDS).join(" "), nowMs);
    if (account.budget.left(nowMs) >= 1) {
      account.budget.spend(1);
      return true;
    }
    account.leftOut++;
    return false;
  }

  /** Returns what was left out since the last call. */
  takeLeftOut(): LeftOut[] {
    const all: LeftOut[] = [];
    for (const account of this.#accounts.values()) {
      const { level, kind, leftOut: lines } = account;
      if (lines > 0) all.push({ level, kind, lines });
      account.leftOut = 0;
    }
    return all;
  }

  #accountOf(level: Limited, kind: string, nowMs: number): Account {
    const key = `${level} ${kind}`;
    const known = this.#accounts.get(key);
    if (known !== undefined) return known;
    if (kind !== OTHERS && this.#accounts.size >= MAX_KINDS && !this.#forgetOne(nowMs)) {
      return this.#accountOf(level, OTHERS, nowMs);
    }
    const perSecond = level === "debug" ? DEBUG_PER_SECOND : PER_SECOND;
    const account = { level, kind, budget: new Budget(perSecond, BURST, nowMs), leftOut: 0 };
    this.#accounts.set(key, account);
    return account;
  }

  /** Forgets a kind that has its whole budget again, which makes no difference. */
  #forgetOne(nowMs: number): boolean {
    for (const [key, account] of this.#accounts) {
      if (account.budget.left(nowMs) < BURST || account.leftOut > 0) continue;
      this.#accounts.delete(key);
      return true;
    }
    return false;
  }
}

/** A log that keeps to a budget, and reports what it leaves out. */
export class BudgetedLog implements Log {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #budget = new LogBudget();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sinceMs = 0;

  /**
   * Makes a log that writes to another one.
   *
   * @param log The other log
   * @param now Returns the time in ms, by a monotonic clock
   */
  constructor(log: Log, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  debug(message: string, fields?: Fields, facts?: Facts): void {
    this.#write("debug", message, fields, facts);
  }

  info(message: string, fields?: Fields, facts?: Facts): void {
    this.#write("info", message, fields, facts);
  }

  warning(message: string, fields?: Fields, facts?: Facts): void {
    this.#write("warning", message, fields, facts);
  }

  error(message: string, fields?: Fields, facts?: Facts): void {
    this.#log.error(message, fields, facts);
  }

  /** Reports what was left out since the last report. */
  report(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const seconds = Math.ceil((this.#now() - this.#sinceMs) / 1000);
    for (const { level, kind, lines } of this.#budget.takeLeftOut()) {
      const line = describeLine("lines-left-out", { like: kind, lines, seconds });
      writeLine(this.#log, { ...line, level });
    }
  }

  #write(level: Limited, message: string, fields?: Fields, facts?: Facts): void {
    const nowMs = this.#now();
    if (this.#budget.allow(level, message, nowMs)) return this.#log[level](message, fields, facts);
    if (this.#timer !== undefined) return;
    this.#sinceMs = nowMs;
    this.#timer = setTimeout(() => this.report(), REPORT_EVERY_MS);
    Deno.unrefTimer(this.#timer);
  }
}
