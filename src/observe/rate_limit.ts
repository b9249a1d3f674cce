// A rate limit that keeps repeated messages from flooding the log.

interface Window {
  startMs: number;
  passed: number;
  suppressed: number;
}

/** A limit that allows the first few calls for a key in each interval, and counts the others. */
export class RateLimit {
  readonly #intervalMs: number;
  readonly #burst: number;
  readonly #keys: number;
  // Ordered by start, because a window is inserted at the end when it starts.
  readonly #windows = new Map<string, Window>();

  /**
   * Makes a limit.
   *
   * @param intervalMs The length of an interval, in milliseconds
   * @param burst The number of calls allowed per key in an interval
   * @param keys The maximum number of keys to remember; a new key replaces the one whose interval
   * started first
   */
  constructor(intervalMs: number, burst = 1, keys = 256) {
    this.#intervalMs = intervalMs;
    this.#burst = burst;
    this.#keys = keys;
  }

  /**
   * Counts a call and decides whether it is allowed.
   *
   * @param key The key of the call
   * @param nowMs The time of a monotonic clock, in milliseconds
   * @returns The number of calls with this key suppressed since the last one allowed, or -1 if this
   * call is suppressed
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
