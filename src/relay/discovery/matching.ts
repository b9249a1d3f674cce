// How the server tells whose an AC's answer is.

import type { DiscoveryPacket, Tag } from "../../wire/mod.ts";
import type { Discovery } from "./pending.ts";
import type { Requests } from "./requests.ts";
import type { Session } from "../session_table.ts";

/** A discovery as the server keeps it. */
export interface ServerPending extends Discovery {
  /** What stands for it on the AC's link; no other one has the same. */
  readonly token: Uint8Array;
  /** The address that the AC knows its host by; it stays the same, whatever the client calls itself later. */
  readonly facingMac: Uint8Array;
  /** The line that it comes from, as the AC is told; undefined where it is not. */
  readonly line: Tag | undefined;
  readonly requests: Requests;
  /** Whether its host has asked for something that no PADS has answered yet. */
  underWay: boolean;
  /** When its last frame came, from its host or an AC. */
  usedMs: number;
}

/** One way to match answers with discoveries. */
export interface Matching {
  /** The Relay-Session-Id of a host's frame, where discoveries are told apart by it. */
  relaySessionId(tags: readonly Tag[]): Uint8Array | undefined;
  /** What the AC is sent: with what the answer is matched by, the same in each frame of a discovery. */
  toAc(pending: ServerPending, tags: Tag[]): Tag[];
  /** What the host gets: with what it has sent in place of that. */
  toHost(pending: ServerPending, tags: Tag[]): Tag[];
  /** Lets a frame of a discovery go to the AC; false while another one is in its way. */
  admit(pending: ServerPending, nowMs: number): boolean;
  /** What may be the token of the discovery that an answer is for. */
  tokenOf(packet: DiscoveryPacket): Uint8Array | undefined;
  /** The discovery that an answer is for. */
  find(packet: DiscoveryPacket): ServerPending | undefined;
  /**
   * Whether a PADS only says once more that a session is open.
   *
   * @param session The session with its addresses and id.
   * @param opener The discovery that opened it, where that is known.
   */
  isRepeat(
    packet: DiscoveryPacket,
    session: Session,
    opener: ServerPending | undefined,
    nowMs: number,
  ): boolean;
  /** A discovery is gone. */
  removed(pending: ServerPending): void;
}
