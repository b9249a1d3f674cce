// What a relay is made with, and what it does to the world outside.

import type { SessionEnd } from "./cause.ts";
import type { AddedTags } from "./discovery/added_tags.ts";
import type { Limits } from "./limits.ts";
import type { Problem } from "../problem.ts";
import type { Peer } from "./peer.ts";
import type { Session } from "./session.ts";
import type { Side } from "./side.ts";
import type { TokenSource } from "./discovery/tokens.ts";

/**
 * Whose addresses each link sees: our own, one of ours for each station beyond the tunnel, or those of
 * the stations themselves.
 */
export type MacMode = "own" | "per-host" | "transparent";

/** What a relay is made with. */
export interface RelayOptions {
  side: Side;
  mac: MacMode;
  /** The address of the link's interface. */
  linkMac: Uint8Array;
  /** The MTU of the link's interface, in bytes; where it is not known, any payload is taken to fit. */
  linkMtu?: number;
  /** After how long with nothing from one of its stations a session is closed, in ms; 0: never. */
  idleMs: number;
  /**
   * After how long with LCP Echo-Requests unanswered by a station that used to answer them a session is
   * closed, in ms; 0: never.
   */
  deadMs: number;
  /** For how long sessions are held for a peer without a tunnel, in ms; 0: not at all. */
  graceMs: number;
  /** For how many peers without a tunnel something is held at most; any number without it. */
  maxHeld?: number;
  /** Those that are not given are {@linkcode DEFAULT_LIMITS}. */
  limits?: Partial<Limits>;
  /** The number of the first session. */
  firstSerial?: number;
  /** What the server puts into PADI and PADR. */
  tags?: AddedTags;
  /** What the link's interface is called there; nothing without it. */
  interfaceName?: string;
  /** Makes what stands for a discovery on the AC's link; by default known again in this run only. */
  tokens?: TokenSource;
}

/** What a relay does to the world outside. Frames are only lent for the length of the call. */
export interface RelayPorts {
  toLink(frame: Uint8Array): void;
  toTunnel(tunnel: number, frame: Uint8Array): void;
  /** The payload of a SESSION_LIST frame; false when there is no room for it. */
  listToTunnel(tunnel: number, payload: Uint8Array): boolean;
  drop(reason: number): void;
  /** Something is wrong that the operator can mend; it is told each time that it is met. */
  problem(problem: Problem): void;
  opened(session: Session): void;
  /** A session is over; both sides tell the same cause. */
  closed(session: Session, end: SessionEnd): void;
  /** A peer has not come back in time: nothing is held for it any more. */
  forgotten(peer: Peer): void;
}
