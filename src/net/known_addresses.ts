// The addresses of a server, in the order in which to try them.

/** The maximum number of addresses that are kept of one server. */
export const ADDRESSES_MAX = 32;

/** The addresses that the last lookups of a name have found, and the one that worked. */
export class KnownAddresses {
  #found: string[] = [];
  #worked: string | undefined;
  #answerMs = 0;

  /** True before the first lookup has found an address. */
  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  /**
   * The addresses in the order in which to try them: the one that worked last, then the others by turns of
   * their families. So a server whose addresses of one family are all dead costs one delay, not one for each.
   * See RFC 8305, section 4.
   */
  get inOrder(): string[] {
    const { first, second } = byFamily(this.#found);
    const others: string[] = [];
    for (let at = 0; at < Math.max(first.length, second.length); at++) {
      if (at < first.length) others.push(first[at]);
      if (at < second.length) others.push(second[at]);
    }
    const worked = this.#worked;
    if (worked === undefined || !others.includes(worked)) return others;
    return [worked, ...others.filter((address) => address !== worked)];
  }

  /**
   * Notes the result of a lookup. One without addresses changes nothing, because an address of a moment ago
   * is better than none.
   *
   * @param addresses The addresses in the system's order; the first {@linkcode ADDRESSES_MAX} are kept
   */
  found(addresses: readonly string[]): void {
    if (addresses.length > 0) this.#found = [...new Set(addresses)].slice(0, ADDRESSES_MAX);
  }

  /** The time that the server's last answer took, in ms; 0 before the first one. */
  get answerMs(): number {
    return this.#answerMs;
  }

  /**
   * Notes how long the server took to answer on a connection.
   *
   * @param tookMs The time, in ms
   */
  answered(tookMs: number): void {
    this.#answerMs = tookMs;
  }

  /**
   * Notes that the server has answered at an address.
   *
   * @param address The address
   */
  worked(address: string): void {
    this.#worked = address;
  }
}

/** Splits addresses by family; `first` has the family of the first address. */
function byFamily(addresses: readonly string[]): { first: string[]; second: string[] } {
  const isIPv6 = (address: string) => address.includes(":");
  const [leader = ""] = addresses;
  const first = addresses.filter((address) => isIPv6(address) === isIPv6(leader));
  const second = addresses.filter((address) => isIPv6(address) !== isIPv6(leader));
  return { first, second };
}
