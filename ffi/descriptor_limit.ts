// The number of descriptors: the limit, and the size of this process's table.

import { libc } from "./libc.ts";
import { readSystemFile } from "./system_file.ts";

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
  if (libc.getrlimit(RLIMIT_NOFILE, new Uint8Array(limit.buffer)) < 0) return Infinity;
  const [current] = limit;
  return current > Number.MAX_SAFE_INTEGER ? Infinity : Number(current);
}

/** The size to assume without /proc: no process here has more descriptors. */
const TABLE_SIZE_MAX = 65_536;

/**
 * Returns a number that is greater than all descriptors of this process.
 *
 * @returns The size of the kernel's table, which grows by powers of two and never shrinks
 *
 * See FDSize in proc_pid_status(5).
 */
export function descriptorTableSize(): number {
  try {
    const size = /^FDSize:\s+(\d+)$/m.exec(readSystemFile("/proc/self/status"))?.[1];
    if (size !== undefined) return Number(size);
  } catch {
    // There is no /proc.
  }
  return Math.min(descriptorLimit(), TABLE_SIZE_MAX);
}
