// Words with a meaning that a terminal shows in color, and others by the words alone.

/** The meaning of a text. */
export type Meaning = "good" | "bad" | "warning" | "heading" | "quiet";

/** A function that gives a text its color. */
export type Style = (meaning: Meaning, text: string) => string;

const CODES: Readonly<Record<Meaning, string>> = {
  good: "32",
  bad: "1;31",
  warning: "33",
  heading: "1",
  quiet: "2",
};

/** Leaves each text as it is. */
export const plain: Style = (_meaning, text) => text;

/** Colors each text for a terminal. */
export const colored: Style = (meaning, text) =>
  text === "" ? "" : `\x1b[${CODES[meaning]}m${text}\x1b[0m`;
