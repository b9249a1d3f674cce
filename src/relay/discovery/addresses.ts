// The owners of addresses on the server's link: ACs, and the hosts of each client.

import { assertInvariant } from "../../assert.ts";
import { formatMac } from "../../wire/mod.ts";
import type { Peer } from "../peer.ts";
import type { Session } from "../session.ts";
import { KnownAcs } from "./known_acs.ts";

/** The time for which an AC that has only made an offer is known, in ms: as long as a discovery. */
const OFFERING_MS = 60_000;

/**
 * The addresses in use on the server's link, for MAC modes in which the hosts of clients have their own
 * addresses there. A frame with another station's address would make switches send that station's frames to
 * us.
 */
export class Addresses {
  /** The stations that have answered a PADR. Only an AC that has made an offer gets one. */
  readonly #granting = new KnownAcs();
  /** The stations that have answered anything. Every station can answer a PADI, so they are soon forgotten. */
  readonly #offering = new KnownAcs();
  /** The number of sessions of each AC, and of each host by its address on the link. */
  readonly #acSessions = new Map<string, number>();
  readonly #hostSessions = new Map<string, number>();
  /** The number of discoveries and sessions in which each client uses an address. */
  readonly #users = new Map<string, Map<Peer, number>>();

  /**
   * Notes that an AC has answered.
   *
   * @param granting True if it has answered a PADR; otherwise the answer is ignored if a host has a session
   * with this address
   */
  acHeard(mac: Uint8Array, granting: boolean, nowMs: number): void {
    if (!granting && this.isUsedInSession(mac)) return;
    this.#offering.heard(mac, mac, nowMs);
    if (granting) this.#granting.heard(mac, mac, nowMs);
  }

  /** Returns true if this is the address of an AC, so that no host may have it. */
  isAc(mac: Uint8Array, nowMs: number): boolean {
    return this.#acSessions.has(formatMac(mac)) || this.#granting.has(mac, nowMs) ||
      this.#offering.has(mac, nowMs, OFFERING_MS);
  }

  /** Returns true if an AC with this address has answered within the last hour, or has a session. */
  wasAc(mac: Uint8Array, nowMs: number): boolean {
    return this.#acSessions.has(formatMac(mac)) || this.#offering.has(mac, nowMs);
  }

  /** Counts a session of an AC and a host, or its end with -1. */
  countSession(acMac: Uint8Array, hostMac: Uint8Array, change: 1 | -1): void {
    add(this.#acSessions, formatMac(acMac), change);
    add(this.#hostSessions, formatMac(hostMac), change);
  }

  /** Returns true if a host has a session with this address. */
  isUsedInSession(mac: Uint8Array): boolean {
    return this.#hostSessions.has(formatMac(mac));
  }

  /** Counts the use of an address by a host of a client, or its end with -1. */
  countUse(mac: Uint8Array, peer: Peer, change: 1 | -1): void {
    const key = formatMac(mac);
    let users = this.#users.get(key);
    if (users === undefined) this.#users.set(key, users = new Map());
    add(users, peer, change);
    if (users.size === 0) this.#users.delete(key);
  }

  /** Returns true if a host of any client has this address. */
  isUsed(mac: Uint8Array): boolean {
    return this.#users.has(formatMac(mac));
  }

  /**
   * Returns true if a host of another client has this address. An absent client from the same IP address does
   * not count as another one: it was restarted without its state, and will not return for its sessions.
   */
  isTaken(mac: Uint8Array, by: Peer): boolean {
    for (const peer of this.#users.get(formatMac(mac))?.keys() ?? []) {
      const restarted = peer.held && peer.address !== "" && peer.address === by.address;
      if (peer !== by && !restarted) return true;
    }
    return false;
  }

  /**
   * Checks that the counts match the open sessions.
   *
   * @throws {InvariantError} If they do not
   */
  audit(sessions: Iterable<Session>): void {
    const acs = new Map<string, number>();
    const hosts = new Map<string, number>();
    for (const { nearMac, shownMac } of sessions) {
      add(acs, formatMac(nearMac), 1);
      add(hosts, formatMac(shownMac), 1);
    }
    const same = (counts: Map<string, number>, right: Map<string, number>) =>
      counts.size === right.size && [...right].every(([mac, count]) => counts.get(mac) === count);
    assertInvariant(same(this.#acSessions, acs), "the sessions of an AC are miscounted");
    assertInvariant(same(this.#hostSessions, hosts), "the sessions of a host are miscounted");
  }
}

function add<K>(counts: Map<K, number>, key: K, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  assertInvariant(count >= 0, "an address was released more often than it was used");
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
