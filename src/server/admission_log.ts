// Decides which refusals, connections and disconnections a server logs, without I/O. Peers must not be able
// to fill the log.

import { countedAs } from "../net/ip.ts";
import { RateLimit } from "../observe/rate_limit.ts";

/** The interval for the limits below. */
const INTERVAL_MS = 60_000;
/** The maximum number of refusals that are logged per interval. For each address it is one. */
const REFUSALS = 30;
/** The maximum number of clients of one address whose connections, or disconnections, are logged per interval. */
const CHANGES = 20;

/** Decides what is logged. Times are in ms, by a monotonic clock. */
export class AdmissionLog {
  readonly #refusalsOfOne = new RateLimit(INTERVAL_MS);
  readonly #refusals = new RateLimit(INTERVAL_MS, REFUSALS);
  readonly #comings = new RateLimit(INTERVAL_MS, CHANGES);
  readonly #goings = new RateLimit(INTERVAL_MS, CHANGES);

  /**
   * Decides whether to log a refusal.
   *
   * @param address The IP address that was refused; empty if it is not known
   * @param nowMs The time
   * @returns The number of refusals of this address that were not logged since the last one; -1 not to log it
   */
  refusal(address: string, nowMs: number): number {
    const suppressed = this.#refusalsOfOne.allow(countedAs(address), nowMs);
    // A peer with many addresses must not fill the log either.
    if (suppressed < 0 || this.#refusals.allow("", nowMs) < 0) return -1;
    return suppressed;
  }

  /**
   * Decides whether to log that a client has connected.
   *
   * @param address The client's IP address
   * @param nowMs The time
   * @returns True to log it
   */
  coming(address: string, nowMs: number): boolean {
    return this.#comings.allow(countedAs(address), nowMs) >= 0;
  }

  /**
   * Decides whether to log that a client has disconnected.
   *
   * @param address The client's IP address
   * @param nowMs The time
   * @returns True to log it
   */
  going(address: string, nowMs: number): boolean {
    return this.#goings.allow(countedAs(address), nowMs) >= 0;
  }
}
