// Words for a command line that somebody pastes into a shell.

/**
 * Quotes a word for a shell, if it needs quotes.
 *
 * @param word The word, such as a path
 * @returns The word as it has to be typed
 */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
