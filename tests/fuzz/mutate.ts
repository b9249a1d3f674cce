// Changes of an input: bytes, lengths, cuts, repeats, and parts of other inputs.

import type { Random } from "../soak/random.ts";

/** Values at which code often behaves differently. */
const EDGES = [0x00, 0x01, 0x04, 0x0a, 0x10, 0x20, 0x7f, 0x80, 0xfe, 0xff];
const MOST_CHANGES = 4;
const MOST_REPEATS = 8;

type Mutation = (bytes: Uint8Array, random: Random, others: Others) => Uint8Array;

/** Sources of bytes other than the input itself. */
export interface Others {
  /** Sequences that have a meaning to the target. */
  readonly words: readonly Uint8Array[];
  /** Another input. */
  input(): Uint8Array;
}

/** Puts `part` in place of the bytes from `start` to `end`. */
function splice(bytes: Uint8Array, start: number, end: number, part: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length - (end - start) + part.length);
  result.set(bytes.subarray(0, start));
  result.set(part, start);
  result.set(bytes.subarray(end), start + part.length);
  return result;
}

/** Returns a random part of some bytes. */
function partOf(bytes: Uint8Array, random: Random): Uint8Array {
  const start = random.below(bytes.length + 1);
  return bytes.subarray(start, random.between(start, bytes.length));
}

const MUTATIONS: readonly Mutation[] = [
  function changeBit(bytes, random) {
    const at = random.below(bytes.length);
    bytes[at] ^= 1 << random.below(8);
    return bytes;
  },
  function changeByte(bytes, random) {
    bytes[random.below(bytes.length)] = random.chance(0.5) ? random.pick(EDGES) : random.below(256);
    return bytes;
  },
  function changeNumber(bytes, random) {
    const at = random.below(bytes.length);
    const number = bytes[at] * 0x100 + (bytes[at + 1] ?? 0) + random.between(-3, 3);
    bytes[at] = number >>> 8;
    if (at + 1 < bytes.length) bytes[at + 1] = number;
    return bytes;
  },
  function insertBytes(bytes, random) {
    const at = random.below(bytes.length + 1);
    return splice(bytes, at, at, random.bytes(random.between(1, 8)));
  },
  function remove(bytes, random) {
    const at = random.below(bytes.length);
    return splice(bytes, at, Math.min(bytes.length, at + random.between(1, 8)), new Uint8Array(0));
  },
  function cut(bytes, random) {
    return bytes.slice(0, random.below(bytes.length + 1));
  },
  function repeat(bytes, random) {
    const at = random.below(bytes.length);
    const part = bytes.slice(at, at + random.between(1, 32));
    let result = bytes;
    for (let left = random.between(1, MOST_REPEATS); left > 0; left--) {
      result = splice(result, at, at, part);
    }
    return result;
  },
  function insertWord(bytes, random, { words }) {
    if (words.length === 0) return bytes;
    const word = random.pick(words);
    const at = random.below(bytes.length + 1);
    const end = random.chance(0.5) ? at : Math.min(bytes.length, at + word.length);
    return splice(bytes, at, end, word);
  },
  function insertOther(bytes, random, others) {
    const part = partOf(others.input(), random);
    const at = random.below(bytes.length + 1);
    return splice(bytes, at, random.chance(0.5) ? at : random.between(at, bytes.length), part);
  },
];

/**
 * Changes an input in one or several random ways.
 *
 * @param input The input, which stays as it is
 * @param random The source of the decisions
 * @param others Bytes that can be put into it
 * @param maxBytes The maximum length of the result
 * @returns The changed input
 */
export function mutate(
  input: Uint8Array,
  random: Random,
  others: Others,
  maxBytes: number,
): Uint8Array {
  let bytes: Uint8Array = input.slice();
  for (let left = random.between(1, MOST_CHANGES); left > 0; left--) {
    const mutation = bytes.length === 0 ? MUTATIONS[3] : random.pick(MUTATIONS);
    bytes = mutation(bytes, random, others);
  }
  return bytes.length > maxBytes ? bytes.slice(0, maxBytes) : bytes;
}
