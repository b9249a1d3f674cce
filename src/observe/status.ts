// What a mode shows of itself.

import type { DropReason, Side } from "../relay/mod.ts";
import type { ProblemStatus } from "./problems.ts";

/** A direction, seen from this program: uplink is from its link into a tunnel, downlink the way back. */
export type Direction = "uplink" | "downlink";

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

/** The state of the link's interface. */
export type LinkState = "up" | "down" | "missing";

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
  framesUp: number;
  /** Session frames from the tunnel to this side's link. */
  framesDown: number;
  /** Bytes of those up. */
  bytesUp: number;
  /** Bytes of those down. */
  bytesDown: number;
}

/**
 * What `GET /api/status` answers with. "Up" and "uplink" are from this side's link into its tunnel,
 * "down" and "downlink" the other way, at the server as at the client. Frames are whole Ethernet
 * frames, and bytes are theirs, without padding.
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
