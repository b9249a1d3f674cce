// The questions about sessions, and the orders of an operator, as plain data between API and data plane.

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
  | { order: "padt"; ac: string; host?: string; id: number };

/** The result of an order: what was done, or why nothing was. */
export type ControlResult =
  | { done: "closed"; session: SessionStatus }
  | { done: "sent"; ac: string; host: string; id: number }
  | { refused: ControlRefusal };

/**
 * The reason why an order was not carried out: there is no such session, or more than one; the session is not
 * stale; the AC is not on this side's link; the link is down; the address is this program's own; or the program
 * is about to end.
 */
export type ControlRefusal =
  | "unknown-session"
  | "several-sessions"
  | "known-session"
  | "no-ac-here"
  | "link-down"
  | "own-address"
  | "stopping";
