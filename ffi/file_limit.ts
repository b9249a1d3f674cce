// The limits on the size of a file, and on the number of open files.

import { libc } from "./libc.ts";

const RLIMIT_NOFILE = 7;
const SIGXFSZ = 25;
const SIG_IGN = 1n;

/**
 * Makes a write that would exceed the limit on the size of a file fail, like one to a full disk. By default
 * such a write ends the whole process. Changes the whole process, and the programs that it starts.
 *
 * @example Before a start with a state directory
 * ```ts
 * import { surviveFileLimit } from "pppoe-proxy";
 *
 * surviveFileLimit();
 * ```
 *
 * See RLIMIT_FSIZE in getrlimit(2).
 */
export function surviveFileLimit(): void {
  libc.signal(SIGXFSZ, Deno.UnsafePointer.create(SIG_IGN));
}

/**
 * Reads the maximum number of descriptors that this process can have.
 *
 * @returns The number; `Infinity` if it is not limited, or not known
 *
 * See RLIMIT_NOFILE in getrlimit(2).
 */
export function descriptorLimit(): number {
  const limit = new BigUint64Array(2); // rlim_cur, rlim_max
  if (libc.getrlimit(RLIMIT_NOFILE, new Uint8Array(limit.buffer)) < 0) return Infinity;
  // RLIM_INFINITY has all bits set.
  return limit[0] >= 2n ** 63n ? Infinity : Number(limit[0]);
}
