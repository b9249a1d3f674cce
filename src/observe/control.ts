// The questions about sessions, and the orders of an operator, as plain data between API and data plane.

import type { Found } from "../discover/ac_search.ts";
import type { SessionStatus } from "./status.ts";

/** The sessions that somebody asks for. What is left out does not matter. */
export interface SessionFilter {
  /** `open` or `held`. */
  state?: "open" | "held";
  /** The name of the peer. */
  tunnel?: string;
  /** The address of the host, such as `02:00:00:00:00:11`, in lower case. */
  host?: string;
  /** The address of the AC. */
  ac?: string;
  /** The session id. */
  id?: number;
}

/** A question for a page of sessions, which are in the order in which they were opened. */
export interface SessionQuery extends SessionFilter {
  /** The maximum number of sessions. */
  limit: number;
  /** The number behind which the page begins: `next` of the page before. */
  after: number;
}

/** A page of sessions. */
export interface SessionPage {
  sessions: SessionStatus[];
  /** The number of sessions that the filter lets through, on all pages. */
  total: number;
  /** The number to continue with; null after the last page. */
  next: number | null;
}

/** An order of an operator. */
export type Control =
  /** Closes the one session that the filter lets through. */
  | { order: "close"; filter: SessionFilter }
  /** Sends the AC a PADT for a session that this program does not have; without a host, from the link's address. */
  | { order: "padt"; ac: string; host?: string; id: number }
  /** Asks through the tunnel which ACs there are; without a service, for any. */
  | { order: "discover"; service?: string; waitMs: number };

/** The result of an order: what was done, or why nothing was. */
export type ControlResult =
  | { done: "closed"; session: SessionStatus }
  | { done: "sent"; ac: string; host: string; id: number }
  | { done: "discovered" } & Found
  | { refused: ControlRefusal };

/**
 * The reason why an order was not carried out: there is no such session, or more than one; the session is not
 * stale; the AC is not on this side's link; the link is down; the address is this program's own; the ACs are on
 * this side's link, and not behind its tunnels; there is no tunnel; another such order is being carried out; or the
 * program is about to end.
 */
export type ControlRefusal =
  | "unknown-session"
  | "several-sessions"
  | "known-session"
  | "no-ac-here"
  | "link-down"
  | "own-address"
  | "no-tunnel-to-acs"
  | "no-tunnel"
  | "busy"
  | "stopping";

/** A request for a capture at run time. */
export interface CaptureRequest {
  /** The name of the file, without a directory; by default it is made from the side and the interface. */
  file?: string;
  /** The frames to record; `control` by default. */
  frames?: CaptureStatus["frames"];
  /** The maximum size of both files together, in bytes. */
  maxBytes?: number;
}

/** The status of a capture. */
export interface CaptureStatus {
  /** The path of the file. */
  file: string;
  /** The frames that are recorded. */
  frames: "discovery" | "control" | "all";
  /** True if passwords and the like are recorded. */
  secrets: boolean;
  /** The maximum size of both files together, in bytes. */
  maxBytes: number;
  /** The number of frames that were recorded, those of earlier files included. */
  captured: number;
  /** The number of frames that are missing, because the disk was too slow, or full. */
  leftOut: number;
  /** The reason why nothing can be written at the moment; left out if it can. */
  failure?: string;
}

/** Begins and ends captures. */
export interface CaptureSwitch {
  /** Returns the status of the capture; undefined if there is none. */
  status(): CaptureStatus | undefined;
  /**
   * Begins a capture.
   *
   * @throws {CaptureRefusal} If there is one already, the request is not allowed, or the file cannot be made
   */
  start(request: CaptureRequest): Promise<CaptureStatus>;
  /** Ends the capture; returns its last status, or undefined if there was none. */
  stop(): Promise<CaptureStatus | undefined>;
}

/** Error for a capture that cannot be begun, with a reason for the operator. */
export class CaptureRefusal extends Error {
  override name = "CaptureRefusal";
}
