// The offers of ACs to the hosts behind a server, and the discovery that a PADR belongs to.

import { findTag, formatMac, sameMac, TAG } from "../../wire/mod.ts";
import type { DiscoveryPacket, Tag } from "../../wire/mod.ts";
import type { Peer } from "../peer.ts";
import type { Match, ServerPending } from "./matching.ts";
import { type PendingTable, tagKey } from "./pending.ts";
import { type Requests, requestsOf } from "./requests.ts";
import { findHostUniq } from "./tag_list.ts";

/**
 * The offers and the PADRs of a table's discoveries. Host-Uniq identifies only one request (RFC 2516, appendix
 * A), so a PADR may have a different one than its PADI. Its offer identifies the discovery.
 */
export class OfferBook {
  readonly #pending: PendingTable<ServerPending>;

  /** Makes an empty book for the discoveries in a table. */
  constructor(pending: PendingTable<ServerPending>) {
    this.#pending = pending;
  }

  /** Notes the offer of an AC. */
  note(pending: ServerPending, { source, tags }: DiscoveryPacket): void {
    const { hostMac, relaySessionId, offers } = pending;
    const cookie = cookieOf(tags);
    if (offers.seen(source, cookie) === undefined) {
      const kept = cookie?.slice();
      const forgotten = offers.add({ acMac: source.slice(), cookie: kept, shown: kept });
      for (const { acMac, cookie } of forgotten) {
        const [offer, ac] = offerMarks(hostMac, relaySessionId, acMac, cookie);
        this.#pending.unmark(pending, offer);
        if (!offers.hasAny(acMac)) this.#pending.unmark(pending, ac);
      }
    }
    for (const mark of offerMarks(hostMac, relaySessionId, source, cookie)) {
      this.#pending.mark(pending, mark);
    }
  }

  /**
   * Finds the discovery that a PADR belongs to: the one in which it has gone out before, or whose offer it
   * accepts.
   *
   * @param same The discovery whose PADI had the same Host-Uniq
   * @param relaySessionId The Relay-Session-Id of the PADR, if it distinguishes discoveries
   * @returns The discovery; undefined if the AC has made the host no offer
   */
  find(
    peer: Peer,
    same: ServerPending | undefined,
    { source, destination, tags }: DiscoveryPacket,
    relaySessionId: Uint8Array | undefined,
    nowMs: number,
  ): ServerPending | undefined {
    const cookie = cookieOf(tags);
    const [offer, ac] = offerMarks(source, relaySessionId, destination, cookie);
    const marked = (mark: string) => this.#pending.marked(peer, mark, nowMs);
    const repeated = marked(requestMark(offer, findHostUniq(tags)));
    if (repeated !== undefined) return repeated;
    if (same?.offers.has(destination, cookie)) return same;
    const taken = marked(offer);
    if (taken !== undefined) return taken;
    // If a host returns a wrong cookie, the AC should decide.
    return same?.offers.hasAny(destination) ? same : marked(ac);
  }

  /** Counts a PADR that goes to the AC. */
  ask(pending: ServerPending, { destination: acMac, tags }: DiscoveryPacket): void {
    const { hostMac, relaySessionId } = pending;
    const hostUniq = findHostUniq(tags);
    const [offer] = offerMarks(hostMac, relaySessionId, acMac, cookieOf(tags));
    const mark = requestMark(offer, hostUniq);
    requestsOf(this.#pending, pending, acMac, requestKey(acMac, hostUniq), mark).ask();
  }

  /** Finds the PADRs that a PADS of this AC answers; undefined if none went to it. */
  askedOf({ pending, hostUniq }: Match, acMac: Uint8Array): Requests | undefined {
    return pending.asked.get(requestKey(acMac, hostUniq))?.requests;
  }

  /** Returns true if a discovery's PADRs have gone only to other ACs. */
  hasAskedAnother({ asked }: ServerPending, acMac: Uint8Array): boolean {
    return asked.size > 0 && !asked.values().some((of) => sameMac(of.acMac, 0, acMac, 0));
  }
}

/** Makes the marks of an offer: one with its cookie, and one for a host that returns a wrong cookie. */
function offerMarks(
  hostMac: Uint8Array,
  relaySessionId: Uint8Array | undefined,
  acMac: Uint8Array,
  cookie: Uint8Array | undefined,
): [offer: string, ac: string] {
  const ac = tagKey(`ac ${formatMac(hostMac)} ${formatMac(acMac)}`, relaySessionId);
  return [tagKey(`offer ${ac}`, cookie), ac];
}

/** Makes the mark of the PADRs that accept an offer with one Host-Uniq. */
function requestMark(offer: string, hostUniq: Uint8Array | undefined): string {
  return tagKey(`request ${offer}`, hostUniq);
}

/** Makes the key of the PADRs that go to an AC with one Host-Uniq. */
function requestKey(acMac: Uint8Array, hostUniq: Uint8Array | undefined): string {
  return tagKey(formatMac(acMac), hostUniq);
}

function cookieOf(tags: readonly Tag[]): Uint8Array | undefined {
  return findTag(tags, TAG.AC_COOKIE)?.value;
}
