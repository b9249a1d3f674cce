// The interface of a target: something of the program that takes input, and what must hold for any input.

import type { Random } from "../soak/random.ts";

/** The outcome of an input. */
export type Outcome = string | readonly string[];

/** A part of the program that is fuzzed. */
export interface Target {
  readonly name: string;
  /** The time that it gets, relative to the others; 1 by default. */
  readonly share?: number;
  /** The maximum length of an input. */
  readonly maxBytes: number;
  /** Sequences of bytes with a meaning to it, for changed inputs. */
  readonly words?: readonly Uint8Array[];
  /** Makes an input with the right structure, or one that resembles it. */
  generate(random: Random): Uint8Array;
  /**
   * Gives the program an input, and checks what must hold. It depends on nothing but the input.
   *
   * @returns A short text about the outcome, or several about its parts; an input with a new one is worth
   * changing further
   * @throws If something does not hold
   */
  run(input: Uint8Array): Outcome | Promise<Outcome>;
  /** Removes what it has left on the disk. */
  dispose?(): void;
}

/** Encodes texts as words of a target. */
export function wordsOf(...texts: string[]): Uint8Array[] {
  return texts.map((text) => new TextEncoder().encode(text));
}

/** Joins random words, separated as a random choice of separators says. */
export function joinWords(
  random: Random,
  words: readonly string[],
  separators: readonly string[],
  most: number,
): Uint8Array {
  let text = "";
  for (let left = random.between(1, most); left > 0; left--) {
    text += random.pick(words) + random.pick(separators);
  }
  return new TextEncoder().encode(text);
}
