// The limit on the number of descriptors.

import { libc } from "./libc.ts";

const RLIMIT_NOFILE = 7;

/**
 * Reads the number of descriptors that this process may have.
 *
 * @returns The number; Infinity if there is no limit
 *
 * See getrlimit(2).
 */
export function descriptorLimit(): number {
  const limit = new BigUint64Array(2); // rlim_cur, rlim_max
  if (libc.getrlimit(RLIMIT_NOFILE, limit) < 0) return Infinity;
  const [current] = limit;
  return current > Number.MAX_SAFE_INTEGER ? Infinity : Number(current);
}
