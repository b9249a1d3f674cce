// When a frame leaves a long, lossy, narrow path, if it does: without sockets or a clock of its own.

/** What a path is like, each way. */
export interface WanOptions {
  /** How long each frame takes at least. */
  delayMs: number;
  /** How many frames of a hundred are lost, at random. */
  lossPercent: number;
  /** How much it carries, in Mbit/s. */
  mbit: number;
}

/** What can become of a frame. */
export const FATES = ["carried", "lost", "full", "large"] as const;
/** One of {@linkcode FATES}. */
export type Fate = typeof FATES[number];

/** The frames that wait for the narrow part are dropped when they would for longer. */
const QUEUE_US = 50_000;
const SEED = 0x9e37_79b9;

/** One way. */
export class Schedule {
  readonly #delayUs: number;
  readonly #bitsAUs: number;
  readonly #lossOf32Bits: number;
  #random: number;
  /** When the narrow part has nothing to send any more. */
  #freeUs = 0;

  /**
   * An empty one.
   *
   * @param seed Which frames are lost: the same ones at each run
   */
  constructor({ delayMs, lossPercent, mbit }: WanOptions, seed = SEED) {
    this.#delayUs = delayMs * 1000;
    this.#bitsAUs = mbit;
    this.#lossOf32Bits = lossPercent / 100 * 2 ** 32;
    this.#random = seed;
  }

  /**
   * Takes a frame that has come.
   *
   * @returns When it leaves, in microseconds; or less than 0, when it does not: -1 that it is lost, -2
   * that the queue is full
   */
  accept(nowUs: number, bytes: number): number {
    if (this.#next() < this.#lossOf32Bits) return -1;
    const startUs = Math.max(this.#freeUs, nowUs);
    if (startUs - nowUs > QUEUE_US) return -2;
    this.#freeUs = startUs + bytes * 8 / this.#bitsAUs;
    return this.#freeUs + this.#delayUs;
  }

  // Marsaglia's xorshift32.
  #next(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return x >>> 0;
  }
}
