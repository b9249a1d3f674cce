// The messages between the main thread and the data worker.

import type { CaptureHandover } from "../capture/recorder.ts";
import type { LinkState } from "../link/device.ts";
import type { DataPlaneEvent } from "../observe/events.ts";
import type { Control, ControlResult, SessionPage, SessionQuery } from "../observe/control.ts";
import type {
  Balances,
  CounterValues,
  SessionCounts,
  SessionStatus,
  TunnelStatus,
} from "../observe/status.ts";
import type { AddedTags, DialValues, Limits, MacMode } from "../relay/mod.ts";
import type { Side } from "../side.ts";
import type { SessionRecord } from "../state/mod.ts";
import type { ChannelSizes } from "../tunnel/channel.ts";
import type { TunnelCause } from "../tunnel_cause.ts";

/** Options of the data plane and its parts. */
export interface PlaneOptions extends ChannelSizes {
  side: Side;
  interfaceName: string;
  mac: MacMode;
  idleMs: number;
  deadMs: number;
  graceMs: number;
  /** The maximum number of clients for which sessions are held; unlimited by default. */
  maxHeld?: number;
  /** Limits that differ from the relay's defaults. */
  limits?: Partial<Limits>;
  /** The tags that a server adds to PADI and PADR. */
  tags?: AddedTags;
  pingMs: number;
  tunnelDeadMs: number;
  /** The number of slots in the receive ring for data frames, a power of two; by default the ring's own. */
  ringFrames?: number;
  /** The tunnels' TCP congestion control; see {@linkcode CongestionControl}. */
  congestion?: string;
  /** Log every discovery frame. */
  debug: boolean;
  /** A capture to begin with; by default there is none. */
  capture?: CaptureHandover;
  /** The state of an earlier run, and the directory for this one's; by default no state is kept. */
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
  /** Sessions that were open; an empty peer means that nobody can come back for the session. */
  sessions: SessionRecord[];
  /** PADTs that the link has not taken. */
  undelivered: Uint8Array[];
  /** The times, in ms since the epoch, at which peers lost their tunnels, by the peers' keys. */
  away: ReadonlyMap<string, number>;
  /** A secret that every run with this directory knows. */
  secret: Uint8Array;
  /** The time for which no process was running, in ms. */
  silentMs: number;
  /**
   * The difference between the directory's clock, by which all these times are, and the time since the
   * machine's start, in ms. Undefined if the wall clock is used.
   */
  clockOffsetMs?: number;
}

/** A tunnel whose handshake is done, without its transport. */
export interface TunnelFacts {
  id: number;
  /** The peer's key, which is the same in each of its tunnels; undefined if the peer is not known by one. */
  peer: string | undefined;
  /** The name that the peer gives itself. */
  name: string;
  /** The peer's address and port, as HOST:PORT. */
  endpoint: string;
  /** The peer's address alone. */
  address: string;
  /** The address at the other end of the connection: the peer's, or that of a proxy before it. */
  pathAddress: string;
  /** True if the peer knows frame types 0 to 3 only. */
  legacy: boolean;
  /** Bytes that were read beyond the handshake. */
  received: Uint8Array;
  /** The maximum number of the peer's sessions; by default that of all peers. 0: no limit. */
  maxSessions?: number;
  /** The maximum rate of the frames from the peer, in bits per second; by default there is none. */
  upBps?: number;
  /** The maximum rate of the frames to the peer, in bits per second; by default there is none. */
  downBps?: number;
}

/** The limits of one tunnel, which can change while it is up. */
export type TunnelLimits = Pick<TunnelFacts, "maxSessions" | "upBps" | "downBps">;

/** A tunnel on its way to the worker. */
export interface TunnelHandover extends TunnelFacts {
  /** The descriptor of its socket, which the main thread closes. */
  fd: number;
  /**
   * The address of its connection of TLS, which the main thread frees, and whether the kernel encrypts what
   * it sends; undefined without keys.
   */
  tls?: { address: bigint; kernel: boolean };
}

/** The status of a data plane without its sessions, all of it as of one moment. */
export interface Totals {
  tunnels: TunnelStatus[];
  sessionCounts: SessionCounts;
  counters: CounterValues;
  balance: Balances;
  dials: DialValues;
}

/** Messages from the main thread to the worker. */
export type ToWorker =
  | {
    type: "start";
    options: PlaneOptions;
    counters: SharedArrayBuffer;
    /** One Int32: the number of messages that were posted. */
    posted: SharedArrayBuffer;
    /** An eventfd, owned by the main thread, that ends the worker's wait. */
    wakeFd: number;
  }
  | { type: "tunnel"; tunnel: TunnelHandover }
  | { type: "snapshot"; request: number }
  /** Asks for everything but the sessions. */
  | { type: "totals"; request: number }
  /** Asks for some of the sessions. */
  | { type: "sessions"; request: number; query: SessionQuery }
  /** Does what an operator has asked for. */
  | { type: "control"; request: number; control: Control }
  /** Applies new values of the options that can change at run time; missing limits get their defaults. */
  | { type: "reload"; debug: boolean; limits: Partial<Limits> }
  /** Closes all sessions of a peer on both sides, then its tunnel if there still is one. */
  | { type: "leave"; id: number; peer: string | undefined }
  /** Does the same for a peer that is no longer allowed; what is held for it ends too, for the given reason. */
  | { type: "dismiss"; id: number; peer: string | undefined; reason: string }
  /** Applies new limits to a tunnel; missing ones get their defaults. */
  | { type: "limit"; id: number; limits: TunnelLimits }
  /** Tells the peers which problems this side has, by their codes. */
  | { type: "problems"; codes: number[] }
  /** Begins a capture; `capture-changed` follows. */
  | { type: "capture-start"; capture: CaptureHandover }
  /** Ends it; `capture-changed` follows. */
  | { type: "capture-stop" }
  /** Ends a tunnel unless its peer answers soon. */
  | { type: "probe"; id: number }
  /** Ends a tunnel; its sessions are held. With a code of `REASON`, the peer is told the reason. */
  | { type: "end"; id: number; reason: string; cause: TunnelCause; code?: number }
  /** Ends the data plane; with `keep`, the sessions are left to the next run. */
  | { type: "stop"; keep: boolean };

/**
 * Messages from the worker to the main thread, posted in arrays. Those of one turn are posted together;
 * `failed`, `stopped`, `captured`, and the `segment` and the notices of a journal are posted at once, each by itself.
 */
export type FromWorker =
  | DataPlaneEvent
  /** The data plane is running. */
  | { type: "started"; linkState: LinkState }
  /** The data plane could not start. */
  | { type: "failed"; message: string; configuration: boolean }
  /** A segment of the journal is full, and the next one has begun. */
  | { type: "segment"; segment: number }
  /** Some sessions of a snapshot; more follow. */
  | { type: "snapshot-part"; request: number; sessions: SessionStatus[] }
  /** The last sessions of a snapshot. */
  | { type: "snapshot"; request: number; sessions: SessionStatus[] } & Totals
  /** The answer to any other question. */
  | { type: "answer"; request: number; answer: Totals | SessionPage | ControlResult }
  /** A capture has new blocks in its ring. */
  | { type: "captured" }
  /** A capture has begun, or has ended: no more blocks follow. */
  | { type: "capture-changed" }
  | { type: "stopped" };
