// CoDel (RFC 8289): which frames a standing queue gives up, judged by how long each one waited.

/** A wait that is never too long: what a burst needs to be evened out (RFC 8289, section 4.4). */
const TARGET_MS = 5;
/** For how long all waits may be over it: a round trip of what is carried (RFC 8289, section 4.3). */
const INTERVAL_MS = 100;

/** The state of one queue. Time is given, so that it is any clock's, in ms. */
export class CoDel {
  /** When waits will have been over the target for an interval; undefined while they are not. */
  #firstAboveMs: number | undefined = undefined;
  #dropping = false;
  #dropNextMs = 0;
  /** Frames dropped since dropping began, and how many there were the last time. */
  #count = 0;
  #lastCount = 0;

  /**
   * Whether the frame at the head of the queue is to be dropped rather than sent.
   *
   * @param waitedMs How long it was in the queue.
   * @param last Nothing worth dropping is behind it.
   * @param nowMs The time.
   */
  drops(waitedMs: number, last: boolean, nowMs: number): boolean {
    const standing = this.#standing(waitedMs, last, nowMs);
    if (!this.#dropping) {
      if (standing) this.#begin(nowMs);
      return standing;
    }
    if (!standing) {
      this.#dropping = false;
      return false;
    }
    if (nowMs < this.#dropNextMs) return false;
    this.#count++;
    this.#dropNextMs += this.#spacing();
    return true;
  }

  /** The queue is empty. */
  idle(): void {
    this.#firstAboveMs = undefined;
    this.#dropping = false;
  }

  #standing(waitedMs: number, last: boolean, nowMs: number): boolean {
    if (waitedMs < TARGET_MS || last) {
      this.#firstAboveMs = undefined;
      return false;
    }
    this.#firstAboveMs ??= nowMs + INTERVAL_MS;
    return nowMs >= this.#firstAboveMs;
  }

  // Where it has dropped lately, it goes on about as often as then (RFC 8289, section 5.5).
  #begin(nowMs: number): void {
    this.#dropping = true;
    const delta = this.#count - this.#lastCount;
    const lately = nowMs - this.#dropNextMs < 16 * INTERVAL_MS;
    this.#count = delta > 1 && lately ? delta : 1;
    this.#lastCount = this.#count;
    this.#dropNextMs = nowMs + this.#spacing();
  }

  // The control law: a rate that grows with the square root of the count makes TCP's fall linearly.
  #spacing(): number {
    return INTERVAL_MS / Math.sqrt(this.#count);
  }
}
