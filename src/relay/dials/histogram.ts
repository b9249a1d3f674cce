// A histogram of times with fixed buckets.

/** The upper bounds of the buckets, in ms; each bound belongs to its bucket. */
export const BOUNDS_MS: readonly number[] = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  1000,
  2000,
  5000,
  10_000,
];

/** The values of a histogram at one moment. */
export interface HistogramValues {
  /** The upper bounds of the buckets, in ms; each bound belongs to its bucket. */
  le: number[];
  /** The number of times in each bucket, and last the number of times above all bounds. */
  counts: number[];
  /** The number of all times. */
  count: number;
  /** The sum of all times, in ms. */
  sumMs: number;
}

/** A histogram of times in ms. */
export class Histogram {
  readonly #counts = new Float64Array(BOUNDS_MS.length + 1);
  #sumMs = 0;

  /** Counts a time. */
  note(ms: number): void {
    let at = 0;
    while (at < BOUNDS_MS.length && ms > BOUNDS_MS[at]) at++;
    this.#counts[at]++;
    this.#sumMs += ms;
  }

  /** Returns the values. */
  read(): HistogramValues {
    const counts = [...this.#counts];
    const count = counts.reduce((sum, each) => sum + each, 0);
    return { le: [...BOUNDS_MS], counts, count, sumMs: this.#sumMs };
  }
}
