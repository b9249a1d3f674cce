// What ACs have offered to the hosts behind a server, and which discovery a PADR belongs to.

import { findTag, formatMac, sameMac, TAG } from "../../wire/mod.ts";
import type { DiscoveryPacket, Tag } from "../../wire/mod.ts";
import type { Peer } from "../peer.ts";
import type { Match, ServerPending } from "./matching.ts";
import { type PendingTable, tagKey } from "./pending.ts";
import { Requests } from "./requests.ts";
import { findHostUniq } from "./tag_list.ts";

/** How many ACs and Host-Uniqs one discovery may ask with; one more takes the place of the first. */
const REQUESTS = 16;

/**
 * The offers and the PADRs of a table's discoveries. Host-Uniq names one request only (RFC 2516, appendix
 * A), so that a PADR may have another one than its PADI: what it belongs to is told by the offer.
 */
export class OfferBook {
  readonly #pending: PendingTable<ServerPending>;

  constructor(pending: PendingTable<ServerPending>) {
    this.#pending = pending;
  }

  /** Notes that an AC has made an offer. */
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
   * The discovery that a PADR belongs to: the one that it has gone out in before, or whose offer it takes;
   * undefined where its AC has made its host no offer.
   *
   * @param same The discovery whose PADI had the same Host-Uniq.
   * @param relaySessionId That of the PADR, where discoveries are told apart by it.
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
    // A host that returns a cookie wrongly: the AC is to judge.
    return same?.offers.hasAny(destination) ? same : marked(ac);
  }

  /** Counts a PADR that goes to the AC. */
  ask(pending: ServerPending, { destination: acMac, tags }: DiscoveryPacket): void {
    const { asked, hostMac, relaySessionId } = pending;
    const hostUniq = findHostUniq(tags);
    const key = requestKey(acMac, hostUniq);
    const known = asked.get(key);
    if (known !== undefined) return known.requests.ask();
    if (asked.size >= REQUESTS) {
      const [[first, { mark }]] = asked;
      asked.delete(first);
      this.#pending.unmark(pending, mark);
    }
    const [offer] = offerMarks(hostMac, relaySessionId, acMac, cookieOf(tags));
    const mark = requestMark(offer, hostUniq);
    const requests = new Requests();
    requests.ask();
    asked.set(key, { acMac: acMac.slice(), requests, mark });
    this.#pending.mark(pending, mark);
  }

  /** The PADRs that a PADS of this AC answers; undefined where none went to it. */
  askedOf({ pending, hostUniq }: Match, acMac: Uint8Array): Requests | undefined {
    return pending.asked.get(requestKey(acMac, hostUniq))?.requests;
  }

  /** Whether a discovery's PADRs have gone to ACs of which this is none. */
  hasAskedAnother({ asked }: ServerPending, acMac: Uint8Array): boolean {
    return asked.size > 0 && !asked.values().some((of) => sameMac(of.acMac, 0, acMac, 0));
  }
}

/** The marks of an offer: with its cookie, and for a host that returns that wrongly. */
function offerMarks(
  hostMac: Uint8Array,
  relaySessionId: Uint8Array | undefined,
  acMac: Uint8Array,
  cookie: Uint8Array | undefined,
): [offer: string, ac: string] {
  const ac = tagKey(`ac ${formatMac(hostMac)} ${formatMac(acMac)}`, relaySessionId);
  return [tagKey(`offer ${ac}`, cookie), ac];
}

/** The mark of the PADRs that take an offer with one Host-Uniq. */
function requestMark(offer: string, hostUniq: Uint8Array | undefined): string {
  return tagKey(`request ${offer}`, hostUniq);
}

/** The key of the PADRs that go to an AC with one Host-Uniq. */
function requestKey(acMac: Uint8Array, hostUniq: Uint8Array | undefined): string {
  return tagKey(formatMac(acMac), hostUniq);
}

function cookieOf(tags: readonly Tag[]): Uint8Array | undefined {
  return findTag(tags, TAG.AC_COOKIE)?.value;
}
