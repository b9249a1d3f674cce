// The limits of hosts and clients: the rate at which they dial, and the number of their sessions.

import { CODE, formatMac } from "../wire/mod.ts";
import type { DiscoveryPacket } from "../wire/mod.ts";
import { KnownHosts } from "./known_hosts.ts";
import type { Peer } from "./peer.ts";
import type { Side } from "../side.ts";
import { type Rate, TokenBuckets } from "./token_buckets.ts";

/** The limits of a relay. For each of them, 0 means no limit. */
export interface Limits {
  /** PADIs per second of one host, by its address, and as many PADRs. A burst may have ten times as many. */
  padiPerHost: number;
  /**
   * PADIs per second of one client, and as many PADRs. A burst may have twice as many. Beyond that, its hosts
   * that have had a session may send a fifth as many.
   */
  padiPerClient: number;
  /** Sessions of one client. */
  maxSessions: number;
}

/** A maximum number of sessions that was reached, and where it comes from. */
export interface SessionLimit {
  /**
   * The source: the client's own limit, which its key has; that of each client; the share that is left for one
   * client of the sessions of all; or the ids that one host can have.
   */
  readonly source: "key" | "client" | "share" | "host";
  /** The name of the client, or the address of the host. */
  readonly who: string;
  /** The number of sessions that it has; at a client, of ids. */
  readonly sessions: number;
}

/** The default limits. A client limits only its hosts; the rest is up to its server. */
export const DEFAULT_LIMITS: Readonly<Record<Side, Readonly<Limits>>> = {
  // One address may represent many hosts, and after a power cut thousands may dial at once.
  server: { padiPerHost: 100, padiPerClient: 2500, maxSessions: 16_384 },
  client: { padiPerHost: 100, padiPerClient: 0, maxSessions: 0 },
};

const HOST_BURST_SECONDS = 10;
const CLIENT_BURST_SECONDS = 2;

/** The share of the limit of a client that only its known hosts have, in addition. */
const KNOWN_SHARE = 0.2;

/**
 * The rate of PADIs, and of PADRs, that a client lets through from all hosts that have had no session. It is
 * below the default of its server, and allows thousands to dial at once after a power cut.
 */
const STRANGERS: Rate = { perSecond: 1000, burst: 5000 };

/**
 * The rate of PADIs, and of PADRs, that a server lets through from all clients, besides those of known hosts;
 * and the share of each client in addition, so that one with a few hosts always gets through.
 */
const ALL_CLIENTS: Rate = { perSecond: 2500, burst: 8192 };
const CLIENT_SHARE: Rate = { perSecond: 1, burst: 16 };

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

/** The rates of one client: of all its hosts, and of the known ones in addition. */
interface ClientRates {
  client: Rate;
  known: Rate;
}

/** The counts of one kind of frame. */
class Counted {
  readonly hosts = new TokenBuckets(HOSTS);
  readonly clients = new TokenBuckets(CLIENTS);
  /** The additional share of the known hosts of each client. */
  readonly known = new TokenBuckets(CLIENTS);
  /** The frames of all clients together. */
  readonly all = new TokenBuckets(1);
  /** The share of each client in addition to these. */
  readonly shares = new TokenBuckets(CLIENTS);
}

/**
 * The rate at which hosts dial. Clients are counted by IP address, an IPv6 one by its /64, because a client can
 * mint a new secret at will. PADI and PADR are counted separately, so that a host whose PADI was let through
 * can also send its PADR; a repeat counts like any other frame.
 *
 * Anyone can make up addresses of hosts, so limits for each host do not stop a flood. The limit for all hosts
 * does, but hosts that have had a session have a share of their own, which a flood cannot use up. If a flood
 * uses the address of a known host, only that host is shut out.
 */
export class DialRate {
  readonly #padi = new Counted();
  readonly #padr = new Counted();
  readonly #knownHosts = new KnownHosts();
  readonly #side: Side;
  #rates: ClientRates | undefined;

  /** Makes the counts of a relay, which knows no hosts at first. */
  constructor(side: Side) {
    this.#side = side;
  }

