// A histogram of times with a precision of one percent, in memory that does not grow with the frames.

/** Number of bins between one power of two and the next. */
const STEPS = 128;
const STEP_BITS = 7;
const UNIT_NS = 100;
const BINS = (33 - STEP_BITS) * STEPS;

/** A histogram of times from 0 to 429 s. */
export class Histogram {
  /** Number of times added. */
  count = 0;
  /** Largest time added, in microseconds. */
  maxUs = 0;
  readonly #bins = new Uint32Array(BINS);

  /** Adds a time. */
  addNs(ns: number): void {
    const units = ns <= 0 ? 0 : Math.min(ns / UNIT_NS, 0xffff_ffff) >>> 0;
    this.#bins[binOf(units)]++;
    this.count++;
    if (ns > this.maxUs * 1000) this.maxUs = ns / 1000;
  }

  /** Removes all times. */
  clear(): void {
    this.#bins.fill(0);
    this.count = this.maxUs = 0;
  }

  /** Returns the time in microseconds below which a share of the times lies, or NaN without any. */
  quantileUs(share: number): number {
    if (this.count === 0) return NaN;
    const rank = Math.max(1, Math.ceil(this.count * share));
    let seen = 0;
    let bin = 0;
    while (seen + this.#bins[bin] < rank) seen += this.#bins[bin++];
    return Math.min(this.maxUs, middleOf(bin) * UNIT_NS / 1000);
  }
}

function binOf(units: number): number {
  if (units < STEPS) return units;
  const shift = 31 - Math.clz32(units) - STEP_BITS;
  return (shift + 1) * STEPS + ((units >>> shift) - STEPS);
}

function middleOf(bin: number): number {
  if (bin < STEPS) return bin + 0.5;
  const shift = Math.floor(bin / STEPS) - 1;
  return (bin % STEPS + STEPS + 0.5) * 2 ** shift;
}
