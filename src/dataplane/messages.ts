// What the main thread and the data worker tell each other.

import type { LinkState, SessionStatus, TunnelStatus } from "../observe/status.ts";
import type { Problem } from "../problem.ts";
import type { AddedTags, Limits, MacMode, Side } from "../relay/mod.ts";
import type { SessionRecord } from "../state/mod.ts";
import type { ChannelSizes } from "../tunnel/channel.ts";

/** What the worker needs to begin. */
export interface PlaneOptions extends ChannelSizes {
  side: Side;
  interfaceName: string;
  mac: MacMode;
  idleMs: number;
  deadMs: number;
  graceMs: number;
  /** For how many clients that are away sessions are held at most; any number without it. */
  maxHeld?: number;
  /** Those that are not given are the relay's default ones. */
  limits?: Partial<Limits>;
  /** What a server puts into PADI and PADR. */
  tags?: AddedTags;
  pingMs: number;
  tunnelDeadMs: number;
  /** Slots of the ring that data frames arrive in, a power of two; the ring's default without it. */
  ringFrames?: number;
  /** The tunnels' TCP congestion control; see {@linkcode CongestionControl}. */
  congestion?: string;
  /** Log every discovery frame. */
  debug: boolean;
  /** What an earlier run has left, and where this one is to note its own; nowhere without it. */
  state?: KeptState;
}

/** What {@linkcode StateDir} has found. */
export interface KeptState {
  /** The directory. */
  path: string;
  /** The number of the first segment that the journal writes. */
  segment: number;
  /** The number of the first session that is opened. */
  nextSerial: number;
  /** Sessions that were open; one whose peer is empty belongs to nobody who could come back for it. */
  sessions: SessionRecord[];
  /** PADTs that the link has not taken. */
  owed: Uint8Array[];
  /** Since when peers had no tunnel, in ms since the epoch, by their keys. */
  away: ReadonlyMap<string, number>;
  /** What nobody else knows, and each run does. */
  secret: Uint8Array;
  /** For how long no process was there to carry them, in ms. */
  silentMs: number;
}

/** A connection whose handshake is done. */
export interface TunnelHandover {
  id: number;
  /** The descriptor of its socket, which stays the main thread's. */
  fd: number;
  /** Who the peer is, across tunnels; undefined where that can't be told. */
  peer: string | undefined;
  /** What the peer calls itself. */
  name: string;
  /** HOST:PORT. */
  endpoint: string;
  /** Its address alone. */
  address: string;
  /** The peer knows types 0 to 3 only. */
  legacy: boolean;
  /** What was read beyond the handshake. */
  received: Uint8Array;
}

/** From the main thread to the worker. */
export type ToWorker =
  | {
    type: "start";
    options: PlaneOptions;
    counters: SharedArrayBuffer;
    /** One Int32: how many messages were posted. */
    posted: SharedArrayBuffer;
    /** An eventfd of the main thread's, which ends a wait. */
    wakeFd: number;
  }
  | { type: "tunnel"; tunnel: TunnelHandover }
  | { type: "snapshot"; request: number }
  /** Changes what can change; limits that are not given are the default ones. */
  | { type: "reload"; debug: boolean; limits: Partial<Limits> }
  /** Closes all sessions of a peer on both sides, then its tunnel, if that is there still. */
  | { type: "leave"; id: number; peer: string | undefined }
  /** With `keep`, sessions are left as they are, for the next run to take up. */
  | { type: "stop"; keep: boolean };

/** A line for the log, with what it is about. */
export interface LogEvent {
  type: "log";
  level: "debug" | "info" | "warning" | "error";
  message: string;
  fields?: Record<string, string | number>;
}

/** From the worker to the main thread; what one turn of its loop has is posted as one array. */
export type FromWorker =
  /** It runs. */
  | { type: "started"; linkState: LinkState }
  /** It could not begin. */
  | { type: "failed"; message: string; configuration: boolean }
  | LogEvent
  | { type: "link"; state: LinkState }
  /** Something is wrong, or still is. */
  | { type: "problem"; problem: Problem }
  /** It drives a tunnel. */
  | { type: "tunnel-up"; id: number }
  /** It has let go of a tunnel's descriptor. */
  | { type: "tunnel-ended"; id: number; reason: string; goodbye?: number }
  /** A segment of the journal is full, and the next one begun. */
  | { type: "segment"; segment: number }
  /** Sessions are held for a peer without a tunnel: how many; none means that all are over. */
  | { type: "held"; peer: string; sessions: number }
  /** Sessions of a snapshot that goes on. */
  | { type: "snapshot-part"; request: number; sessions: SessionStatus[] }
  /** Its last ones. */
  | { type: "snapshot"; request: number; tunnels: TunnelStatus[]; sessions: SessionStatus[] }
  | { type: "stopped" };
