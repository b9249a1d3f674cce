// The decision which refusals, comings and goings a server logs, without I/O. Peers must not be able to
// fill the log.

import { RateLimit } from "../observe/rate_limit.ts";

/** The time in which the numbers below are counted. */
const INTERVAL_MS = 60_000;
/** The number of refusals that are logged in that time, of all addresses; of each there is one. */
const REFUSALS = 30;
/** The number of clients of one address that are logged in that time as they come, and as they go. */
const CHANGES = 20;

/** Decides what is logged; times are in ms, on a clock that never goes back. */
export class AdmissionLog {
  readonly #refusalsOfOne = new RateLimit(INTERVAL_MS);
  readonly #refusals = new RateLimit(INTERVAL_MS, REFUSALS);
  readonly #comings = new RateLimit(INTERVAL_MS, CHANGES);
  readonly #goings = new RateLimit(INTERVAL_MS, CHANGES);

  /**
   * Says whether a refusal is logged.
   *
   * @param address The IP address that was refused; empty where it is not known
   * @param nowMs The time
   * @returns The number of this address that were passed over since the last one; -1 to stay silent
   */
  refusal(address: string, nowMs: number): number {
    const suppressed = this.#refusalsOfOne.allow(address, nowMs);
    // A peer with many addresses can't fill the log either.
    if (suppressed < 0 || this.#refusals.allow("", nowMs) < 0) return -1;
    return suppressed;
  }

  /**
   * Says whether it is logged that a client came.
   *
   * @param address Its IP address
   * @param nowMs The time
   * @returns `true` if it is
   */
  coming(address: string, nowMs: number): boolean {
    return this.#comings.allow(address, nowMs) >= 0;
  }

  /**
   * Says whether it is logged that a client went.
   *
   * @param address Its IP address
   * @param nowMs The time
   * @returns `true` if it is
   */
  going(address: string, nowMs: number): boolean {
    return this.#goings.allow(address, nowMs) >= 0;
  }
}
