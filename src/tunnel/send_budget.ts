// A limit of the rate at which a tunnel sends. Data waits for it in the tunnel's queue, and control frames do not.

import { Budget } from "../budget.ts";

/** The largest burst: the bytes of this time, or one large batch. */
const BURST_MS = 100;
const BURST_MIN = 16 * 1024;
/** The time for which data waits once the budget is used up, so that several frames go out at once. */
const QUANTUM_MS = 5;
const BITS = 8;

/** The bytes that a tunnel may send. */
export class SendBudget {
  /** The time at which data may be sent; `Infinity` if none waits for the budget. */
  sendsAtMs = Infinity;
  /** The bits per second at which it fills. */
  readonly bps: number;
  readonly #budget: Budget;
  /** The number of bytes for which data waits. */
  readonly #quantum: number;

  /** Makes a full budget of `bps` bits per second. */
  constructor(bps: number, nowMs: number) {
    this.bps = bps;
    const perSecond = bps / BITS;
    const perMs = perSecond / 1000;
    this.#budget = new Budget(perSecond, Math.max(BURST_MIN, BURST_MS * perMs), nowMs);
    this.#quantum = QUANTUM_MS * perMs;
  }

  /**
   * Returns the number of bytes of data that may be sent now.
   *
   * @param empty True if no data waits
   * @param nowMs The time
   */
  allow(empty: boolean, nowMs: number): number {
    const left = this.#budget.left(nowMs);
    if (empty || left > 0) {
      this.sendsAtMs = Infinity;
      return Math.max(0, left);
    }
    this.sendsAtMs = nowMs + this.#budget.waitMs(this.#quantum, nowMs);
    return 0;
  }

  /** Notes that bytes were sent. */
  sent(bytes: number): void {
    this.#budget.spend(bytes);
  }
}
