// The owner and the mode of a file, by which it is judged who can read or change it.

/** The bits of a mode that let the group, or all others, read, write and execute. */
export const OTHERS = 0o077;
/** Those of them that let somebody write. */
export const OTHERS_WRITE = 0o022;
/** The uid of root, who can change every file anyway. */
export const ROOT = 0;

/** Returns the uid of this process. */
export function ownUid(): number {
  return Deno.uid() ?? ROOT;
}

/**
 * Judges the owner of a file.
 *
 * @param uid The uid of the owner; null if the system has none
 * @param user The uid of this process
 * @returns The fault, without a remedy; undefined if the owner is this user or root
 */
export function ownerFault(uid: number | null, user: number): string | undefined {
  if (uid === null || uid === user || uid === ROOT) return undefined;
  return `it belongs to uid ${uid}, not to the user of this program`;
}
