// The messages between the main thread and the data worker.

import type { LinkState } from "../link/device.ts";
import type { DataPlaneEvent } from "../observe/events.ts";
import type { SessionStatus, TunnelStatus } from "../observe/status.ts";
import type { AddedTags, Limits, MacMode, Side } from "../relay/mod.ts";
import type { SessionRecord } from "../state/mod.ts";
import type { ChannelSizes } from "../tunnel/channel.ts";

/** Options of the data plane, and of what it is made with. */
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

/** The state that {@linkcode StateDir} has found. */
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
  undelivered: Uint8Array[];
  /** Since when peers had no tunnel, in ms since the epoch, by their keys. */
  away: ReadonlyMap<string, number>;
  /** What nobody else knows, and each run does. */
  secret: Uint8Array;
  /** For how long no process was there to carry them, in ms. */
  silentMs: number;
}

/** A tunnel whose handshake is done, without its transport. */
export interface TunnelFacts {
  id: number;
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

/** A tunnel on its way to the worker. */
export interface TunnelHandover extends TunnelFacts {
  /** The descriptor of its socket, which stays the main thread's. */
  fd: number;
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

/** From the worker to the main thread; the messages of one turn are posted as one array. */
export type FromWorker =
  | DataPlaneEvent
  /** It runs. */
  | { type: "started"; linkState: LinkState }
  /** It could not begin. */
  | { type: "failed"; message: string; configuration: boolean }
  /** A segment of the journal is full, and the next one begun. */
  | { type: "segment"; segment: number }
  /** Sessions of a snapshot that goes on. */
  | { type: "snapshot-part"; request: number; sessions: SessionStatus[] }
  /** Its last ones. */
  | { type: "snapshot"; request: number; tunnels: TunnelStatus[]; sessions: SessionStatus[] }
  | { type: "stopped" };
