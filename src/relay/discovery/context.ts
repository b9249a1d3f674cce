// The seam between the relay and its discovery.

import type { DiscoveryPacket } from "../../wire/mod.ts";
import type { Cause } from "../cause.ts";
import type { DialWatch } from "../dials/watch.ts";
import type { SessionLimit } from "../limits.ts";
import type { MacMode, RelayPorts } from "../options.ts";
import type { Peer } from "../peer.ts";
import type { Session, SessionKey } from "../session.ts";
import type { SessionTable } from "../session_table.ts";

/** The relay as discovery sees it. */
export interface DiscoveryContext {
  /** The MAC mode of the link. */
  readonly mac: MacMode;
  /** The address of the link's interface, which may change. */
  readonly linkMac: Uint8Array;
  /** The sessions, which discovery only reads. */
  readonly sessions:
    & Pick<SessionTable, "atLink" | "atPeer" | "freeLinkId">
    & Iterable<Session>;
  /** The watch over dials, which is told of each frame that was carried. */
  readonly dials: Pick<
    DialWatch,
    "sought" | "offered" | "strayOffer" | "asked" | "refused" | "withheld"
  >;
  /** The peers that have a tunnel. */
  readonly peersByTunnel: ReadonlyMap<number, Peer>;
  /** The ports to the outside world. */
  readonly ports: Pick<RelayPorts, "toLink" | "toTunnel" | "drop" | "problem">;
  /** Returns the address by which the stations on the link know a station beyond the tunnel. */
  shownMacOf(peer: Peer, farMac: Uint8Array): Uint8Array;
  /** Counts a PADI or PADR; returns false if its host or client exceeds the limit. */
  mayDial(peer: Peer, packet: DiscoveryPacket, nowMs: number): boolean;
  /** Returns true if a host has had a session, so that its discoveries outlast those of strangers. */
  knowsHost(peer: Peer, hostMac: Uint8Array): boolean;
  /** Returns the limit because of which a peer may not have another session; undefined if it may. */
  sessionLimit(peer: Peer): SessionLimit | undefined;
  /** Opens the session that a PADS has granted. */
  open(key: SessionKey, nowMs: number): Session;
  /** Notes that the peer has a session too. */
  confirm(session: Session): void;
  /** Ends a session, with a PADT to the link, the tunnel or both. */
  close(session: Session, cause: Cause, tell: { link: boolean; tunnel: boolean }): void;
}

/** Discovery as the relay sees it. Each side has its own. */
export interface DiscoveryRelay {
  /** Handles a PADI or PADR at the client, a PADO or PADS at the server. */
  fromLink(packet: DiscoveryPacket, frame: Uint8Array, nowMs: number): void;
  /** Handles a PADO or PADS at the client, a PADI or PADR at the server. */
  fromTunnel(peer: Peer, packet: DiscoveryPacket, nowMs: number): void;
  /** Handles a host's PADT with session id 0: from the link at the client, from a tunnel at the server. */
  hangUp(peer: Peer, packet: DiscoveryPacket, nowMs: number): void;
  /** Returns true if a peer has a discovery under way. */
  has(peer: Peer): boolean;
  /** Forgets all of a peer's discoveries. */
  removePeer(peer: Peer): void;
  /** Notes that a peer with sessions here has a tunnel again. */
  resumed?(peer: Peer): void;
  /** Notes a session that was opened, and is in the table. */
  opened?(session: Session): void;
  /**
   * Notes a session that has ended, and is no longer in the table.
   *
   * @param hungUp True if its host has sent a PADT or gets one; otherwise the host may be dialling again
   */
  closed(session: Session, nowMs: number, hungUp: boolean): void;
  /** Checks all tables, as `Relay.audit` does. */
  audit(): void;
  /** Forgets everything that is too old. */
  expire(nowMs: number): void;
  /** The time at which `due` has something to do; undefined for never. */
  readonly dueMs?: number;
  /** Does the work that is due. */
  due?(nowMs: number): void;
}
