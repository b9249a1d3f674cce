// Keeps repeated messages from filling the log.

interface Window {
  startMs: number;
  passed: number;
  suppressed: number;
}

/** Lets the first few of a kind pass in each interval, and counts the rest. */
export class RateLimit {
  readonly #intervalMs: number;
  readonly #burst: number;
  readonly #keys: number;
  // In the order of their starts, since a window is put at the end when it starts.
  readonly #windows = new Map<string, Window>();

  /**
   * Makes a limit.
   *
   * @param intervalMs How long an interval is, in milliseconds.
   * @param burst How many of one key pass in an interval.
   * @param keys How many keys are remembered; the one whose interval started first is forgotten for a
   * new one.
   */
  constructor(intervalMs: number, burst = 1, keys = 256) {
    this.#intervalMs = intervalMs;
    this.#burst = burst;
    this.#keys = keys;
  }

  /**
   * Asks whether one more may pass.
   *
   * @param key What is counted as the same.
   * @param nowMs The time in milliseconds, on a clock that never goes back.
   * @returns -1 to stay silent; otherwise how many of this key were suppressed since the last that
   * passed.
   */
  allow(key: string, nowMs: number): number {
    const window = this.#windows.get(key);
    if (window !== undefined && nowMs - window.startMs < this.#intervalMs) {
      if (window.passed < this.#burst) {
        window.passed++;
        return 0;
      }
      window.suppressed++;
      return -1;
    }

    this.#windows.delete(key);
    if (this.#windows.size >= this.#keys) {
      for (const oldest of this.#windows.keys()) {
        this.#windows.delete(oldest);
        break;
      }
    }
    this.#windows.set(key, { startMs: nowMs, passed: 1, suppressed: 0 });
    return window?.suppressed ?? 0;
  }
}
