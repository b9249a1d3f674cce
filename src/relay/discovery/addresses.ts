// Whose an address on the server's link is: an AC's, or that of the hosts of one client.

import { formatMac } from "../../wire/mod.ts";
import type { Peer } from "../peer.ts";
import { KnownAcs } from "./known_acs.ts";

/** For how long an AC is known that has only made an offer: as long as a discovery. */
const OFFERING_MS = 60_000;

/**
 * The addresses in use on the server's link, where its clients' hosts have addresses of their own there.
 * A frame with somebody else's address would have switches send that one's frames to us.
 */
export class Addresses {
  /** Those that have answered a PADR, which only an AC gets that has offered itself. */
  readonly #granting = new KnownAcs();
  /** Those that have answered anything. Whoever hears a PADI can, so that alone is believed for a short time. */
  readonly #offering = new KnownAcs();
  /** How many sessions each AC has, and each host by its address on the link. */
  readonly #acSessions = new Map<string, number>();
  readonly #hostSessions = new Map<string, number>();
  /** How many discoveries and sessions of each client have an address. */
  readonly #users = new Map<string, Map<Peer, number>>();

  /**
   * Notes that an AC has answered.
   *
   * @param granting Whether it has answered a PADR; else it is not believed where a host has a session with
   * this address.
   */
  acHeard(mac: Uint8Array, granting: boolean, nowMs: number): void {
    if (!granting && this.isUsedInSession(mac)) return;
    this.#offering.heard(mac, mac, nowMs);
    if (granting) this.#granting.heard(mac, mac, nowMs);
  }

  /** Whether this is an AC's address, so that no host may have it. */
  isAc(mac: Uint8Array, nowMs: number): boolean {
    return this.#acSessions.has(formatMac(mac)) || this.#granting.has(mac, nowMs) ||
      this.#offering.has(mac, nowMs, OFFERING_MS);
  }

  /** Whether an AC with this address has answered within the last hour, or has a session. */
  wasAc(mac: Uint8Array, nowMs: number): boolean {
    return this.#acSessions.has(formatMac(mac)) || this.#offering.has(mac, nowMs);
  }

  /** Counts a session of an AC and a host, or with -1 the end of one. */
  countSession(acMac: Uint8Array, hostMac: Uint8Array, change: 1 | -1): void {
    add(this.#acSessions, formatMac(acMac), change);
    add(this.#hostSessions, formatMac(hostMac), change);
  }

  /** Whether a host has a session with this address. */
  isUsedInSession(mac: Uint8Array): boolean {
    return this.#hostSessions.has(formatMac(mac));
  }

  /** Counts a use of an address for a host of a client, or with -1 the end of one. */
  countUse(mac: Uint8Array, peer: Peer, change: 1 | -1): void {
    const key = formatMac(mac);
    let users = this.#users.get(key);
    if (users === undefined) this.#users.set(key, users = new Map());
    add(users, peer, change);
    if (users.size === 0) this.#users.delete(key);
  }

  /** Whether a host of any client has this address. */
  isUsed(mac: Uint8Array): boolean {
    return this.#users.has(formatMac(mac));
  }

  /**
   * Whether a host of another client has this address. One that is away and had the same address in the
   * network is no other: it was started anew, and will not come back for what is held.
   */
  isTaken(mac: Uint8Array, by: Peer): boolean {
    for (const peer of this.#users.get(formatMac(mac))?.keys() ?? []) {
      const anew = peer.held && peer.address !== "" && peer.address === by.address;
      if (peer !== by && !anew) return true;
    }
    return false;
  }
}

function add<K>(counts: Map<K, number>, key: K, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
