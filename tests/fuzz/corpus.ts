// The inputs in the tree with which a target begins: one file for each target, one input per line.

const FOLDER = new URL("corpus/", import.meta.url);
/** The maximum size of a target's file, and of an input in it, so that the corpus stays small. */
const FILE_MAX = 9000;
const INPUT_MAX = 400;

/** Reads the inputs of a target. */
export function readCorpus(target: string): Uint8Array[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(new URL(`${target}.hex`, FOLDER));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return text.split("\n").filter((line) => line !== "").map((line) => Uint8Array.fromHex(line));
}

/** Writes the shortest inputs that were kept for a target. */
export function writeCorpus(target: string, kept: Iterable<Uint8Array>): void {
  const lines = [...kept].filter(({ length }) => length > 0 && length <= INPUT_MAX)
    .sort((a, b) => a.length - b.length)
    .map((input) => `${input.toHex()}\n`);
  const total = lines.reduce((sum, { length }) => sum + length, 0);
  // The short ones alone would be the simple ones, so some of each length are taken.
  const step = Math.max(1, total / FILE_MAX);
  let text = "";
  for (let at = 0; at < lines.length; at += step) {
    const line = lines[Math.floor(at)];
    if (text.length + line.length <= FILE_MAX) text += line;
  }
  Deno.writeTextFileSync(new URL(`${target}.hex`, FOLDER), text);
}
