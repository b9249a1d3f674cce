// A session: its addresses and ids, its counters, and the times at which its stations were last heard.

import { copyMac, ETHERNET, LCP_CODE, writeSessionId } from "../wire/mod.ts";
import { FATE, type Fate, type SessionBudgets } from "./control_budget.ts";
import { EchoRecord } from "./echo.ts";
import type { Peer } from "./peer.ts";

const DESTINATION = ETHERNET.destination[0];
const SOURCE = ETHERNET.source[0];

/** The session id of a frame that belongs to no session yet (RFC 2516, section 4). */
export const NO_SESSION_ID = 0;
/** The highest session id; 0xffff above it is reserved (RFC 2516, section 4). */
export const LAST_SESSION_ID = 0xfffe;

/** Returns true if an id can be the id of a session. */
export function isSessionId(id: number): boolean {
  return id > NO_SESSION_ID && id <= LAST_SESSION_ID;
}

/** The identity of a session, which never changes. */
export interface SessionKey {
  /** The program behind which the far station is. */
  peer: Peer;
  /** The address of the station on our link: the AC at the server, the host at the client. */
  nearMac: Uint8Array;
  /** The address of the station beyond the tunnel: the host at the server, the AC at the client. */
  farMac: Uint8Array;
  /** The address by which the near station knows the far one: our own, or `farMac` itself. */
  shownMac: Uint8Array;
  /** The id that the AC assigned, which frames have in the tunnel. */
  tunnelId: number;
  /**
   * The id on our link. It differs from `tunnelId` only if another session of the same two addresses there
   * has that id, or had it a moment ago (discovery/resting_ids.ts).
   */
  linkId: number;
}

/** The states of a session, which session_life.ts explains. */
export type SessionState = "open" | "unconfirmed" | "held" | "closed";

/** One PPPoE session, from PADS to PADT. */
export class Session implements SessionKey {
  /** The number among all sessions of its table, in the order in which they were opened. */
  readonly serial: number;
  readonly peer: Peer;
  readonly nearMac: Uint8Array;
  readonly farMac: Uint8Array;
  readonly shownMac: Uint8Array;
  readonly tunnelId: number;
  readonly linkId: number;
  readonly openedMs: number;
  /** The state, which only session_life.ts changes. */
  state: SessionState;
  /** The time of the last frame from the link. */
  linkMs: number;
  /** The time of the last frame from the tunnel. */
  tunnelMs: number;
  /** The counters of session frames, by the side that they came from. */
  framesFromLink = 0;
  framesFromTunnel = 0;
  bytesFromLink = 0;
  bytesFromTunnel = 0;
  /** The part of those from the link that the peer's machine has acknowledged. */
  framesArrived = 0;
  bytesArrived = 0;
  readonly #linkEchoes = new EchoRecord();
  readonly #tunnelEchoes = new EchoRecord();
  /** The budgets of its control frames; without them, there is no limit. */
  budgets: SessionBudgets | undefined = undefined;
  /** The number of control frames from the link beyond the budget, and the time since which they are counted. */
  floodFrames = 0;
  floodSinceMs = 0;
  /** The next session with the same id in each index of the session table. */
  nextByLink: Session | undefined = undefined;
  nextByTunnel: Session | undefined = undefined;

  /** Makes a session, with copies of its addresses. */
  constructor(serial: number, key: SessionKey, nowMs: number, openedMs = nowMs) {
    this.serial = serial;
    this.peer = key.peer;
    this.nearMac = key.nearMac.slice();
    this.farMac = key.farMac.slice();
    this.shownMac = key.shownMac.slice();
    this.tunnelId = key.tunnelId;
    this.linkId = key.linkId;
    this.openedMs = openedMs;
    this.state = key.peer.held ? "held" : "open";
    this.linkMs = this.tunnelMs = nowMs;
  }

  /** The tunnel that carries it, or `NO_TUNNEL` while it is held. */
  get tunnel(): number {
    return this.peer.tunnel;
  }

  /** Turns a frame of the near station into one for the tunnel, in place. */
  rewriteForTunnel(frame: Uint8Array, offset: number): void {
    copyMac(this.farMac, 0, frame, offset + DESTINATION);
    if (this.linkId !== this.tunnelId) writeSessionId(frame, offset, this.tunnelId);
  }

  /** Turns a frame of the far station into one for the link, in place. */
  rewriteForLink(frame: Uint8Array, offset: number): void {
    copyMac(this.shownMac, 0, frame, offset + SOURCE);
    if (this.linkId !== this.tunnelId) writeSessionId(frame, offset, this.linkId);
  }

  /**
   * Notes a frame from the link. Anything that a station sends is a sign of life.
   *
   * @param echo The result of `readEcho`
   */
  heardFromLink(nowMs: number, echo: number): void {
    this.linkMs = nowMs;
    this.#linkEchoes.sent(echo);
    if (echo === LCP_CODE.ECHO_REQUEST) this.#tunnelEchoes.wasAsked(nowMs);
  }

  /** Notes a frame from the tunnel, as {@linkcode heardFromLink} does. */
  heardFromTunnel(nowMs: number, echo: number): void {
    this.tunnelMs = nowMs;
    this.#tunnelEchoes.sent(echo);
    if (echo === LCP_CODE.ECHO_REQUEST) this.#linkEchoes.wasAsked(nowMs);
  }

  /** Counts a control frame from the link, and returns its fate. */
  controlFromLink(nowMs: number): Fate {
    return this.budgets === undefined ? FATE.AHEAD : this.budgets.payFromLink(nowMs);
  }

  /** Counts a control frame from the tunnel, and returns its fate. */
  controlFromTunnel(nowMs: number): Fate {
    return this.budgets === undefined ? FATE.AHEAD : this.budgets.payFromTunnel(nowMs);
  }

  /**
   * Restarts the timers when its tunnel is back. Echo-Requests and replies were lost, so earlier requests no
   * longer count. The stations are the same, so the knowledge about them is kept.
   */
  restartTimers(nowMs: number): void {
    this.linkMs = this.tunnelMs = nowMs;
    this.#linkEchoes.forgetQuestions();
    this.#tunnelEchoes.forgetQuestions();
  }

  /**
   * Finds a station that seems dead: it used to answer the other one's LCP Echo-Requests in this session, but
   * has left several of them unanswered for the given time, and has sent nothing else.
   *
   * @returns The station's direction and the time of its silence; undefined if both seem alive
   */
  dead(nowMs: number, forMs: number): { from: "link" | "tunnel"; silentMs: number } | undefined {
    if (this.#tunnelEchoes.isDead(nowMs, forMs)) {
      return { from: "tunnel", silentMs: this.#tunnelEchoes.silentMs(nowMs) };
    }
    if (this.#linkEchoes.isDead(nowMs, forMs)) {
      return { from: "link", silentMs: this.#linkEchoes.silentMs(nowMs) };
    }
    return undefined;
  }
}
