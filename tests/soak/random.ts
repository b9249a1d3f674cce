// The chance in a schedule: numbers that follow from a seed, the same on every machine.

/** What seeds a generator at most. */
const SEED_END = 2 ** 32;
/** The state's first numbers still look like the seed. */
const WARM_UP = 12;

/** Small Fast Counter of 32 bits (Chris Doty-Humphrey's sfc32, of PractRand). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Seeded by a number, and by which of its sequences this one is. */
  constructor(seed: number, sequence: number) {
    this.#a = seed | 0;
    this.#b = sequence | 0;
    this.#c = Math.floor(seed / SEED_END) | 0;
    for (let i = 0; i < WARM_UP; i++) this.uint32();
  }

  /** Any whole number under 2^32. */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number from 0 up to `end`. */
  below(end: number): number {
    return Math.floor(this.uint32() / SEED_END * end);
  }

  /** A whole number, either bound included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.uint32() < probability * SEED_END;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  /** One of the entries, as often as its weight says. */
  pickWeighted<T>(list: readonly (readonly [weight: number, what: T])[]): T {
    let at = this.below(list.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, what] of list) if ((at -= weight) < 0) return what;
    throw new RangeError("Cannot pick of nothing");
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.uint32());
  }
}
