// The word that was probably meant by a mistyped one.

/** The number of mistyped letters, beyond which a word is not a mistake for another. */
export const MISTAKES_MAX = 2;

/**
 * Finds the word that was mistyped. Letters left out, added, replaced or exchanged with the next one
 * are mistakes; there may be one in three letters.
 *
 * @param typed What was typed
 * @param words The words that are known
 * @param mistakesMax The maximum number of mistakes
 * @returns The nearest word; undefined if none is near
 */
export function closest(
  typed: string,
  words: readonly string[],
  mistakesMax = MISTAKES_MAX,
): string | undefined {
  let most = Math.min(mistakesMax, Math.floor(typed.length / 3));
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
