// How the server tells whose an AC's answer is.

import type { DiscoveryPacket, Tag } from "../../wire/mod.ts";
import type { Offers } from "./offers.ts";
import type { Discovery } from "./pending.ts";
import type { Requests } from "./requests.ts";
import type { Session } from "../session.ts";

/** What a discovery has asked an AC for, with one Host-Uniq. */
export interface Asked {
  readonly acMac: Uint8Array;
  readonly requests: Requests;
  /** By which the table finds the discovery for a repeat. */
  readonly mark: string;
}

/** A discovery as the server keeps it. */
export interface ServerPending extends Discovery {
  /** What stands for it on the AC's link; no other one has the same. */
  readonly token: Uint8Array;
  /** How many other servers it had passed before. */
  readonly passes: number;
  /** The address that the AC knows its host by; it stays the same, whatever the client calls itself later. */
  readonly shownMac: Uint8Array;
  /** The line that it comes from, as the AC is told; undefined where it is not. */
  readonly line: Tag | undefined;
  /** What ACs have answered its PADIs with. */
  readonly offers: Offers;
  /** The PADRs that went to each AC with each Host-Uniq, by both. */
  readonly asked: Map<string, Asked>;
  /** The Host-Uniq of its last PADR, which need not be that of its PADI; undefined where that had none. */
  askedHostUniq: Uint8Array | undefined;
  /** When its last PADR came. */
  askedMs: number;
  /** Whether its host has asked for something that no PADS has answered yet. */
  underWay: boolean;
  /** Whether it counts as a use of its host's address on the link. */
  claims: boolean;
  /** When its last PADI went to the ACs. */
  soughtMs: number;
  /** When the first of those PADIs did that came close together, and how many there are. */
  burstMs: number;
  burst: number;
  /** When its last frame came, from its host or an AC. */
  usedMs: number;
}

/** What an answer is for. */
export interface Match {
  readonly pending: ServerPending;
  /** The Host-Uniq of the request that it answers; undefined where that had none. */
  readonly hostUniq: Uint8Array | undefined;
}

/** One way to match answers with discoveries. */
export interface Matching {
  /** The Relay-Session-Id of a host's frame, where discoveries are told apart by it. */
  relaySessionId(tags: readonly Tag[]): Uint8Array | undefined;
  /** What the AC is sent: with what the answer is matched by. */
  toAc(pending: ServerPending, tags: Tag[]): Tag[];
  /** What the host gets: with what it has sent in place of that. */
  toHost(match: Match, tags: Tag[]): Tag[];
  /** Lets a frame of a discovery go to the AC; false while another one is in its way. */
  admit(pending: ServerPending, nowMs: number): boolean;
  /** Whether a PADR with this Host-Uniq may go to the AC; false while another one's answers may come. */
  mayAsk(pending: ServerPending, hostUniq: Uint8Array | undefined, nowMs: number): boolean;
  /** Whether a PADI that is not distinct has just gone to the AC, and so must have come back. */
  returned(pending: ServerPending, nowMs: number): boolean;
  /** Whether the AC can tell this discovery from all others for as long as it is kept. */
  isDistinct(pending: ServerPending): boolean;
  /** What may be the token of the discovery that an answer is for. */
  tokenOf(packet: DiscoveryPacket): Uint8Array | undefined;
  /** The discovery that an answer is for. */
  find(packet: DiscoveryPacket): Match | undefined;
  /**
   * Whether a PADS only says once more that a session is open.
   *
   * @param session The session with its addresses and id.
   * @param opener What opened it, where that is known.
   */
  isRepeat(
    packet: DiscoveryPacket,
    session: Session,
    opener: Match | undefined,
    nowMs: number,
  ): boolean;
  /** A discovery is gone. */
  removed(pending: ServerPending): void;
}
