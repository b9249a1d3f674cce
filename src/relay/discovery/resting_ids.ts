// Resting session ids: no new session gets an id while frames of its old owner may still be on their way.

import { formatMac } from "../../wire/mod.ts";
import type { Peer } from "../peer.ts";
import type { Session, SessionKey } from "../session.ts";

/** The time for which an id rests. A host that missed its PADT may keep sending for a while. */
export const REST_MS = 10_000;

/** The maximum number of resting ids; one more releases the oldest one. */
export const RESTING_IDS = 4096;

/** The facts about an ended session that are kept; the session itself is not. */
interface Resting {
  readonly pair: string;
  readonly linkId: number;
  readonly peer: Peer;
  readonly farMac: string;
  readonly tunnelId: number;
  readonly untilMs: number;
}

/** The resting ids of one link. Each belongs to a pair of addresses on it. */
export class RestingIds {
  readonly #byPair = new Map<string, Map<number, Resting>>();
  /** The resting ids, the oldest first. */
  readonly #all = new Set<Resting>();

  /** The number of resting ids. */
  get size(): number {
    return this.#all.size;
  }

  /** Lets the id of an ended session rest. */
  add(session: Session, nowMs: number): void {
    const pair = pairOf(session.nearMac, session.shownMac);
    let ids = this.#byPair.get(pair);
    if (ids === undefined) this.#byPair.set(pair, ids = new Map());
    const before = ids.get(session.linkId);
    if (before !== undefined) this.#all.delete(before);
    const { linkId, peer, tunnelId } = session;
    const farMac = formatMac(session.farMac);
    const resting = { pair, linkId, peer, farMac, tunnelId, untilMs: nowMs + REST_MS };
    ids.set(linkId, resting);
    this.#all.add(resting);
    if (this.#all.size > RESTING_IDS) this.#remove(this.#all.values().next().value!);
  }

  /**
   * Vetoes an id for a new session. A session with the same AC and the same id there as the old one may have
   * it, because the AC decides about the frames that are on their way for that id.
   *
   * @param session The new session, which needs an id on the link
   * @returns True if the session may not have the id
   */
  keeps(linkId: number, session: Omit<SessionKey, "linkId">, nowMs: number): boolean {
    const ids = this.#byPair.get(pairOf(session.nearMac, session.shownMac));
    const resting = ids?.get(linkId);
    if (resting === undefined || nowMs >= resting.untilMs) return false;
    return resting.peer !== session.peer || resting.tunnelId !== session.tunnelId ||
      resting.farMac !== formatMac(session.farMac);
  }

  /** Releases the ids that have rested long enough. */
  expire(nowMs: number): void {
    for (const resting of this.#all) {
      if (nowMs < resting.untilMs) return;
      this.#remove(resting);
    }
  }

  #remove(resting: Resting): void {
    const { pair, linkId } = resting;
    const ids = this.#byPair.get(pair)!;
    ids.delete(linkId);
    if (ids.size === 0) this.#byPair.delete(pair);
    this.#all.delete(resting);
  }
}

function pairOf(nearMac: Uint8Array, shownMac: Uint8Array): string {
  return formatMac(nearMac) + formatMac(shownMac);
}
