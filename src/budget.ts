// A budget that fills at one rate: a token bucket that may go into debt, without an allocation for a frame.

/** A budget of frames, bytes or time. Times are in ms, by a monotonic clock. */
export class Budget {
  readonly #perMs: number;
  readonly #most: number;
  #left: number;
  #filledMs: number;

  /**
   * Makes a full budget.
   *
   * @param perSecond The rate at which it fills
   * @param most The largest amount in it
   * @param nowMs The time
   */
  constructor(perSecond: number, most: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#most = most;
    this.#left = most;
    this.#filledMs = nowMs;
  }

  /** Returns the amount that is left, which is negative after too much was spent. */
  left(nowMs: number): number {
    if (nowMs > this.#filledMs) {
      const left = this.#left + (nowMs - this.#filledMs) * this.#perMs;
      this.#left = left > this.#most ? this.#most : left;
      this.#filledMs = nowMs;
    }
    return this.#left;
  }

  /** Spends an amount, even if there is less. */
  spend(amount: number): void {
    this.#left -= amount;
  }

  /** Returns the time until there is a certain amount, in ms; 0 if there is. */
  waitMs(amount: number, nowMs: number): number {
    const missing = Math.min(amount, this.#most) - this.left(nowMs);
    return missing > 0 ? missing / this.#perMs : 0;
  }

  /** True if at least half of it is there. */
  isAmple(nowMs: number): boolean {
    return this.left(nowMs) >= this.#most / 2;
  }
}
