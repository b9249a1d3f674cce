// What hosts and clients may ask of a relay: how often they dial, and how many sessions they have.

import { CODE, formatMac } from "../wire/mod.ts";
import type { DiscoveryPacket } from "../wire/mod.ts";
import type { Peer } from "./peer.ts";
import type { Side } from "./side.ts";
import { TokenBuckets } from "./token_buckets.ts";

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

/** How many clients, and how many hosts of all of them, are counted apart. */
const CLIENTS = 1024;
const HOSTS = 32_768;

/** All limits, of which some are given. */
export function limitsOf(side: Side, given: Partial<Limits> = {}): Limits {
  const { padiPerHost, padiPerClient, maxSessions } = DEFAULT_LIMITS[side];
  return {
    padiPerHost: given.padiPerHost ?? padiPerHost,
    padiPerClient: given.padiPerClient ?? padiPerClient,
    maxSessions: given.maxSessions ?? maxSessions,
  };
}

/** What is counted of one kind of frame. */
class Counted {
  readonly hosts = new TokenBuckets(HOSTS);
  readonly clients = new TokenBuckets(CLIENTS);
}

/**
 * How often hosts dial. A client is here who comes from one address, since a secret is soon made anew.
 * PADI and PADR are counted apart, so that a host that may begin can go on; a repeat counts as any other.
 */
export class DialRate {
  readonly #padi = new Counted();
  readonly #padr = new Counted();

  /** Counts a PADI or PADR; false when it is one too many. */
  allows({ address }: Peer, packet: DiscoveryPacket, limits: Limits, nowMs: number): boolean {
    const { hosts, clients } = packet.code === CODE.PADI ? this.#padi : this.#padr;
    const { padiPerHost, padiPerClient } = limits;
    if (padiPerHost > 0) {
      const rate = { perSecond: padiPerHost, burst: HOST_BURST_SECONDS * padiPerHost };
      if (!hosts.take(`${formatMac(packet.source)} ${address}`, rate, nowMs)) return false;
    }
    if (padiPerClient === 0) return true;
    const rate = { perSecond: padiPerClient, burst: CLIENT_BURST_SECONDS * padiPerClient };
    return clients.take(address, rate, nowMs);
  }
}
