// The name of a key: that of its client, which is also a word in a key file, and part of a file's name.

import { nameFault } from "../own_name.ts";

/**
 * Checks the name of a key. It follows the rules of `--name`, and has to be safe as one word of a line and as
 * the start of a file's name.
 *
 * @param name The name
 * @returns The fault, in words that follow "the name" and repeat nothing of it; undefined if there is none
 */
export function keyNameFault(name: string): string | undefined {
  const fault = nameFault(name);
  if (fault !== undefined) return fault;
  if (/\s/u.test(name)) return "contains white space";
  if (name.includes("/")) return "contains a slash";
  if (/^[-.#]/.test(name)) return "begins with a hyphen, a dot or a #";
  // A line without its name begins with the id or the secret, which must not be taken for a name and shown.
  if (/[0-9a-f]{32}/i.test(name)) return "looks like an id or a key";
  return undefined;
}
