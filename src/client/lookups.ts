// Lookups of the servers' names.

/** The number of lookups that can be under way together. A lookup cannot be given up, and may take a minute. */
const LOOKUPS_MAX = 4;

/** Lookups. Several attempts share one as long as it is under way. */
export class Lookups {
  readonly #lookUp: (hostname: string) => Promise<string[]>;
  readonly #underWay = new Map<string, Promise<string[]>>();
  #count = 0;

  /**
   * Starts without a lookup.
   *
   * @param lookUp Looks up a name, and returns its addresses
   */
  constructor(lookUp: (hostname: string) => Promise<string[]>) {
    this.#lookUp = lookUp;
  }

  /**
   * Looks up a name, or waits for a lookup of it that is under way.
   *
   * @param hostname The name
   * @returns Its addresses
   */
  find(hostname: string): Promise<string[]> {
    const underWay = this.#underWay.get(hostname);
    if (underWay !== undefined) return underWay;
    const lookup = this.#begin(hostname);
    this.#underWay.set(hostname, lookup);
    const forget = () => {
      if (this.#underWay.get(hostname) === lookup) this.#underWay.delete(hostname);
    };
    lookup.then(forget, forget);
    return lookup;
  }

  /** Lets the next attempt begin a new lookup, for example on another network. */
  forget(): void {
    if (this.#count < LOOKUPS_MAX) this.#underWay.clear();
  }

  async #begin(hostname: string): Promise<string[]> {
    this.#count++;
    try {
      return await this.#lookUp(hostname);
    } finally {
      this.#count--;
    }
  }
}
