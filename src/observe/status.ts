// What a mode shows of itself.

import type { DropReason, Side } from "../relay/mod.ts";
import type { LinkState } from "../link/device.ts";
import type { ProblemStatus } from "./problems.ts";

/**
 * The direction of a frame: from this program's link into a tunnel, or the other way. `uplink` and
 * `downlink` are older names for them, which go with version 1.0: they sound as if they meant the same
 * direction at both sides.
 */
export type Direction = "fromLink" | "fromTunnel" | "uplink" | "downlink";

/** What a frame belongs to, by its EtherType. */
export type Kind = "discovery" | "session";

/** What the counters said at one moment. */
export interface CounterValues {
  /** Frames carried. */
  frames: Record<Direction, Record<Kind, number>>;
  /** Bytes of those frames. */
  bytes: Record<Direction, Record<Kind, number>>;
  /** Frames that went no further, by reason. */
  drops: Record<DropReason, number>;
}

/** One tunnel, as the status shows it. */
export interface TunnelStatus {
  /** What the peer calls itself. */
  name: string;
  /** HOST:PORT. */
  peer: string;
  /** `up`; at a client also `connecting`, or `waiting` for the next attempt. */
  state: string;
  /** The round trip, smoothed; null until it was measured. */
  rttMs: number | null;
  /** Ethernet frames that came through it. */
  framesIn: number;
  /** Ethernet frames that went into it. */
  framesOut: number;
  /** Bytes of those that came. */
  bytesIn: number;
  /** Bytes of those that went. */
  bytesOut: number;
  /** Bytes that wait for the connection to take them. */
  queuedBytes: number;
  /** Bytes that the connection has taken, and not sent yet. */
  unsentBytes: number;
  /** TCP segments that this side has sent again. */
  retransmits: number;
  /** The TCP congestion control that this side sends with; null where there is no connection. */
  congestion: string | null;
}

/** One session, as the status shows it. */
export interface SessionStatus {
  /** The id that the AC gave. */
  sessionId: number;
  /** The AC's address, such as `02:00:00:00:00:ac`. */
  ac: string;
  /** The host's address. */
  host: string;
  /** What the peer of its tunnel calls itself. */
  tunnel: string;
  /** `open`, or `held` while its tunnel is away. */
  state: string;
  /** Since its PADS, in seconds. */
  ageSeconds: number;
  /** Session frames from this side's link into the tunnel. */
  framesFromLink: number;
  /** Session frames from the tunnel to this side's link. */
  framesFromTunnel: number;
  /** Bytes of those from the link. */
  bytesFromLink: number;
  /** Bytes of those from the tunnel. */
  bytesFromTunnel: number;
  /** An older name of `framesFromLink`, which goes with version 1.0. */
  framesUp: number;
  /** An older name of `framesFromTunnel`, which goes with version 1.0. */
  framesDown: number;
  /** An older name of `bytesFromLink`, which goes with version 1.0. */
  bytesUp: number;
  /** An older name of `bytesFromTunnel`, which goes with version 1.0. */
  bytesDown: number;
}

/**
 * What `GET /api/status` answers with. Directions are seen from this program, at the server
 * as at the client. Frames are whole Ethernet frames, and bytes are theirs, without padding.
 */
export interface Status {
  /** Which mode this is. */
  mode: Side;
  /** The program's version. */
  version: string;
  /** Since when it runs, in seconds. */
  uptimeSeconds: number;
  /** The name of the link's interface. */
  interface: string;
  /** Whether that interface is up, down or gone. */
  interfaceState: LinkState;
  /** Whether the mode does its job, as `GET /healthz` tells it. */
  healthy: boolean;
  /** What is wrong, and what to do about it; met within the last two minutes. */
  problems: ProblemStatus[];
  /** How often the tunnel was made again; always 0 at the server. */
  reconnects: number;
  /** The tunnels: one for each client at the server, one at the client. */
  tunnels: TunnelStatus[];
  /** The sessions that are open. */
  sessions: SessionStatus[];
  /** All frames since the start, by direction and kind. */
  frames: CounterValues["frames"];
  /** All bytes since the start, by direction and kind. */
  bytes: CounterValues["bytes"];
  /** How many frames went no further, by reason. */
  drops: CounterValues["drops"];
}
