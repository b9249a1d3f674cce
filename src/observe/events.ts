// The events of the data plane, as plain data. Log lines, problems and the calls of a side's hooks are made
// from one stream of events. The rest of the status, and of the metrics, comes from snapshots and counters.

import type { LinkState } from "../link/device.ts";
import type { Problem } from "../problem.ts";
import type { DropReason, SessionEnd } from "../relay/mod.ts";

/** A session as an operator identifies it. */
export interface SessionFacts {
  /** The session id, which the AC has assigned. */
  id: number;
  /** The AC's address, such as `02:00:00:00:00:ac`. */
  ac: string;
  /** The host's address. */
  host: string;
  /** The name of the peer at the other end of its tunnel. */
  tunnel: string;
}

/** The traffic of a session. */
export interface SessionCounts {
  framesFromLink: number;
  framesFromTunnel: number;
  bytesFromLink: number;
  bytesFromTunnel: number;
}

/** Something that an operator should know, and that may happen often. */
export type Notice =
  /** The interface's MTU is smaller than hosts expect. */
  | { id: "small-mtu"; interface: string; mtu: number; payload: number }
  /** The interface joins several frames into one (GRO), which cannot be carried. */
  | { id: "joined-frames"; interface: string; bytes: number }
  /** A frame from a tunnel is too long for the interface. */
  | { id: "frame-too-large"; interface: string }
  /** The lanes could not be opened, although the interface exists. */
  | { id: "link-failure"; reason: string }
  /** An undelivered PADT was lost, because too many are waiting already. */
  | { id: "too-many-padts"; interface: string; limit: number }
  /** A frame was dropped because of a limit that the operator can set. */
  | { id: "limit"; reason: DropReason }
  /** A peer is not read for a moment, because it sends too many frames that belong to no session. */
  | { id: "held-back"; peer: string; endpoint: string; framesPerSecond: number }
  /** The journal cannot be written at the moment. */
  | { id: "state-unwritable"; path: string; reason: string }
  /** The sessions are closed at a stop that should have kept them. */
  | { id: "sessions-not-kept"; path: string };

/** Something that has happened in the data plane. */
export type DataPlaneEvent =
  /** The state of the link's interface has changed, or the reason why it is down, with the remedy. */
  | { type: "link"; name: string; state: LinkState; mac: string; reason?: string }
  /** Addresses or routes of this machine may have changed. */
  | { type: "network-changed" }
  /** A tunnel carries frames from now on. */
  | { type: "tunnel-up"; id: number }
  /** A tunnel has ended; `goodbye` is the code in the peer's goodbye, if there was one. */
  | { type: "tunnel-down"; id: number; reason: string; goodbye?: number }
  | { type: "session-opened"; session: SessionFacts }
  | {
    type: "session-closed";
    session: SessionFacts;
    /** The reason, with the same cause at both sides. */
    end: SessionEnd;
    /** The time for which the session was open. */
    seconds: number;
    counts: SessionCounts;
  }
  /** The number of sessions that are held for a peer without a tunnel; 0 if none are held any more. */
  | { type: "held"; peer: string; sessions: number }
  /** A peer has a tunnel again, and its sessions continue. */
  | { type: "resumed"; peer: string; sessions: number }
  /** Frames that were dropped since the last event of this type. */
  | { type: "drops"; counts: Partial<Record<DropReason, number>> }
  /** A new tunnel's path is known to lose large packets. */
  | {
    type: "path-remembered";
    peer: string;
    address: string;
    remedy: "fragments" | "small-packets" | "smallest-packets";
  }
  /** PADTs that the link did not take, PADTs that it has taken later, and PADTs that were given up. */
  | { type: "padts"; undelivered: number; delivered: number; givenUp: number }
  /** The state of an earlier run was restored. */
  | { type: "restored"; sessions: number; undeliveredPadts: number }
  /** A discovery frame, as text. */
  | { type: "discovery"; from: "link" | "tunnel"; frame: string; suppressed: number }
  /** Something is wrong, or still wrong. */
  | { type: "problem"; problem: Problem }
  /** A problem should be logged; this event is rarer than `problem`. */
  | { type: "problem-logged"; problem: Problem; suppressed: number }
  | { type: "notice"; notice: Notice; suppressed: number };

/** The receiver of events from the parts of the data plane. */
export interface EventSink {
  /** Takes an event. */
  push(event: DataPlaneEvent): void;
  /** Takes a notice, and limits the rate of notices with the same id. */
  notice(notice: Notice): void;
  /** Takes a problem that the operator can solve. */
  problem(problem: Problem): void;
}
