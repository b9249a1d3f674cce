// The schedule of frames on a long, lossy, narrow path, without sockets or a clock of its own.

/** The properties of a path, the same in both directions. */
export interface WanOptions {
  /** Minimum delay of a frame. */
  delayMs: number;
  /** Percentage of frames that are lost at random. */
  lossPercent: number;
  /** Capacity in Mbit/s. */
  mbit: number;
}

/** The possible fates of a frame. */
export const FATES = ["carried", "lost", "full", "large"] as const;
/** One of {@linkcode FATES}. */
export type Fate = typeof FATES[number];

/** Maximum time that a frame waits before the narrow part. Later frames are dropped. */
const QUEUE_US = 50_000;
const SEED = 0x9e37_79b9;

/** The schedule of one direction. */
export class Schedule {
  readonly #delayUs: number;
  readonly #bitsAUs: number;
  readonly #lossOf32Bits: number;
  #random: number;
  /** Time at which the narrow part has sent everything. */
  #freeUs = 0;

  /**
   * Makes an empty schedule.
   *
   * @param options The properties of the path
   * @param seed The seed of the losses, which are the same in each run
   */
  constructor({ delayMs, lossPercent, mbit }: WanOptions, seed = SEED) {
    this.#delayUs = delayMs * 1000;
    this.#bitsAUs = mbit;
    this.#lossOf32Bits = lossPercent / 100 * 2 ** 32;
    this.#random = seed;
  }

  /**
   * Schedules a frame.
   *
   * @param nowUs The time of its arrival in microseconds
   * @param bytes The length of the frame
   * @returns The time of its departure in microseconds; -1 if it is lost; -2 if the queue is full
   */
  accept(nowUs: number, bytes: number): number {
    if (this.#next() < this.#lossOf32Bits) return -1;
    const startUs = Math.max(this.#freeUs, nowUs);
    if (startUs - nowUs > QUEUE_US) return -2;
    this.#freeUs = startUs + bytes * 8 / this.#bitsAUs;
    return this.#freeUs + this.#delayUs;
  }

  /** Returns the next pseudo-random number of Marsaglia's xorshift32. */
  #next(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return x >>> 0;
  }
}
