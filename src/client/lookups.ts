// Lookups of the servers' names.

/** The number of lookups that can be under way together. A lookup cannot be given up, and may take a minute. */
const LOOKUPS_MAX = 4;
/** The time for which addresses are used again: they may come just after an attempt has given up waiting. */
const FRESH_MS = 2000;

interface Lookup {
  readonly addresses: Promise<string[]>;
  /** The time at which it found them; undefined while it is under way. */
  foundMs: number | undefined;
}

/** Lookups, of which several attempts share one while it is under way, and its result for a moment longer. */
export class Lookups {
  readonly #lookUp: (hostname: string) => Promise<string[]>;
  readonly #now: () => number;
  readonly #lookups = new Map<string, Lookup>();
  #underWay = 0;

  /**
   * Starts without a lookup.
   *
   * @param lookUp Looks up a name, and returns its addresses
   * @param now Returns the time in ms, by a monotonic clock
   */
  constructor(
    lookUp: (hostname: string) => Promise<string[]>,
    now: () => number = () => performance.now(),
  ) {
    this.#lookUp = lookUp;
    this.#now = now;
  }

  /**
   * Looks up a name, or takes the addresses from a lookup that is under way, or was a moment ago.
   *
   * @param hostname The name
   * @returns Its addresses
   */
  find(hostname: string): Promise<string[]> {
    const earlier = this.#lookups.get(hostname);
    const isFresh = earlier !== undefined &&
      (earlier.foundMs === undefined || this.#now() < earlier.foundMs + FRESH_MS);
    if (isFresh) return earlier.addresses;
    const lookup: Lookup = { addresses: this.#begin(hostname), foundMs: undefined };
    this.#lookups.set(hostname, lookup);
    lookup.addresses.then(() => lookup.foundMs = this.#now(), () => {
      if (this.#lookups.get(hostname) === lookup) this.#lookups.delete(hostname);
    });
    return lookup.addresses;
  }

  /** Lets the next attempt begin a new lookup, for example on another network. */
  forget(): void {
    if (this.#underWay < LOOKUPS_MAX) this.#lookups.clear();
  }

  async #begin(hostname: string): Promise<string[]> {
    this.#underWay++;
    try {
      return await this.#lookUp(hostname);
    } finally {
      this.#underWay--;
    }
  }
}
