// Matching for an AC that requires a certain Host-Uniq: by Relay-Session-Id, or one discovery at a time.
//
// A place belongs to one discovery at a time. With Relay-Session-Id (RFC 2516, appendix A) there is a place for
// each value of the tag; without it there is a single place. A discovery has its place while it is under way,
// and another host's discovery must wait for a limited time (place.ts). The next discovery of a host takes the
// place of its last one.

import { equals } from "@std/bytes";
import { CODE, findTag, formatMac, TAG } from "../../wire/mod.ts";
import type { DiscoveryPacket, Tag } from "../../wire/mod.ts";
import type { Session } from "../session.ts";
import { byteKey } from "./byte_key.ts";
import type { Match, Matching, ServerPending } from "./matching.ts";
import { Place, sameHost } from "./place.ts";
import { findHostUniq, replaceTag, sameValue } from "./tag_list.ts";
import { passesOf } from "./tokens.ts";

/** The length of a turn at the single place once another host waits, in ms. */
const TURN_MS = 3000;

/** The length of a turn at the place of a Relay-Session-Id, which few hosts share, in ms. */
const RELAY_TAG_TURN_MS = 10_000;

/** The time for which a PADS for an open session counts as a repeat of the one that opened it, in ms. */
const REPEAT_MS = 10_000;

/** The time within which a PADI may be one that has come back, in ms. Hosts repeat theirs after 1 s or more. */
const RETURN_MS = 900;

/** The time within which an answer may be for a PADR, and not for another one of its discovery, in ms. */
const ANSWER_MS = 900;

/** The maximum number of remembered stations that may be the other end of a loop. */
const ECHOING = 256;

/** The time within which PADIs of one discovery are counted, in ms. */
export const BURST_MS = 5000;
/** The number of PADIs in that time that cannot all come from its host. */
const BURST = 5;

/** The key of the single place. */
const ONLY = "";

/** Matches answers if all discoveries have the same Host-Uniq (`--host-uniq`). */
export class FixedMatching implements Matching {
  readonly #hostUniq: Uint8Array;
  /** True to match by Relay-Session-Id. */
  readonly #relayTag: boolean;
  readonly #places = new Map<string, Place>();
  /** The addresses of stations that dialled right after another one, with the AC's Host-Uniq. */
  readonly #echoing = new Set<string>();

  /**
   * Makes a matching.
   *
   * @param hostUniq The Host-Uniq of all discoveries
   * @param relayTag True to add a Relay-Session-Id if there is none, and to match by it; otherwise one
   * discovery must wait for another
   */
  constructor(hostUniq: Uint8Array, relayTag: boolean) {
    this.#hostUniq = hostUniq;
    this.#relayTag = relayTag;
  }

  relaySessionId(tags: readonly Tag[]): Uint8Array | undefined {
    return this.#relayTag ? findRelaySessionId(tags) : undefined;
  }

