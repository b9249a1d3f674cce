// A place that only one discovery at a time can have, and the order in which they take turns.

import { sameMac } from "../../wire/mod.ts";
import type { ServerPending } from "./matching.ts";
import { sameValue } from "./tag_list.ts";

/** The time for which a place waits for a refused host, in ms. Hosts repeat a PADI after 5 s, then after 10 s. */
const WAIT_MS = 12_000;

/**
 * A place. A turn lasts while the discovery is under way. Once another host was refused, the turn ends after
 * some time, whatever its host still sends, so that a host that repeatedly asks without an answer does not
 * shut out the others. A host that lost its turn in this way must wait for the refused one.
 */
export class Place {
  #holder: ServerPending;
  readonly #turnMs: number;
  readonly #goesOn: typeof sameHost;
  #sinceMs: number;
  /** One of the refused discoveries: the first that has not just had its turn. */
  #waiting: { pending: ServerPending; askedMs: number } | undefined;
  /** The last discovery that lost its turn. */
  #ousted: ServerPending | undefined;

  /**
   * Makes a place and gives it to its first holder.
   *
   * @param oneEach True if a host may have only one discovery under way; otherwise its next one takes over the place
   */
  constructor(holder: ServerPending, turnMs: number, oneEach: boolean, nowMs: number) {
    this.#goesOn = oneEach ? sameDiscovery : sameHost;
    this.#holder = holder;
    this.#turnMs = turnMs;
    this.#sinceMs = nowMs;
  }

  /** The discovery that has the place, or had it last. */
  get holder(): ServerPending {
    return this.#holder;
  }

  /** Gives the place to a discovery for which a frame has arrived; returns false while it must wait. */
  admit(pending: ServerPending, nowMs: number): boolean {
    const holder = this.#holder;
    const waiting = this.#waitingAt(nowMs);
    const over = nowMs - this.#sinceMs >= this.#turnMs;
    if (holder.underWay && this.#goesOn(holder, pending)) {
      if (over && waiting !== undefined) return false;
      this.#holder = pending;
      // A long dial may continue while nobody else asks.
      if (over) this.#sinceMs = nowMs;
      return true;
    }
    const expected = waiting === undefined || sameHost(waiting, pending);
    const quiet = nowMs - holder.usedMs >= this.#turnMs;
    if (holder.underWay && !(over && (quiet || waiting !== undefined))) {
      if (expected || this.#lostTurn(waiting)) this.#waiting = { pending, askedMs: nowMs };
      return false;
    }
    if (!expected && this.#lostTurn(pending)) return false;
    if (holder.underWay) this.#ousted = holder;
    if (expected) this.#waiting = undefined;
    this.#holder = pending;
    this.#sinceMs = nowMs;
    return true;
  }

  #waitingAt(nowMs: number): ServerPending | undefined {
    const waiting = this.#waiting;
    return waiting !== undefined && nowMs - waiting.askedMs < WAIT_MS ? waiting.pending : undefined;
  }

  #lostTurn(pending: ServerPending): boolean {
    return this.#ousted !== undefined && sameHost(this.#ousted, pending);
  }
}

// One host may dial several sessions, which differ in Host-Uniq.
function sameDiscovery(a: ServerPending, b: ServerPending): boolean {
  return sameValue(a.hostUniq, b.hostUniq) && sameHost(a, b);
}

/** Returns true if two discoveries belong to one host. */
export function sameHost(a: ServerPending, b: ServerPending): boolean {
  return a.peer === b.peer && sameMac(a.hostMac, 0, b.hostMac, 0);
}
