// Recognizes a flood of connections by the number that is refused in a second, and decides which share of new
// connections the kernel should pass on. No I/O.

/** The number of refused connections in a second that make a flood. */
export const FLOOD_PER_SECOND = 500;
/** The number of refused connections in a second beyond which the kernel drops some before. */
export const REFUSED_PER_SECOND = 3000;
/** The smallest share that passes. */
export const LEAST_SHARE = 1 / 1024;
const INTERVAL_MS = 1000;

/** Counts refused connections. Times are in ms, by a monotonic clock. */
export class FloodMeter {
  #startMs: number;
  #refused = 0;
  #isFlood = false;
  #share = 1;

  /** Starts to count. */
  constructor(nowMs: number) {
    this.#startMs = nowMs;
  }

  /** True during a flood, which ends with the first interval that has fewer refused connections. */
  get isFlood(): boolean {
    return this.#isFlood;
  }

  /** The share of new connections that should pass, so that as many are refused as there is time for. */
  get share(): number {
    return this.#share;
  }

  /**
   * Counts a refused connection.
   *
   * @param nowMs The time
   */
  refused(nowMs: number): void {
    this.tick(nowMs);
    this.#refused++;
    if (this.#refused >= FLOOD_PER_SECOND) this.#isFlood = true;
    if (this.#refused > 2 * REFUSED_PER_SECOND) this.#decide(nowMs);
  }

  /**
   * Ends the interval if it is over.
   *
   * @param nowMs The time
   */
  tick(nowMs: number): void {
    if (nowMs - this.#startMs >= INTERVAL_MS) this.#decide(nowMs);
  }

  #decide(nowMs: number): void {
    const passedMs = Math.max(1, nowMs - this.#startMs);
    const perSecond = this.#refused * 1000 / passedMs;
    this.#startMs = nowMs;
    this.#refused = 0;
    this.#isFlood = perSecond >= FLOOD_PER_SECOND;
    // The share falls at once, and rises by steps, since the number of attempts behind it is not known.
    const wanted = REFUSED_PER_SECOND / Math.max(1, perSecond);
    if (wanted < 1) this.#share = Math.max(LEAST_SHARE, this.#share * wanted);
    else if (wanted >= 2) this.#share = Math.min(1, this.#share * 2);
    // A flood goes on as long as the kernel holds it back.
    if (this.#share < 1) this.#isFlood = true;
  }
}
