// Polling for a condition.

import { patient } from "../../src/lab/patience.ts";

const LOOK_EVERY_MS = 20;

/**
 * Calls a function repeatedly until it returns a result.
 *
 * @param what The condition, for the error message
 * @param look Returns the result, or `undefined` or `false` if there is none yet
 * @param timeoutMs The maximum time
 * @returns The result
 * @throws {Error} If there is no result in time, or `look` throws
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = patient(10_000),
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > deadlineMs) {
      throw new Error(`Gave up after ${timeoutMs / 1000} s, waiting until ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
