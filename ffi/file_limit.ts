// The limit on the size of a file.

import { libc } from "./libc.ts";

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
