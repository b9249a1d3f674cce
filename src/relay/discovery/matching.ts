// The interface of the ways in which the server finds the discovery that an AC's answer is for.

import type { DiscoveryPacket, Tag } from "../../wire/mod.ts";
import type { Session } from "../session.ts";
import type { Offers } from "./offers.ts";
import type { Asking } from "./requests.ts";

/** A discovery as the server keeps it. */
export interface ServerPending extends Asking {
  /** The token that represents this discovery, and no other, on the AC's link. */
  readonly token: Uint8Array;
  /** The number of other servers that it has passed before. */
  readonly passes: number;
  /** The address by which the AC knows its host; it stays the same if the client changes its name. */
  readonly shownMac: Uint8Array;
  /** The tag that names the host's line for the AC; undefined if the AC is not told the line. */
  readonly line: Tag | undefined;
  /** The answers of ACs to its PADIs. */
  readonly offers: Offers;
  /** The Host-Uniq of its last PADR, which may differ from that of the PADI; undefined if there was none. */
  askedHostUniq: Uint8Array | undefined;
  /** The time of its last PADR. */
  askedMs: number;
  /** True if its host has sent a request that no PADS has answered yet. */
  underWay: boolean;
  /** True if it counts as a use of its host's address on the link. */
  claims: boolean;
  /** The time at which its last PADI went to the ACs. */
  soughtMs: number;
  /** The time of the first PADI of a burst, and the number of PADIs in it. */
  burstMs: number;
  burst: number;
  /** The time of its last frame, from its host or an AC. */
  usedMs: number;
}

/** The request that an answer is for. */
export interface Match {
  readonly pending: ServerPending;
  /** The Host-Uniq of the request; undefined if there was none. */
  readonly hostUniq: Uint8Array | undefined;
}

/** One way to match answers with discoveries. */
export interface Matching {
  /** Finds the Relay-Session-Id of a host's frame, if discoveries are told apart by it. */
  relaySessionId(tags: readonly Tag[]): Uint8Array | undefined;
  /** Makes the tags for the AC, including those by which its answer is matched. */
  toAc(pending: ServerPending, tags: Tag[]): Tag[];
  /** Makes the tags for the host, with its own tags instead of these. */
  toHost(match: Match, tags: Tag[]): Tag[];
  /** Admits a frame of a discovery to the AC; returns false while another discovery is in its way. */
  admit(pending: ServerPending, nowMs: number): boolean;
  /** Returns true if a PADR with this Host-Uniq may go to the AC; false while another PADR may be answered. */
  mayAsk(pending: ServerPending, hostUniq: Uint8Array | undefined, nowMs: number): boolean;
  /** Returns true if a PADI that is not distinct has just gone to the AC, so that this one must have come back. */
  returned(pending: ServerPending, nowMs: number): boolean;
  /** Returns true if the AC can distinguish this discovery from all others as long as it is kept. */
  isDistinct(pending: ServerPending): boolean;
  /** Finds bytes that may be the token of the discovery that an answer is for. */
  tokenOf(packet: DiscoveryPacket): Uint8Array | undefined;
  /** Finds the request that an answer is for. */
  find(packet: DiscoveryPacket): Match | undefined;
  /**
   * Returns true if a PADS is only a repeat of the one that opened a session.
   *
   * @param session The session with its addresses and id
   * @param opener The request that opened it, if it is known
   */
  isRepeat(
    packet: DiscoveryPacket,
    session: Session,
    opener: Match | undefined,
    nowMs: number,
  ): boolean;
  /** Forgets a discovery that is gone. */
  removed(pending: ServerPending): void;
}
