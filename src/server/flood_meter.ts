// Recognizes a flood of connections by the number that is refused in a second. No I/O.

/** The number of refused connections in a second that make a flood. */
export const FLOOD_PER_SECOND = 500;
const INTERVAL_MS = 1000;

/** Counts refused connections. Times are in ms, by a monotonic clock. */
export class FloodMeter {
  #startMs = -Infinity;
  #refused = 0;
  #isFlood = false;

  /**
   * Counts a connection.
   *
   * @param isRefused True if it was refused
   * @param nowMs The time
   * @returns True during a flood, which ends with the first whole second that has fewer refused connections
   */
  count(isRefused: boolean, nowMs: number): boolean {
    const passedMs = nowMs - this.#startMs;
    if (passedMs >= INTERVAL_MS) {
      // A longer pause than one interval had a second without any.
      this.#isFlood = passedMs < 2 * INTERVAL_MS && this.#refused >= FLOOD_PER_SECOND;
      this.#refused = 0;
      this.#startMs = nowMs;
    }
    if (isRefused) this.#refused++;
    if (this.#refused >= FLOOD_PER_SECOND) this.#isFlood = true;
    return this.#isFlood;
  }
}
