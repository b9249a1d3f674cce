// What is wrong at the moment, for the status.

import type { Problem } from "../relay/mod.ts";

/** For how long a problem is shown after it was last met. */
export const SHOWN_MS = 120_000;

/** One problem, as the status shows it. */
export interface ProblemStatus extends Problem {
  /** Since when, as an ISO 8601 time. */
  since: string;
}

/** The problems that were met lately, one of each kind. Times are in ms since the epoch. */
export class Problems {
  readonly #met = new Map<string, { problem: Problem; sinceMs: number; lastMs: number }>();

  /** Notes that a problem was met. */
  meet(problem: Problem, nowMs: number): void {
    this.#expire(nowMs);
    const sinceMs = this.#met.get(problem.id)?.sinceMs ?? nowMs;
    this.#met.set(problem.id, { problem, sinceMs, lastMs: nowMs });
  }

  /** Those of this moment, the oldest first. */
  list(nowMs: number): ProblemStatus[] {
    this.#expire(nowMs);
    return [...this.#met.values()]
      .sort((a, b) => a.sinceMs - b.sinceMs)
      .map(({ problem: { id, what, advice }, sinceMs }) => ({
        id,
        since: new Date(sinceMs).toISOString(),
        what,
        advice,
      }));
  }

  // A clock that is set ends none too early, and keeps none for ever.
  #expire(nowMs: number): void {
    for (const [id, { lastMs }] of this.#met) {
      if (Math.abs(nowMs - lastMs) >= SHOWN_MS) this.#met.delete(id);
    }
  }
}
