// The limits of hosts and clients: the rate at which they dial, and the number of their sessions.

import { CODE, formatMac } from "../wire/mod.ts";
import type { DiscoveryPacket } from "../wire/mod.ts";
import type { Peer } from "./peer.ts";
import type { Side } from "../side.ts";
import { TokenBuckets } from "./token_buckets.ts";

/** The limits of a relay. For each of them, 0 means no limit. */
export interface Limits {
  /** PADIs per second of one host, by its address, and as many PADRs. A burst may have ten times as many. */
  padiPerHost: number;
  /** PADIs per second of one client, and as many PADRs. A burst may have twice as many. */
  padiPerClient: number;
  /** Sessions of one client. */
  maxSessions: number;
}

/** The default limits. A client limits only its hosts; the rest is up to its server. */
export const DEFAULT_LIMITS: Readonly<Record<Side, Readonly<Limits>>> = {
  // One address may represent many hosts, and after a power cut thousands may dial at once.
  server: { padiPerHost: 100, padiPerClient: 2500, maxSessions: 16_384 },
  client: { padiPerHost: 100, padiPerClient: 0, maxSessions: 0 },
};

const HOST_BURST_SECONDS = 10;
const CLIENT_BURST_SECONDS = 2;

/** The maximum number of clients, and of hosts of all clients, that are counted separately. */
const CLIENTS = 1024;
const HOSTS = 32_768;

/** Adds the default limits to the given ones. */
export function limitsOf(side: Side, given: Partial<Limits> = {}): Limits {
  const { padiPerHost, padiPerClient, maxSessions } = DEFAULT_LIMITS[side];
  return {
    padiPerHost: given.padiPerHost ?? padiPerHost,
    padiPerClient: given.padiPerClient ?? padiPerClient,
    maxSessions: given.maxSessions ?? maxSessions,
  };
}

/** The counts of one kind of frame. */
class Counted {
  readonly hosts = new TokenBuckets(HOSTS);
  readonly clients = new TokenBuckets(CLIENTS);
}

/**
 * The rate at which hosts dial. Clients are counted by IP address, an IPv6 one by its /64, because a client can
 * mint a new secret at will. PADI and PADR are counted separately, so that a host whose PADI was let through can also send its
 * PADR; a repeat counts like any other frame.
 */
export class DialRate {
  readonly #padi = new Counted();
  readonly #padr = new Counted();

  /** Counts a PADI or PADR; returns false if it exceeds a limit. */
  allows({ countedAs }: Peer, packet: DiscoveryPacket, limits: Limits, nowMs: number): boolean {
    const { hosts, clients } = packet.code === CODE.PADI ? this.#padi : this.#padr;
    const { padiPerHost, padiPerClient } = limits;
    if (padiPerHost > 0) {
      const rate = { perSecond: padiPerHost, burst: HOST_BURST_SECONDS * padiPerHost };
      if (!hosts.take(`${formatMac(packet.source)} ${countedAs}`, rate, nowMs)) return false;
    }
    if (padiPerClient === 0) return true;
    const rate = { perSecond: padiPerClient, burst: CLIENT_BURST_SECONDS * padiPerClient };
    return clients.take(countedAs, rate, nowMs);
  }
}
