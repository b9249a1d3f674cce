// The interface of the ways in which the server tells whose an AC's answer is.

import type { DiscoveryPacket, Tag } from "../../wire/mod.ts";
import type { Session } from "../session.ts";
import type { Offers } from "./offers.ts";
import type { Asking } from "./requests.ts";

/** A discovery as the server keeps it. */
export interface ServerPending extends Asking {
  /** The token that stands for it on the AC's link, and for no other one. */
  readonly token: Uint8Array;
  /** The number of other servers that it had passed before. */
  readonly passes: number;
  /** The address that the AC knows its host by; it stays the same if the client changes its name. */
  readonly shownMac: Uint8Array;
  /** The tag by which the AC is told the line that it comes from; undefined if it is not told. */
  readonly line: Tag | undefined;
  /** The answers of ACs to its PADIs. */
  readonly offers: Offers;
  /** The Host-Uniq of its last PADR, which may differ from that of its PADI; undefined if there was none. */
  askedHostUniq: Uint8Array | undefined;
  /** The time of its last PADR. */
  askedMs: number;
  /** True if its host has asked for something that no PADS has answered yet. */
  underWay: boolean;
  /** True if it counts as a use of its host's address on the link. */
  claims: boolean;
  /** The time when its last PADI went to the ACs. */
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
  /** The Host-Uniq of the request; undefined if it had none. */
  readonly hostUniq: Uint8Array | undefined;
}

/** One way to match answers with discoveries. */
export interface Matching {
  /** Finds the Relay-Session-Id of a host's frame, if discoveries are told apart by it. */
  relaySessionId(tags: readonly Tag[]): Uint8Array | undefined;
  /** Makes the tags for the AC, with those that its answer is matched by. */
  toAc(pending: ServerPending, tags: Tag[]): Tag[];
  /** Makes the tags for the host, with those that it has sent in place of these. */
  toHost(match: Match, tags: Tag[]): Tag[];
  /** Lets a frame of a discovery go to the AC; false while another discovery is in its way. */
  admit(pending: ServerPending, nowMs: number): boolean;
  /** Tells if a PADR with this Host-Uniq may go to the AC: not while another PADR's answers may come. */
  mayAsk(pending: ServerPending, hostUniq: Uint8Array | undefined, nowMs: number): boolean;
  /** Tells if a PADI that is not distinct has just gone to the AC, and so must have come back. */
  returned(pending: ServerPending, nowMs: number): boolean;
  /** Tells if the AC can tell this discovery from all others for as long as it is kept. */
  isDistinct(pending: ServerPending): boolean;
  /** Finds bytes that may be the token of the discovery that an answer is for. */
  tokenOf(packet: DiscoveryPacket): Uint8Array | undefined;
  /** Finds the request that an answer is for. */
  find(packet: DiscoveryPacket): Match | undefined;
  /**
   * Tells if a PADS only says once more that a session is open.
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
