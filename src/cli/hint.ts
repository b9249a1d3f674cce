// Hints for what a user may have meant by a word that is not known.

import { CLIENT_FLAGS, type Flags, SERVER_FLAGS } from "./flags.ts";

/** The number of mistyped letters, beyond which a word is not a mistake for another. */
const MISTAKES_MAX = 2;
/** The number of letters from which the start of a flag is a hint. */
const ABBREVIATION_MIN = 3;

/** A hyphen, or a dash such as word processors and web pages put in its place. */
const DASHES = /^[-\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+/;

/** Returns true if a word was meant as a flag. */
export function isFlag(word: string): boolean {
  return DASHES.test(word);
}

/** Returns the name of a flag as it was meant: without dashes and value, and in small letters. */
export function bareFlag(word: string): string {
  return word.replace(DASHES, "").replace(/[=:]?$|=.*/s, "").toLowerCase();
}

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
 * @param name The flag, with or without dashes and a value
 * @param flags The flags that are known
 * @param dashes What stands before a flag, which is nothing in a configuration file
 * @returns The hint in parentheses, after a space; empty if there is none
 */
export function flagHint(name: string, flags: Flags, dashes = "--"): string {
  const bare = bareFlag(name);
  const [start] = bare.split(/\s/);
  if (start !== bare && Object.hasOwn(flags, start)) {
    return ` (give ${dashes}${start} and its value as two words)`;
  }
  if (Object.hasOwn(flags, bare)) return ` (did you mean ${dashes}${bare}?)`;
  const sides = Object.entries({ server: SERVER_FLAGS, client: CLIENT_FLAGS });
  const owners = sides.filter(([, flags]) => Object.hasOwn(flags, bare));
  if (owners.length > 0) {
    return ` (it is a flag of ${owners.map(([side]) => `the ${side}`).join(" and ")})`;
  }
  const meant = meantFlag(bare, flags);
  if (meant !== undefined) return ` (did you mean ${dashes}${meant}?)`;
  for (const [side, flags] of sides) {
    const flag = closest(bare, Object.keys(flags));
    if (flag !== undefined) return ` (did you mean ${dashes}${flag}, a flag of the ${side}?)`;
  }
  return "";
}

/** Words that other programs have for what a flag does. */
const SYNONYMS: { readonly [word: string]: [flag: string, value?: string] } = {
  iface: ["interface"],
  bind: ["listen"],
  debug: ["log-level", "debug"],
  verbose: ["log-level", "debug"],
};

/** Returns the flag, with its value if that was typed too, for which a word was probably meant. */
function meantFlag(typed: string, flags: Flags): string | undefined {
  const known = Object.keys(flags);
  const [start] = known.filter((flag) => typed.startsWith(flag))
    .sort((a, b) => b.length - a.length);
  const rest = start === undefined ? "" : typed.slice(start.length);
  const hasValue = start !== undefined && flags[start].value !== undefined;
  // A value was glued to its flag, as in --grace20.
  if (hasValue && /^[^a-z-]/.test(rest)) return `${start} ${rest}`;
  const [abbreviated, another] = known.filter((flag) => flag.startsWith(typed));
  if (Object.hasOwn(SYNONYMS, typed) && Object.hasOwn(flags, SYNONYMS[typed][0])) {
    return SYNONYMS[typed].join(" ");
  }
  const near = closest(typed, known);
  if (near !== undefined) return near;
  if (typed.length >= ABBREVIATION_MIN && another === undefined && abbreviated !== undefined) {
    return abbreviated;
  }
  return hasValue && !rest.startsWith("-") ? `${start} ${rest}` : start;
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
