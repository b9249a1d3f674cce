// Matching for an AC that wants one certain Host-Uniq: by Relay-Session-Id, or one discovery at a time.
//
// Each discovery has a place, and a place has one discovery: by Relay-Session-Id (RFC 2516, appendix A)
// there is a place for each value of the tag, without it there is one for all. A discovery holds its place
// while it is under way; another host's has to wait for that, for a bounded time (place.ts). One host's
// next takes its last one's place.

import { equals } from "@std/bytes";
import { CODE, findTag, formatMac, TAG } from "../../wire/mod.ts";
import type { DiscoveryPacket, Tag } from "../../wire/mod.ts";
import { byteKey } from "./byte_key.ts";
import type { Match, Matching, ServerPending } from "./matching.ts";
import { Place, sameHost } from "./place.ts";
import type { Session } from "../session.ts";
import { findHostUniq, replaceTag, sameValue } from "./tag_list.ts";
import { passesOf } from "./tokens.ts";

/** How long a turn at the only place lasts once another host waits. */
const TURN_MS = 3000;

/** After how long one at the place of a Relay-Session-Id does, which few share. */
const RELAY_TAG_TURN_MS = 10_000;

/** For how long a PADS of an open session is taken for a repeat of the one that opened it. */
const REPEAT_MS = 10_000;

/** A host repeats its PADI after a second or more: what comes sooner may be the same, and have come back. */
const RETURN_MS = 900;

/** For how long after a PADR an answer may be for that one, and not for another one of its discovery. */
const ANSWER_MS = 900;

/** How many stations are remembered that may be the other end of a loop. */
const ECHOING = 256;

/** So many PADIs of one discovery in such a time are not all of its host's. */
export const BURST_MS = 5000;
const BURST = 5;

/** The key of the only place. */
const ONLY = "";

/** The way for `--host-uniq`. */
export class FixedMatching implements Matching {
  readonly #hostUniq: Uint8Array;
  /** Whether it goes by Relay-Session-Id. */
  readonly #relayTag: boolean;
  readonly #places = new Map<string, Place>();
  /** The addresses of stations that have dialled just behind another one, with the AC's Host-Uniq. */
  readonly #echoing = new Set<string>();

  /**
   * Matches discoveries that all have the same Host-Uniq.
   *
   * @param relayTag Add a Relay-Session-Id where there is none, and go by it; else one discovery has to
   * wait for another.
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
    // Another agent's own one has to find its way back to that agent.
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

  // Whether a station with the AC's Host-Uniq was there just behind another one's PADI before. Once it may be
  // chance; the next time it is the server at the other end of a loop.
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
    // Its requests have one Host-Uniq on the AC's link: an answer is for the last one of its kind.
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
      // After a PADR with another Host-Uniq, that one is answered, though the AC gives the same id.
      return sameValue(opener?.hostUniq, pending.askedHostUniq);
    }
    // The place may be another's by now, who is not to be given what is not for it.
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

// RFC 2516, appendix A: an agent adds no second one. That of another server gives way, and is put back in the
// answer: each server has to know its own.
function idOf(pending: ServerPending): Uint8Array {
  return hasAgent(pending) ? pending.relaySessionId! : pending.token;
}

/** Whether an agent that is no server of this kind has put its Relay-Session-Id into a discovery. */
function hasAgent({ relaySessionId }: ServerPending): boolean {
  return relaySessionId !== undefined && passesOf(relaySessionId) === undefined;
}

function findRelaySessionId(tags: readonly Tag[]): Uint8Array | undefined {
  return findTag(tags, TAG.RELAY_SESSION_ID)?.value;
}
