// What hosts and clients may ask of a relay: how often they dial, and how many sessions they have.

import { CODE, formatMac } from "../wire/mod.ts";
import type { DiscoveryPacket } from "../wire/mod.ts";
import type { Side } from "./options.ts";
import type { Remote } from "./remote.ts";
import { TokenBucket, TokenBuckets } from "./token_buckets.ts";

/** The limits of a relay. 0 is no limit, for each of them. */
export interface Limits {
  /** PADIs a second of one host, by its address, and as many PADRs. Ten seconds' worth may come at once. */
  padiPerHost: number;
  /** PADIs a second of one client, and as many PADRs. Two seconds' worth may come at once. */
  padiPerClient: number;
  /** Sessions of one client. */
  maxSessions: number;
}

/** The limits that are not given. A client's only limit is that of a host: the others are its server's. */
export const DEFAULT_LIMITS: Readonly<Record<Side, Readonly<Limits>>> = {
  // Many hosts may be behind one address, and thousands that dial again at once,
  // after a power cut, are not to be hindered.
  server: { padiPerHost: 100, padiPerClient: 2500, maxSessions: 16_384 },
  client: { padiPerHost: 100, padiPerClient: 0, maxSessions: 0 },
};

const HOST_BURST_SECONDS = 10;
const CLIENT_BURST_SECONDS = 2;

/** How many addresses are counted apart. */
const ADDRESSES = 1024;

/** How many hosts of one client are counted apart. */
export const HOSTS_PER_CLIENT = 4096;

/** All limits, of which some are given. */
export function limitsOf(side: Side, given: Partial<Limits> = {}): Limits {
  const { padiPerHost, padiPerClient, maxSessions } = DEFAULT_LIMITS[side];
  return {
    padiPerHost: given.padiPerHost ?? padiPerHost,
    padiPerClient: given.padiPerClient ?? padiPerClient,
    maxSessions: given.maxSessions ?? maxSessions,
  };
}

/** Buckets of one address. */
interface Buckets {
  hosts: TokenBuckets;
  /** Made by the first frame. */
  client: TokenBucket | undefined;
}

/**
 * How often hosts dial. A client is here who comes from one address, since a secret is soon made anew.
 * PADI and PADR are counted apart, so that a host that may begin can go on; a repeat counts as any other.
 */
export class DialRate {
  /** The address that was used the longest ago first. */
  readonly #ofAddresses = new Map<string, Record<"padi" | "padr", Buckets>>();

  /** Counts a PADI or PADR; false when it is one too many. */
  allows({ address }: Remote, packet: DiscoveryPacket, limits: Limits, nowMs: number): boolean {
    const { padiPerHost, padiPerClient } = limits;
    const { padi, padr } = this.#of(address);
    const buckets = packet.code === CODE.PADI ? padi : padr;
    if (padiPerHost > 0) {
      const rate = { perSecond: padiPerHost, burst: HOST_BURST_SECONDS * padiPerHost };
      if (!buckets.hosts.take(formatMac(packet.source), rate, nowMs)) return false;
    }
    if (padiPerClient === 0) return true;
    const rate = { perSecond: padiPerClient, burst: CLIENT_BURST_SECONDS * padiPerClient };
    buckets.client ??= new TokenBucket(rate, nowMs);
    return buckets.client.take(rate, nowMs);
  }

  #of(address: string): Record<"padi" | "padr", Buckets> {
    const buckets = this.#ofAddresses.get(address) ?? { padi: newBuckets(), padr: newBuckets() };
    this.#ofAddresses.delete(address);
    this.#ofAddresses.set(address, buckets);
    if (this.#ofAddresses.size > ADDRESSES) {
      const [oldest] = this.#ofAddresses.keys();
      this.#ofAddresses.delete(oldest);
    }
    return buckets;
  }
}

function newBuckets(): Buckets {
  return { hosts: new TokenBuckets(HOSTS_PER_CLIENT), client: undefined };
}
