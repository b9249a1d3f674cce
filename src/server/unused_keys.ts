// The keys that no client has used for a long time since they were read. No I/O.

import type { Problem } from "../problem.ts";

/** The time without any use after which a key is a problem, in ms: a client may well be off over night. */
export const UNUSED_MS = 24 * 3600_000;
/** The time between two looks, in ms. */
export const UNUSED_LOOK_MS = 60_000;
/** The number of names that are shown. */
const NAMES = 5;

/** A key, with the time since its last use, in seconds; null if it was never used. */
export interface KeyLastUsed {
  readonly name: string;
  readonly lastUsedS: number | null;
}

/**
 * Describes the keys that were never used.
 *
 * @param keys The keys, with their uses
 * @param sinceMs The time since they were read, which is {@linkcode UNUSED_MS} or more
 * @returns The problem; undefined if every key was used
 */
export function unusedKeys(keys: readonly KeyLastUsed[], sinceMs: number): Problem | undefined {
  const names = keys.filter(({ lastUsedS }) => lastUsedS === null).map(({ name }) => name);
  if (names.length === 0) return undefined;
  const more = names.length - NAMES;
  const list = names.slice(0, NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
  const hours = Math.floor(sinceMs / 3600_000);
  return {
    id: "key-unused",
    subject: "",
    what: names.length === 1
      ? `The key of ${list} has not been used for ${hours} h, since it was read`
      : `The keys of ${list} have not been used for ${hours} h, since they were read`,
    advice:
      "look at the log of that client, which may not reach this server or have another key; " +
      "remove a key that nobody needs, since anybody who finds it can connect",
  };
}
