// Everything that the data plane tells of itself, as plain data: log lines, metrics and whoever else
// listens are made from one stream of these.

import type { LinkState } from "../link/device.ts";
import type { Problem } from "../problem.ts";
import type { DropReason, SessionEnd } from "../relay/mod.ts";

/** A session, by what an operator knows it by. */
export interface SessionFacts {
  /** The id that the AC gave. */
  id: number;
  /** The AC's address, such as `02:00:00:00:00:ac`. */
  ac: string;
  /** The host's address. */
  host: string;
  /** The name of the peer that its tunnel leads to. */
  tunnel: string;
}

/** The session frames that a session has carried. */
export interface SessionCounts {
  framesFromLink: number;
  framesFromTunnel: number;
  bytesFromLink: number;
  bytesFromTunnel: number;
}

/** Something that an operator should know, and that can happen again and again. */
export type Notice =
  /** A session carries less than hosts take for granted. */
  | { id: "small-mtu"; interface: string; mtu: number; payload: number }
  /** The interface joins frames (GRO), which cannot be carried. */
  | { id: "joined-frames"; interface: string; bytes: number }
  /** A frame from a tunnel does not fit the interface. */
  | { id: "frame-too-large"; interface: string }
  /** The lanes could not be opened, though the interface is there. */
  | { id: "link-failure"; reason: string }
  /** PADTs wait for the link, and there is no room for another one. */
  | { id: "too-many-padts"; interface: string; limit: number }
  /** A limit that the operator can set has refused something. */
  | { id: "limit"; reason: DropReason }
  /** Sessions cannot be kept at the moment. */
  | { id: "state-unwritable"; path: string; reason: string }
  /** A stop closes sessions that it was told to keep. */
  | { id: "sessions-not-kept"; path: string };

/** Something that has happened in the data plane. */
export type DataPlaneEvent =
  /** The state of the link's interface is another one. */
  | { type: "link"; name: string; state: LinkState; mac: string }
  /** The data plane drives a tunnel. */
  | { type: "tunnel-up"; id: number }
  /** It has let go of a tunnel; with the code that the peer has said goodbye with, if it has. */
  | { type: "tunnel-down"; id: number; reason: string; goodbye?: number }
  | { type: "session-opened"; session: SessionFacts }
  | {
    type: "session-closed";
    session: SessionFacts;
    /** The cause is the same at both sides. */
    end: SessionEnd;
    /** How long it was open. */
    seconds: number;
    counts: SessionCounts;
  }
  /** The number of sessions that are held for a peer without a tunnel; 0: not any more. */
  | { type: "held"; peer: string; sessions: number }
  /** A peer has a tunnel again, and its sessions with it. */
  | { type: "resumed"; peer: string; sessions: number }
  /** Frames that went no further since the last event of this type. */
  | { type: "drops"; counts: Partial<Record<DropReason, number>> }
  /** PADTs that the link did not take, that it has taken since, and that nobody can have any more. */
  | { type: "padts"; undelivered: number; delivered: number; givenUp: number }
  /** An earlier run has left something. */
  | { type: "restored"; sessions: number; undeliveredPadts: number }
  /** A discovery frame, printed. */
  | { type: "discovery"; from: "link" | "tunnel"; frame: string; suppressed: number }
  /** Something is wrong, or still is. */
  | { type: "problem"; problem: Problem }
  /** The log should tell of a problem; it does so less often than the problem is met. */
  | { type: "problem-logged"; problem: Problem; suppressed: number }
  | { type: "notice"; notice: Notice; suppressed: number };

/** Where a part of the data plane tells what happens. */
export interface EventSink {
  /** Tells of an event. */
  push(event: DataPlaneEvent): void;
  /** Tells of something that the network can cause: once in a while for each id. */
  notice(notice: Notice): void;
  /** Tells of a problem that the operator can mend. */
  problem(problem: Problem): void;
}
