// Random numbers for schedules, which a seed determines, the same on every machine.

/** The range of a 32-bit number. */
const SEED_END = 2 ** 32;
/** The number of outputs to skip at first, because they still resemble the seed. */
const WARM_UP = 12;

/** Small Fast Counter of 32 bits (Chris Doty-Humphrey's sfc32, of PractRand). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Makes a generator from a seed and the number of the sequence. */
  constructor(seed: number, sequence: number) {
    this.#a = seed | 0;
    this.#b = sequence | 0;
    this.#c = Math.floor(seed / SEED_END) | 0;
    for (let i = 0; i < WARM_UP; i++) this.uint32();
  }

  /** Returns an integer from 0 up to, but not including, 2^32. */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Returns an integer from 0 up to, but not including, `end`. */
  below(end: number): number {
    return Math.floor(this.uint32() / SEED_END * end);
  }

  /** Returns an integer between two bounds, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** Returns true with the given probability. */
  chance(probability: number): boolean {
    return this.uint32() < probability * SEED_END;
  }

  /** Returns a random element. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  /** Returns a random element, with a probability that is proportional to its weight. */
  pickWeighted<T>(list: readonly (readonly [weight: number, what: T])[]): T {
    let at = this.below(list.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, what] of list) if ((at -= weight) < 0) return what;
    throw new RangeError("Cannot pick from an empty list");
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.uint32());
  }
}
