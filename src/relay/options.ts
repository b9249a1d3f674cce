// The options of a relay, and its ports to the outside world.

import type { Problem } from "../problem.ts";
import type { SessionEnd } from "./cause.ts";
import type { DialPorts } from "./dials/watch.ts";
import type { AddedTags } from "./discovery/added_tags.ts";
import type { TokenSource } from "./discovery/tokens.ts";
import type { Drop } from "./drop.ts";
import type { Limits, SessionLimit } from "./limits.ts";
import type { Peer } from "./peer.ts";
import type { Session } from "./session.ts";
import type { Side } from "../side.ts";

/**
 * The addresses that each link sees: our own, one of ours for each station beyond the tunnel, or those of
 * the stations themselves.
 */
export type MacMode = "own" | "per-host" | "transparent";

/** The options of a relay. */
export interface RelayOptions {
  side: Side;
  mac: MacMode;
  /** The address of the link's interface. */
  linkMac: Uint8Array;
  /** The MTU of the link's interface, in bytes; without it, every payload counts as fitting. */
  linkMtu?: number;
  /** The time after which a session is closed if one of its stations sends nothing, in ms; 0: never. */
  idleMs: number;
  /**
   * The time after which a session is closed if a station that used to answer LCP Echo-Requests leaves them
   * unanswered, in ms; 0: never.
   */
  deadMs: number;
  /** The time for which sessions are held for a peer without a tunnel, in ms; 0: not at all. */
  graceMs: number;
  /** The maximum number of absent peers for which sessions are held; unlimited by default. */
  maxHeld?: number;
  /** The limits; missing ones are {@linkcode DEFAULT_LIMITS}. */
  limits?: Partial<Limits>;
  /** The number of the first session. */
  firstSerial?: number;
  /** The tags that the server adds to PADI and PADR. */
  tags?: AddedTags;
  /** The name of the link's interface, in these tags and in problems; empty by default. */
  interfaceName?: string;
  /** The source of tokens for discoveries on the AC's link; by default only this run recognizes them. */
  tokens?: TokenSource;
}

/** The ports of a relay to the outside world. A frame is valid only during the call. */
export interface RelayPorts extends DialPorts {
  /** Sends a discovery frame to the link. */
  toLink(frame: Uint8Array): void;
  /** Sends a discovery frame into a tunnel. */
  toTunnel(tunnel: number, frame: Uint8Array): void;
  /** Sends the payload of a SESSION_LIST frame; returns false if there is no room for it. */
  listToTunnel(tunnel: number, payload: Uint8Array): boolean;
  /**
   * Counts the drop of a discovery frame, or of a part of a list, that came from there. `limit` is the one that
   * was reached, for `session-limit`.
   */
  drop(reason: Drop, from: "link" | "tunnel", limit?: SessionLimit): void;
  /** Reports a problem that the operator can solve, each time that it occurs. */
  problem(problem: Problem): void;
  /** Reports a session that was opened. */
  opened(session: Session): void;
  /** Reports a session that has ended. Both sides report the same cause. */
  closed(session: Session, end: SessionEnd): void;
  /** Reports a peer that has not returned in time, and for which no sessions are held any more. */
  forgotten(peer: Peer): void;
}
