// The types of the status, which `GET /api/status` serves as JSON.

import type { DialValues, DropReason } from "../relay/mod.ts";
import type { Side } from "../side.ts";
import type { LinkState } from "../link/device.ts";
import type { ProblemStatus } from "./problems.ts";

/**
 * The direction of a frame: from this program's link into a tunnel, or the other way around. `uplink` and
 * `downlink` are older names, which version 1.0 will remove because they mean opposite directions at the
 * two sides.
 */
export type Direction = "fromLink" | "fromTunnel" | "uplink" | "downlink";

/** The PPPoE stage that a frame belongs to, by its EtherType. */
export type Kind = "discovery" | "session";

/** The number of frames that are queued, by direction and kind. */
export type Queued = Record<"fromLink" | "fromTunnel", Record<Kind, number>>;

/** The fates of the frames of one direction and kind: `offered` is the sum of the other three. */
export interface Balance {
  /** The number of frames that were there to be carried. */
  offered: number;
  /** The number of frames that the peer's machine has acknowledged, or that the link has taken. */
  carried: number;
  /** The number of frames that were dropped, for whatever reason. */
  dropped: number;
  /** The number of frames that still wait, or are under way to the peer. */
  queued: number;
}

/** The balances of all directions and kinds. */
export type Balances = Record<keyof Queued, Record<Kind, Balance>>;

/** The values of the counters at one moment. */
export interface CounterValues {
  /** The number of frames carried. */
  frames: Record<Direction, Record<Kind, number>>;
  /** The number of bytes in those frames. */
  bytes: Record<Direction, Record<Kind, number>>;
  /** The number of control frames that were beyond their session's budget, and were treated as data. */
  controlAsData: Record<"fromLink" | "fromTunnel", number>;
  /** The number of frames dropped, by reason. */
  drops: Record<DropReason, number>;
}

/** The status of a tunnel. */
export interface TunnelStatus {
  /** The name that the peer gives itself. */
  name: string;
  /** The peer's address and port, as HOST:PORT. */
  peer: string;
  /** `up`; at a client also `connecting`, or `waiting` for the next attempt. */
  state: string;
  /** The smoothed round-trip time; null until it has been measured. */
  rttMs: number | null;
  /** The number of Ethernet frames that came out of the tunnel. */
  framesIn: number;
  /** The number of Ethernet frames that went through the tunnel: the peer's machine has them. */
  framesOut: number;
  /** The number of bytes in the frames that came out of the tunnel. */
  bytesIn: number;
  /** The number of bytes in the frames that went into the tunnel. */
  bytesOut: number;
  /** The number of bytes that wait for the connection to take them. */
  queuedBytes: number;
  /** The number of Ethernet frames that wait, or are under way and not acknowledged by the peer's machine. */
  queuedFrames: number;
  /** The total time for which the peer was not read because it sent more than it may, in ms. */
  heldBackMs: number;
  /** The number of bytes that the connection has taken and not sent yet. */
  unsentBytes: number;
  /** The number of TCP segments that this side has retransmitted. */
  retransmits: number;
  /** The name of this side's TCP congestion control; null if there is no connection. */
  congestion: string | null;
  /** The encryption of the tunnel, which needs keys; null if there is none. */
  encryption: TunnelEncryption | null;
}

/** The encryption of a tunnel. */
export interface TunnelEncryption {
  /** The cipher, such as `AES-128-GCM`. */
  cipher: string;
  /** True if the kernel encrypts what this side sends (kTLS). */
  kernel: boolean;
}

/** The status of a key that a server knows. */
export interface KeyStatus {
  /** The name of its client. */
  name: string;
  /** The first 8 digits of its id. */
  id: string;
  /** The time, in seconds, since it was last used; 0 while a tunnel uses it, null before its first use. */
  lastUsedS: number | null;
  /** The number of tunnels that use it. */
  tunnels: number;
}

/** The status of a session. */
export interface SessionStatus {
  /** The session id, which the AC has assigned, such as `0x0011`. */
  id: string;
  /** The same as a number. */
  sessionId: number;
  /** The AC's address, such as `02:00:00:00:00:ac`. */
  ac: string;
  /** The host's address. */
  host: string;
  /** The name of the peer at the other end of its tunnel. */
  tunnel: string;
  /** `open`, or `held` while its peer has no tunnel. */
  state: string;
  /** The time since the PADS, in seconds. */
  ageSeconds: number;
  /** The number of session frames from this side's link that the peer's machine has. */
  framesFromLink: number;
  /** The number of session frames from the tunnel to this side's link. */
  framesFromTunnel: number;
  /** The number of bytes in the frames from the link. */
  bytesFromLink: number;
  /** The number of bytes in the frames from the tunnel. */
  bytesFromTunnel: number;
  /** An older name of `framesFromLink`, which version 1.0 will remove. */
  framesUp: number;
  /** An older name of `framesFromTunnel`, which version 1.0 will remove. */
  framesDown: number;
  /** An older name of `bytesFromLink`, which version 1.0 will remove. */
  bytesUp: number;
  /** An older name of `bytesFromTunnel`, which version 1.0 will remove. */
  bytesDown: number;
}

/** The number of sessions by state. */
export interface SessionCounts {
  /** The number of sessions whose peer has a tunnel. */
  open: number;
  /** The number of sessions that are held for a peer without a tunnel. */
  held: number;
}

/** The status without its sessions, of which there may be thousands. */
export type StatusSummary = Omit<Status, "sessions">;

/**
 * The answer to `GET /api/status`. Directions are relative to this program, at the server and at the
 * client. Frames are whole Ethernet frames, and bytes are counted without padding.
 */
export interface Status {
  /** The side of this program. */
  mode: Side;
  /** The program's version. */
  version: string;
  /** The time since the start, in seconds. */
  uptimeSeconds: number;
  /** The name of the link's interface. */
  interface: string;
  /** The state of that interface: up, down or missing. */
  interfaceState: LinkState;
  /** The reason why the interface is down, with the remedy; left out if it is not down, or none is known. */
  interfaceReason?: string;
  /** True if the program does its job; the same as in `GET /healthz`. */
  healthy: boolean;
  /** The problems of the last two minutes, with advice. */
  problems: ProblemStatus[];
  /** The number of tunnels after the first one; always 0 at the server. */
  reconnects: number;
  /** The tunnels: one for each client at the server, one at the client. */
  tunnels: TunnelStatus[];
  /** The keys, with their uses since the start; only at a server with keys. */
  keys?: KeyStatus[];
  /** The open sessions. */
  sessions: SessionStatus[];
  /** The number of sessions by state. */
  sessionCounts: SessionCounts;
  /** The number of frames carried since the start, by direction and kind. */
  frames: CounterValues["frames"];
  /** The number of bytes in those frames, by direction and kind. */
  bytes: CounterValues["bytes"];
  /** The number of frames dropped since the start, by reason. */
  drops: CounterValues["drops"];
  /** The number of control frames that were beyond their session's budget, and were treated as data. */
  controlAsData: CounterValues["controlAsData"];
  /** The dials since the start: discovery frames by type, outcomes, and times. */
  dials: DialValues;
  /** The fates of all frames since the start, by direction and kind. */
  balance: Balances;
  /** The number of connections in their handshake; only at the server. */
  handshakes?: number;
  /**
   * The number of connections that were refused since the start, by reason: `not-allowed`, `crowded` (too many
   * handshakes), `rate`, `timeout`, `handshake` (a failed one) and `full`; only at the server.
   */
  refused?: Record<string, number>;
}
