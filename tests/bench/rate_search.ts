// The search for the highest rate that passes without loss, by trials that are not always right.

/** The result of a trial at a rate. */
export interface Attempt {
  /** The actual rate, which is less than requested if the generator could not keep up. */
  offered: number;
  passed: boolean;
}

/** The limits of a search. */
export interface SearchOptions {
  /** Rate of the first trial. */
  start: number;
  /** Lowest rate to try. */
  least: number;
  /** Highest rate to try. */
  most: number;
  /** Precision of the result: 0.03 for 3 %. */
  resolution: number;
}

/** The result of a search. */
export interface SearchResult {
  /** Highest rate that passed, or 0 if none did. */
  rate: number;
  /** True if the generator or `most` was the limit, so that the path may carry more. */
  atLeast: boolean;
}

/** Factors for the first steps away from the start, until the result lies between two rates. */
const UP = 1.25;
const DOWN = 0.75;
/** Share of the requested rate below which the generator has reached its limit. */
const KEPT_UP = 0.95;

/**
 * Searches for the highest rate that passes. Tries a rate that fails a second time, because a machine
 * that also does other work sometimes loses frames at any rate.
 *
 * @param attempt Runs a trial
 * @param options The limits of the search
 * @returns The highest rate that passed
 */
export async function searchRate(
  attempt: (rate: number) => Promise<Attempt>,
  options: SearchOptions,
): Promise<SearchResult> {
  const { least, most, resolution } = options;
  let passed = 0;
  let failed = Infinity;
  let best = 0;
  for (let rate = clamp(options.start, least, most);;) {
    const outcome = await attemptTwice(attempt, rate);
    if (outcome.passed) {
      best = Math.max(best, outcome.offered);
      if (outcome.offered < rate * KEPT_UP || rate >= most) return { rate: best, atLeast: true };
      passed = rate;
    } else {
      if (rate <= least) return { rate: 0, atLeast: false };
      failed = rate;
    }
    if (failed <= passed * (1 + resolution)) return { rate: best, atLeast: false };
    if (failed === Infinity) rate = Math.min(most, passed * UP);
    else if (passed === 0) rate = Math.max(least, failed * DOWN);
    else rate = Math.sqrt(passed * failed);
  }
}

async function attemptTwice(
  attempt: (rate: number) => Promise<Attempt>,
  rate: number,
): Promise<Attempt> {
  const first = await attempt(rate);
  if (first.passed && first.offered >= rate * KEPT_UP) return first;
  const second = await attempt(rate);
  if (first.passed !== second.passed) return first.passed ? first : second;
  return first.offered > second.offered ? first : second;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
