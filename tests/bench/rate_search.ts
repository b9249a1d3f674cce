// Looks for the highest rate that passes without loss, by trials that are not always right.

/** What a trial at a rate said. */
export interface Attempt {
  /** The rate as it was; less than asked when the generator could not keep up. */
  offered: number;
  passed: boolean;
}

/** How to search. */
export interface SearchOptions {
  /** Where to begin. */
  start: number;
  /** Below this rate it gives up. */
  least: number;
  /** Above this rate it does not go. */
  most: number;
  /** How close the answer must be: 0.03 for 3 %. */
  resolution: number;
}

/** What was found. */
export interface SearchResult {
  /** The highest rate that passed; 0 when none did. */
  rate: number;
  /** The generator could do no more, or was to: the path may. */
  atLeast: boolean;
}

/** The first steps away from the start, until the answer is known to lie between two rates. */
const UP = 1.25;
const DOWN = 0.75;
/** An offer below this share of what was asked is the generator's limit. */
const KEPT_UP = 0.95;

/**
 * Searches. A rate that fails is tried a second time before that counts, since a machine with other
 * things to do loses frames at any rate now and then.
 *
 * @param attempt Runs a trial.
 * @param options Where and how closely.
 * @returns The highest rate that passed.
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
