// The hosts that have had a session, so that a flood of strangers cannot keep them from dialling again.

/** The maximum number of known hosts; one more replaces the oldest one of the client with the most of them. */
export const KNOWN_HOSTS = 16_384;

/** A bounded list of hosts for each client. */
export class KnownHosts {
  /** The hosts of each client by address, the one whose last session is longest ago first. */
  readonly #clients = new Map<string, Set<number>>();
  #size = 0;

  /** The number of hosts. */
  get size(): number {
    return this.#size;
  }

  /** Notes that a host has a session, or had one until now. */
  add(client: string, hostMac: Uint8Array): void {
    const host = numberOf(hostMac);
    let hosts = this.#clients.get(client);
    if (hosts === undefined) this.#clients.set(client, hosts = new Set());
    if (!hosts.delete(host)) this.#size++;
    hosts.add(host);
    if (this.#size > KNOWN_HOSTS) this.#forgetOne();
  }

  /** Returns true if a host of this client has had a session. */
  has(client: string, hostMac: Uint8Array): boolean {
    return this.#clients.get(client)?.has(numberOf(hostMac)) ?? false;
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

// A number takes less memory than a text.
function numberOf(mac: Uint8Array): number {
  let number = 0;
  for (let i = 0; i < 6; i++) number = number * 256 + mac[i];
  return number;
}
