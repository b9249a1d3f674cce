// The mask that takes rights away from new files.

import { libc } from "./libc.ts";

/**
 * Runs a function under another mask. The mask belongs to the whole process, so a file that another thread
 * makes meanwhile has no more rights than these either.
 *
 * @param mask The rights that new files do not get, such as `0o177`
 * @param act The function, which must not return a promise
 * @returns The result of the function
 *
 * See umask(2).
 */
export function withUmask<T>(mask: number, act: () => T): T {
  const before = libc.umask(mask);
  try {
    return act();
  } finally {
    libc.umask(before);
  }
}
