// The delay before the next attempt to connect.

const FIRST_MS = 500;
const LAST_MS = 30_000;

/**
 * Draws the delay before an attempt: between half a second and a bound that doubles with each failure, up
 * to 30 s. The delay is random so that the clients of one server do not all come back at once.
 *
 * @param failures The number of attempts that have failed in a row
 * @param random A number from 0 up to 1
 * @returns The delay in ms
 */
export function backoffMs(failures: number, random: number): number {
  const bound = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(failures + 1, 10));
  return FIRST_MS + random * (bound - FIRST_MS);
}