  /** Counts a PADI or PADR; returns false if it exceeds a limit. */
  allows(peer: Peer, packet: DiscoveryPacket, limits: Limits, nowMs: number): boolean {
    const { countedAs } = peer;
    const counted = packet.code === CODE.PADI ? this.#padi : this.#padr;
    const { hosts, clients, known } = counted;
    const { padiPerHost, padiPerClient } = limits;
    const isKnown = this.knows(peer, packet.source);
    const ofClient = this.#ofClient(isKnown, limits);
    // A flood from made-up addresses ends here, before anything is noted about them.
    const common = ofClient === undefined ||
      (clients.has(countedAs, ofClient, nowMs) && this.#hasRoom(counted, countedAs, limits, nowMs));
    if (!common && !isKnown) return false;
    if (padiPerHost > 0) {
      const rate = { perSecond: padiPerHost, burst: HOST_BURST_SECONDS * padiPerHost };
      if (!hosts.take(`${formatMac(packet.source)} ${countedAs}`, rate, nowMs)) return false;
    }
    if (ofClient === undefined) return true;
    if (common) {
      this.#takeRoom(counted, countedAs, limits, nowMs);
      return clients.take(countedAs, ofClient, nowMs);
    }
    return known.take(countedAs, this.#ratesOf(padiPerClient).known, nowMs);
  }

  /**
   * Returns true if {@linkcode allows} would surely refuse a PADI or PADR of a client, whatever is in it. It
   * counts and allocates nothing, so that a flood costs little.
   *
   * @param peer The client
   * @param code The code of the frame
   * @param memory The memory of the frame
   * @param sourceAt The offset of its source address
   * @param limits The limits
   * @param nowMs The time
   */
  surelyRefuses(
    peer: Peer,
    code: number,
    memory: Uint8Array,
    sourceAt: number,
    limits: Limits,
    nowMs: number,
  ): boolean {
    const { padiPerClient } = limits;
    if (padiPerClient === 0) return false;
    const { countedAs } = peer;
    const counted = code === CODE.PADI ? this.#padi : this.#padr;
    const { client, known } = this.#ratesOf(padiPerClient);
    const common = counted.clients.has(countedAs, client, nowMs) &&
      this.#hasRoom(counted, countedAs, limits, nowMs);
    if (common) return false;
    if (!counted.known.has(countedAs, known, nowMs)) return true;
    return !this.#knownHosts.has(this.#clientOf(peer), memory, sourceAt);
  }

  /** Notes that a host has a session, or had one until now. */
  note(peer: Peer, hostMac: Uint8Array): void {
    this.#knownHosts.add(this.#clientOf(peer), hostMac);
  }

  /** Returns true if a host has had a session. */
  knows(peer: Peer, hostMac: Uint8Array): boolean {
    return this.#knownHosts.has(this.#clientOf(peer), hostMac);
  }

  // Returns true if all clients together, or this one by itself, may send another frame.
  #hasRoom({ shares, all }: Counted, countedAs: string, limits: Limits, nowMs: number): boolean {
    if (!this.#limitsAll(limits)) return true;
    return shares.has(countedAs, CLIENT_SHARE, nowMs) || all.has("", ALL_CLIENTS, nowMs);
  }

  #takeRoom({ shares, all }: Counted, countedAs: string, limits: Limits, nowMs: number): void {
    if (!this.#limitsAll(limits)) return;
    if (!all.take("", ALL_CLIENTS, nowMs)) shares.take(countedAs, CLIENT_SHARE, nowMs);
  }

  // A server whose clients are not limited has no limit for all of them either.
  #limitsAll({ padiPerClient }: Limits): boolean {
    return this.#side === "server" && padiPerClient > 0;
  }

  // Returns the limit of all hosts behind a client that applies to a host; undefined if there is none.
  #ofClient(isKnown: boolean, { padiPerHost, padiPerClient }: Limits): Rate | undefined {
    if (padiPerClient > 0) return this.#ratesOf(padiPerClient).client;
    const limitsStrangers = this.#side === "client" && padiPerHost > 0;
    return limitsStrangers && !isKnown ? STRANGERS : undefined;
  }

  // Returns the limits of a client, and of its known hosts in addition, which are kept for the next frame.
  #ratesOf(padiPerClient: number): ClientRates {
    if (this.#rates?.client.perSecond === padiPerClient) return this.#rates;
    const perSecond = KNOWN_SHARE * padiPerClient;
    return this.#rates = {
      client: { perSecond: padiPerClient, burst: CLIENT_BURST_SECONDS * padiPerClient },
      known: { perSecond, burst: Math.max(1, CLIENT_BURST_SECONDS * perSecond) },
    };
  }

  // At a client, all hosts are its own, whichever server it has.
  #clientOf({ key, countedAs }: Peer): string {
    return this.#side === "client" ? "" : key ?? countedAs;
  }
}
