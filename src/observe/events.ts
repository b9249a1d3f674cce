// The events of the data plane, as plain data. Log lines, problems and the calls of a side's hooks are made
// from one stream of events. The rest of the status, and of the metrics, comes from snapshots and counters.

import type { LinkState } from "../link/device.ts";
import type { Problem, ProblemId } from "../problem.ts";
import type { DialFault, DropReason, SessionEnd, SessionLimit } from "../relay/mod.ts";
import type { TunnelCause } from "../tunnel_cause.ts";
import type { FrameFields } from "../wire/mod.ts";

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

/** A failed dial as an operator identifies it. */
export interface DialFailureFacts {
  /** What became of the dial. */
  outcome: DialFault;
  /** The host's address. */
  host: string;
  /** The AC's address; left out if there was none. */
  ac?: string;
  /** The session id, such as `0x0011`; left out if there was none. */
  id?: string;
  /** The name of the peer at the other end of the tunnel. */
  tunnel: string;
  /** Details in words, with texts from the network made safe; left out if there are none. */
  detail?: string;
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
  /** An undelivered PADT was lost, because too many are waiting already. */
  | { id: "too-many-padts"; interface: string; limit: number }
  /** A frame was dropped because of a limit that the operator can set; `sessions` tells which one of sessions. */
  | { id: "limit"; reason: DropReason; sessions?: SessionLimit }
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
  /**
   * A tunnel has ended, for a reason as text and as a code; `goodbye` is the code in the peer's goodbye, if there
   * was one.
   */
  | { type: "tunnel-down"; id: number; reason: string; cause: TunnelCause; goodbye?: number }
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
  /** A discovery frame, as text and as fields. */
  | {
    type: "discovery";
    from: "link" | "tunnel";
    frame: string;
    fields: FrameFields;
    suppressed: number;
  }
  /** A problem was met, perhaps again. It is over when it was not met for `lastsMs`, two minutes by default. */
  | { type: "problem"; problem: Problem; lastsMs?: number }
  /** A problem has begun, or its words have changed. */
  | { type: "problem-begun"; problem: Problem }
  /** A problem is over; without a subject, all of its kind are. */
  | { type: "problem-ended"; id: ProblemId; subject?: string }
  /** A host's dial has failed. */
  | { type: "dial-failed"; failure: DialFailureFacts; suppressed: number }
  | { type: "notice"; notice: Notice; suppressed: number };

/** The receiver of events from the parts of the data plane. */
export interface EventSink {
  /** Takes an event. */
  push(event: DataPlaneEvent): void;
  /** Takes a notice, and limits the rate of notices with the same id. */
  notice(notice: Notice): void;
  /**
   * Takes a problem that was met, and limits the rate of those with the same id.
   *
   * @param problem The problem
   * @param lastsMs The time after which it is over unless it is met again; two minutes by default
   */
  problem(problem: Problem, lastsMs?: number): void;
}
