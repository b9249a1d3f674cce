// Finds the sessions that somebody asks for, a bounded number of steps at a time.

import type { SessionFilter, SessionQuery } from "../observe/control.ts";
import type { Session } from "../relay/mod.ts";
import type { Side } from "../side.ts";
import { parseMac, sameMac } from "../wire/mod.ts";

/**
 * Makes a function that tells if a filter lets a session through.
 *
 * @param side The side, which tells where the host is
 * @param filter The filter, with valid addresses
 * @returns The function
 */
export function matcher(side: Side, filter: SessionFilter): (session: Session) => boolean {
  const { state, tunnel, id } = filter;
  const host = filter.host === undefined ? undefined : parseMac(filter.host);
  const ac = filter.ac === undefined ? undefined : parseMac(filter.ac);
  const [near, far] = side === "server" ? [ac, host] : [host, ac];
  return ({ peer, tunnelId, nearMac, farMac }) =>
    (id === undefined || tunnelId === id) &&
    (state === undefined || peer.held === (state === "held")) &&
    (tunnel === undefined || peer.name === tunnel) &&
    (near === undefined || sameMac(near, 0, nearMac, 0)) &&
    (far === undefined || sameMac(far, 0, farMac, 0));
}

/** A search for a page of sessions. Sessions may come and go meanwhile. */
export class SessionSearch {
  readonly #rest: Iterator<Session>;
  readonly #matches: (session: Session) => boolean;
  readonly #query: SessionQuery;
  #found: Session[] = [];
  #total = 0;
  #behind = 0;

  /** Begins a search; the sessions can be in any order. */
  constructor(sessions: Iterable<Session>, side: Side, query: SessionQuery) {
    this.#rest = sessions[Symbol.iterator]();
    this.#matches = matcher(side, query);
    this.#query = query;
  }

  /** The number of sessions that the filter has let through. */
  get total(): number {
    return this.#total;
  }

  /** True if there are sessions behind the page. */
  get hasMore(): boolean {
    return this.#behind > this.#query.limit;
  }

  /** Looks at some more sessions; returns false at the end. */
  proceed(count: number): boolean {
    const { after, limit } = this.#query;
    for (let looked = 0; looked < count; looked++) {
      const { done, value } = this.#rest.next();
      if (done) return false;
      if (!this.#matches(value)) continue;
      this.#total++;
      if (value.serial <= after) continue;
      this.#behind++;
      this.#found.push(value);
      // Restored sessions are not in the order of their numbers, so those that come first are picked out.
      if (this.#found.length >= 4 * limit + 64) this.#pick();
    }
    return true;
  }

  /** Returns the page, in the order in which the sessions were opened. */
  page(): Session[] {
    this.#pick();
    return this.#found;
  }

  #pick(): void {
    this.#found.sort((a, b) => a.serial - b.serial);
    this.#found.length = Math.min(this.#found.length, this.#query.limit);
  }
}
