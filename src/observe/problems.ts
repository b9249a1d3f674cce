// What is wrong at the moment, for the status.

import type { Problem } from "../problem.ts";

/** For how long a problem is shown after it was last met, in ms. */
export const SHOWN_MS = 120_000;

/** One problem, as the status shows it. */
export interface ProblemStatus extends Problem {
  /** Since when, as an ISO 8601 time. */
  since: string;
}

/** How many problems of one kind are shown. */
export const SHOWN_OF_A_KIND = 8;

/** The problems that were met lately. There may be several of one kind, such as one for each station. */
export class Problems {
  readonly #met = new Map<string, { status: ProblemStatus; lastMs: number }>();

  /**
   * Notes that a problem was met.
   *
   * @param nowMs The time of a clock that only goes forward.
   * @param clockMs The time of day, in ms since the epoch.
   */
  meet({ id, what, advice }: Problem, nowMs: number, clockMs: number): void {
    this.#expire(nowMs);
    const key = `${id} ${what}`;
    const since = this.#met.get(key)?.status.since ?? new Date(clockMs).toISOString();
    this.#met.set(key, { status: { id, since, what, advice }, lastMs: nowMs });
    const alike = [...this.#met].filter(([, { status }]) => status.id === id);
    if (alike.length > SHOWN_OF_A_KIND) this.#met.delete(alike[0][0]);
  }

  /** Those of this moment, the one that has been there the longest first. */
  list(nowMs: number): ProblemStatus[] {
    this.#expire(nowMs);
    return [...this.#met.values()].map(({ status }) => status);
  }

  #expire(nowMs: number): void {
    for (const [key, { lastMs }] of this.#met) {
      if (nowMs - lastMs >= SHOWN_MS) this.#met.delete(key);
    }
  }
}
