// Numbers by key, such as the connections of each address.

/** A number for each key, which takes no memory where it is 0. */
export class Counts {
  readonly #counts = new Map<string, number>();

  /** Returns the number of a key. */
  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  /** Adds one. */
  add(key: string): void {
    this.#counts.set(key, this.of(key) + 1);
  }

  /** Takes one away. */
  remove(key: string): void {
    const count = this.of(key) - 1;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
