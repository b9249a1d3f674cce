// The current problems, for the status.

import type { Problem } from "../problem.ts";

/** Time for which a problem is shown after its last occurrence, in ms. */
export const SHOWN_MS = 120_000;

/** A problem as shown in the status. */
export interface ProblemStatus extends Problem {
  /** Time of the first occurrence, in ISO 8601 format. */
  since: string;
}

/** Maximum number of problems of one kind that are shown. */
export const SHOWN_OF_A_KIND = 8;

/** The recent problems. There may be several of one kind, for example one for each station. */
export class Problems {
  readonly #met = new Map<string, { status: ProblemStatus; lastMs: number }>();

  /**
   * Records an occurrence of a problem.
   *
   * @param problem The problem
   * @param nowMs The time of a monotonic clock, in ms
   * @param clockMs The time of day, in ms since the epoch
   */
  meet({ id, what, advice }: Problem, nowMs: number, clockMs: number): void {
    this.#expire(nowMs);
    const key = `${id} ${what}`;
    const since = this.#met.get(key)?.status.since ?? new Date(clockMs).toISOString();
    this.#met.set(key, { status: { id, since, what, advice }, lastMs: nowMs });
    const alike = [...this.#met].filter(([, { status }]) => status.id === id);
    if (alike.length > SHOWN_OF_A_KIND) this.#met.delete(alike[0][0]);
  }

  /** Returns the current problems, oldest first. */
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
