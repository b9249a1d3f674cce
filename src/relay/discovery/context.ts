// The seam between the relay and its discovery.

import type { DiscoveryPacket } from "../../wire/mod.ts";
import type { Cause } from "../cause.ts";
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
  /** The sessions, which discovery only looks at. */
  readonly sessions:
    & Pick<SessionTable, "atLink" | "atPeer" | "freeLinkId">
    & Iterable<Session>;
  /** The peers that have a tunnel. */
  readonly peersByTunnel: ReadonlyMap<number, Peer>;
  /** The world outside. */
  readonly ports: Pick<RelayPorts, "toLink" | "toTunnel" | "drop" | "problem">;
  /** The address by which the stations on the link know one beyond the tunnel. */
  shownMacOf(peer: Peer, farMac: Uint8Array): Uint8Array;
  /** Counts a PADI or PADR; false if it is one too many of its host or its client. */
  mayDial(peer: Peer, packet: DiscoveryPacket, nowMs: number): boolean;
  /** Tells if a peer has as many sessions as it may have. */
  isFull(peer: Peer): boolean;
  /** Opens the session that a PADS has granted. */
  open(key: SessionKey, nowMs: number): Session;
  /** Notes that the peer has a session too. */
  confirm(session: Session): void;
  /** Ends a session and tells those stations of it that are named. */
  close(session: Session, cause: Cause, tell: { link: boolean; tunnel: boolean }): void;
}

/** Discovery as the relay sees it. Each side has its own. */
export interface DiscoveryRelay {
  /** Takes a PADI or PADR at the client, a PADO or PADS at the server. */
  fromLink(packet: DiscoveryPacket, frame: Uint8Array, nowMs: number): void;
  /** Takes a PADO or PADS at the client, a PADI or PADR at the server. */
  fromTunnel(peer: Peer, packet: DiscoveryPacket, nowMs: number): void;
  /** Takes a host's PADT with session id 0: from the link at the client, from a tunnel at the server. */
  hangUp(peer: Peer, packet: DiscoveryPacket, nowMs: number): void;
  /** Tells if anything of a peer is under way. */
  has(peer: Peer): boolean;
  /** Forgets all of a peer's discoveries. */
  removePeer(peer: Peer): void;
  /** Notes that a peer that has sessions here has a tunnel again. */
  resumed?(peer: Peer): void;
  /** Notes a session that is open, and in the table. */
  opened?(session: Session): void;
  /**
   * Notes a session that is over, and no longer in the table.
   *
   * @param hungUp Its host has said so, or hears so from this side; otherwise it may be dialling again
   */
  closed(session: Session, nowMs: number, hungUp: boolean): void;
  /** Checks its tables, as `Relay.audit` does. */
  audit(): void;
  /** Forgets what is too old. */
  expire(nowMs: number): void;
  /** The time at which `due` has something to do; never without it. */
  readonly dueMs?: number;
  /** Does what is due. */
  due?(nowMs: number): void;
}