  toAc(pending: ServerPending, tags: Tag[]): Tag[] {
    const marked = replaceTag(tags, TAG.HOST_UNIQ, this.#hostUniq);
    return this.#relayTag ? replaceTag(marked, TAG.RELAY_SESSION_ID, idOf(pending)) : marked;
  }

  toHost({ pending: { relaySessionId }, hostUniq }: Match, tags: Tag[]): Tag[] {
    const restored = replaceTag(tags, TAG.HOST_UNIQ, hostUniq);
    // The tag of another agent must be returned to that agent.
    return this.#relayTag ? replaceTag(restored, TAG.RELAY_SESSION_ID, relaySessionId) : restored;
  }

  admit(pending: ServerPending, nowMs: number): boolean {
    const key = this.#placeOf(pending);
    const place = this.#places.get(key);
    if (place !== undefined) return place.admit(pending, nowMs);
    const turnMs = this.#relayTag ? RELAY_TAG_TURN_MS : TURN_MS;
    this.#places.set(key, new Place(pending, turnMs, !this.#relayTag, nowMs));
    return true;
  }

  mayAsk(
    { askedHostUniq, askedMs }: ServerPending,
    hostUniq: Uint8Array | undefined,
    nowMs: number,
  ): boolean {
    return sameValue(askedHostUniq, hostUniq) || nowMs - askedMs >= ANSWER_MS;
  }

  returned(pending: ServerPending, nowMs: number): boolean {
    const { hostUniq, burstMs, burst } = pending;
    if (burst >= BURST && nowMs - burstMs < BURST_MS) return true;
    if (!sameValue(hostUniq, this.#hostUniq)) return false;
    const holder = this.#places.get(this.#placeOf(pending))?.holder;
    if (holder === undefined || nowMs - holder.soughtMs >= RETURN_MS) return false;
    return sameHost(holder, pending) || this.#echoes(pending);
  }

  // Returns true if a station with the AC's Host-Uniq has dialled right after another one before. The first time
  // may be a coincidence; the second time it is the server at the other end of a loop.
  #echoes({ hostMac }: ServerPending): boolean {
    const mac = formatMac(hostMac);
    const before = this.#echoing.delete(mac);
    this.#echoing.add(mac);
    if (this.#echoing.size > ECHOING) {
      const [oldest] = this.#echoing;
      this.#echoing.delete(oldest);
    }
    return before;
  }

  isDistinct(pending: ServerPending): boolean {
    return this.#relayTag && !hasAgent(pending);
  }

  find(packet: DiscoveryPacket): Match | undefined {
    const place = this.#placeOfAnswer(packet);
    const pending = place === undefined ? undefined : this.#places.get(place)?.holder;
    if (pending === undefined) return undefined;
    // The requests share one Host-Uniq on the AC's link, so an answer is for the last request of its kind.
    const { hostUniq, askedHostUniq } = pending;
    return { pending, hostUniq: packet.code === CODE.PADO ? hostUniq : askedHostUniq };
  }

  tokenOf({ tags }: DiscoveryPacket): Uint8Array | undefined {
    return this.#relayTag ? findRelaySessionId(tags) : undefined;
  }

  isRepeat(
    packet: DiscoveryPacket,
    session: Session,
    opener: Match | undefined,
    nowMs: number,
  ): boolean {
    const pending = opener?.pending;
    const place = this.#placeOfAnswer(packet);
    if (place === undefined) return false;
    if (pending !== undefined && this.#places.get(place)?.holder === pending) {
      // After a PADR with another Host-Uniq, the PADS answers that PADR, though the AC gives the same id.
      return sameValue(opener?.hostUniq, pending.askedHostUniq);
    }
    // The place may belong to another discovery by now, which must not get this answer.
    const of = pending === undefined ? this.#relayTag ? undefined : ONLY : this.#placeOf(pending);
    return place === of && nowMs - session.openedMs < REPEAT_MS;
  }

  removed(pending: ServerPending): void {
    const place = this.#placeOf(pending);
    if (this.#places.get(place)?.holder === pending) this.#places.delete(place);
  }

  #placeOf(pending: ServerPending): string {
    return this.#relayTag ? byteKey(idOf(pending)) : ONLY;
  }

  #placeOfAnswer({ tags }: DiscoveryPacket): string | undefined {
    const hostUniq = findHostUniq(tags);
    if (hostUniq === undefined || !equals(hostUniq, this.#hostUniq)) return undefined;
    if (!this.#relayTag) return ONLY;
    const id = findRelaySessionId(tags);
    return id && byteKey(id);
  }
}

// RFC 2516, appendix A: an agent must not add a second tag. The tag of another server is replaced, and restored
// in the answer, because each server must recognize its own.
function idOf(pending: ServerPending): Uint8Array {
  return hasAgent(pending) ? pending.relaySessionId! : pending.token;
}

/** Returns true if an agent other than a pppoe-proxy server has added a Relay-Session-Id to a discovery. */
function hasAgent({ relaySessionId }: ServerPending): boolean {
  return relaySessionId !== undefined && passesOf(relaySessionId) === undefined;
}

function findRelaySessionId(tags: readonly Tag[]): Uint8Array | undefined {
  return findTag(tags, TAG.RELAY_SESSION_ID)?.value;
}
