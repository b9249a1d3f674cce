// A limit of the rate at which a tunnel sends. Data waits for it in the tunnel's queue, and control frames do not.

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
  readonly #perMs: number;
  readonly #most: number;
  #left: number;
  #filledMs: number;

  /** Makes a full budget of `bps` bits per second. */
  constructor(bps: number, nowMs: number) {
    this.bps = bps;
    this.#perMs = bps / BITS / 1000;
    this.#most = Math.max(BURST_MIN, BURST_MS * this.#perMs);
    this.#left = this.#most;
    this.#filledMs = nowMs;
  }

  /**
   * Returns the number of bytes of data that may be sent now.
   *
   * @param empty True if no data waits
   * @param nowMs The time
   */
  allow(empty: boolean, nowMs: number): number {
    if (nowMs > this.#filledMs) {
      const left = this.#left + (nowMs - this.#filledMs) * this.#perMs;
      this.#left = left > this.#most ? this.#most : left;
      this.#filledMs = nowMs;
    }
    if (empty || this.#left > 0) {
      this.sendsAtMs = Infinity;
      return Math.max(0, this.#left);
    }
    this.sendsAtMs = nowMs + QUANTUM_MS - this.#left / this.#perMs;
    return 0;
  }

  /** Notes that bytes were sent. */
  sent(bytes: number): void {
    this.#left -= bytes;
  }
}
