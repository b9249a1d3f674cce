// CoDel (RFC 8289): drops frames from a standing queue, which it detects by the time that frames wait.

/** The longest wait that is acceptable at any time; it lets a burst pass (RFC 8289, section 4.4). */
const TARGET_MS = 5;
/** The time for which waits may exceed the target: about a round trip (RFC 8289, section 4.3). */
const INTERVAL_MS = 100;

/** The state of CoDel for one queue. All times are in ms, by any monotonic clock. */
export class CoDel {
  /** The time at which waits will have exceeded the target for an interval; undefined while they do not. */
  #firstAboveMs: number | undefined = undefined;
  #dropping = false;
  #dropNextMs = 0;
  /** The number of frames dropped since the dropping began. */
  #count = 0;
  /** The value of `#count` when the dropping began. */
  #lastCount = 0;

  /**
   * Decides about the frame at the head of the queue.
   *
   * @param waitedMs The time that the frame has waited
   * @param last True if the queue has no other frame
   * @param nowMs The time
   * @returns True to drop the frame instead of sending it
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

  /** Notes that the queue is empty. */
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

  // Resumes with about the last drop rate if the last drop was recent (RFC 8289, section 5.5).
  #begin(nowMs: number): void {
    this.#dropping = true;
    const delta = this.#count - this.#lastCount;
    const lately = nowMs - this.#dropNextMs < 16 * INTERVAL_MS;
    this.#count = delta > 1 && lately ? delta : 1;
    this.#lastCount = this.#count;
    this.#dropNextMs = nowMs + this.#spacing();
  }

  // The control law: a drop rate that grows with the square root of the count slows TCP down linearly.
  #spacing(): number {
    return INTERVAL_MS / Math.sqrt(this.#count);
  }
}
