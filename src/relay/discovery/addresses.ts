// Whose an address on the server's link is: an AC's, or that of the hosts of one client.

import { formatMac } from "../../wire/mod.ts";
import type { Remote } from "../remote.ts";
import { KnownAcs } from "./known_acs.ts";

/**
 * The addresses in use on the server's link, where its clients' hosts have addresses of their own there.
 * A frame with somebody else's address would have switches send that one's frames to us.
 */
export class Addresses {
  readonly #acs = new KnownAcs();
  /** How many sessions each AC has. */
  readonly #acSessions = new Map<string, number>();
  /** How many discoveries and sessions of each client have an address. */
  readonly #users = new Map<string, Map<Remote, number>>();

  /** Notes that an AC has answered. One that takes the address of a host here is not believed. */
  acHeard(mac: Uint8Array, nowMs: number): void {
    if (!this.isUsed(mac)) this.#acs.heard(mac, mac, nowMs);
  }

  /** Whether an AC has this address: it has answered within the last hour, or has a session. */
  isAc(mac: Uint8Array, nowMs: number): boolean {
    return this.#acs.has(mac, nowMs) || this.#acSessions.has(formatMac(mac));
  }

  /** Counts a session of an AC, or with -1 the end of one. */
  countSession(acMac: Uint8Array, change: 1 | -1): void {
    add(this.#acSessions, formatMac(acMac), change);
  }

  /** Counts a use of an address for a host of a client, or with -1 the end of one. */
  countUse(mac: Uint8Array, remote: Remote, change: 1 | -1): void {
    const key = formatMac(mac);
    let users = this.#users.get(key);
    if (users === undefined) this.#users.set(key, users = new Map());
    add(users, remote, change);
    if (users.size === 0) this.#users.delete(key);
  }

  /** Whether a host of any client has this address. */
  isUsed(mac: Uint8Array): boolean {
    return this.#users.has(formatMac(mac));
  }

  /** Whether a host of another client that is here has this address. */
  isTaken(mac: Uint8Array, by: Remote): boolean {
    for (const remote of this.#users.get(formatMac(mac))?.keys() ?? []) {
      // What is held sends nothing, and may never come back.
      if (remote !== by && !remote.held) return true;
    }
    return false;
  }
}

function add<K>(counts: Map<K, number>, key: K, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
