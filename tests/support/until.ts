// Waiting for a condition that nothing tells of.

import { patient } from "../../src/lab/patience.ts";

const LOOK_EVERY_MS = 20;

/**
 * Looks until there is something to see.
 *
 * @param what The condition, for the error's message
 * @param look Returns what is waited for; `undefined` and `false` say that it is not there yet
 * @param timeoutMs For how long
 * @returns What `look` returned
 * @throws {Error} If it was not there in time, or `look` throws
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
      throw new Error(`Cannot see that ${what}: it was not so in ${timeoutMs / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
