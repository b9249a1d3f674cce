// The hosts that have had a session, so that a flood of strangers cannot keep them from dialling again.

import { readUint48 } from "../wire/uint16.ts";

/** The maximum number of known hosts; one more replaces the oldest one of the client with the most of them. */
export const KNOWN_HOSTS = 16_384;

/** A bounded list of hosts for each client. */
export class KnownHosts {
  /**
   * The hosts of each client, the one whose last session is longest ago first. An address is kept as a number,
   * which takes less memory than a text.
   */
  readonly #clients = new Map<string, Set<number>>();
  #size = 0;

  /** The number of hosts. */
  get size(): number {
    return this.#size;
  }

  /** Notes that a host has a session, or had one until now. */
  add(client: string, hostMac: Uint8Array): void {
    const host = readUint48(hostMac, 0);
    let hosts = this.#clients.get(client);
    if (hosts === undefined) this.#clients.set(client, hosts = new Set());
    if (!hosts.delete(host)) this.#size++;
    hosts.add(host);
    if (this.#size > KNOWN_HOSTS) this.#forgetOne();
  }

  /** Returns true if a host of this client has had a session. Its address is at the offset in `memory`. */
  has(client: string, memory: Uint8Array, offset = 0): boolean {
    return this.#clients.get(client)?.has(readUint48(memory, offset)) ?? false;
  }

  #forgetOne(): void {
    let most: [string, Set<number>] | undefined;
    for (const each of this.#clients) {
      if (most === undefined || each[1].size > most[1].size) most = each;
    }
    const [client, hosts] = most!;
    const [oldest] = hosts;
    hosts.delete(oldest);
    this.#size--;
    if (hosts.size === 0) this.#clients.delete(client);
  }
}
