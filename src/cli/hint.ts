// Hints for what a user may have meant by a word that is not known.

import { CLIENT_FLAGS, type Flags, SERVER_FLAGS } from "./flags.ts";

/** The number of mistyped letters, beyond which a word is not a mistake for another. */
const MISTAKES_MAX = 2;

/**
 * Finds the word that was mistyped. Letters left out, added, replaced or exchanged with the next one
 * are mistakes; there may be one in three letters.
 *
 * @param typed What was typed
 * @param words The words that are known
 * @returns The nearest word; undefined if none is near
 */
export function closest(typed: string, words: readonly string[]): string | undefined {
  let most = Math.min(MISTAKES_MAX, Math.floor(typed.length / 3));
  let nearest: string | undefined;
  for (const word of words) {
    // Comparing takes time that grows with the product of the lengths.
    if (Math.abs(word.length - typed.length) > most) continue;
    const mistakes = distance(typed, word);
    if (mistakes > most) continue;
    nearest = word;
    most = mistakes - 1;
  }
  return nearest;
}

/**
 * Describes what may have been meant by an unknown flag.
 *
 * @param name The flag, without dashes
 * @param flags The flags that are known
 * @param dashes What stands before a flag, which is nothing in a configuration file
 * @returns The hint in parentheses, after a space; empty if there is none
 */
export function flagHint(name: string, flags: Flags, dashes = "--"): string {
  const known = Object.keys(flags);
  if (known.includes(name)) return ` (did you mean ${dashes}${name}?)`;
  const sides = Object.entries({ server: SERVER_FLAGS, client: CLIENT_FLAGS })
    .filter(([, flags]) => Object.hasOwn(flags, name)).map(([side]) => `the ${side}`);
  if (sides.length > 0) return ` (it is a flag of ${sides.join(" and ")})`;
  const nearest = closest(name.toLowerCase(), known);
  return nearest === undefined ? "" : ` (did you mean ${dashes}${nearest}?)`;
}

/** Returns the number of mistakes between two words: the restricted Damerau-Levenshtein distance. */
function distance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = last[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, last[j] + 1, row[j - 1] + 1);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
      }
    }
    beforeLast = last;
    last = row;
  }
  return last[to.length];
}
