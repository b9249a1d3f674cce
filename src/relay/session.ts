// One session: its keys, its counters, and what is known of its stations.

import { copyMac, ETHERNET, LCP_CODE, writeSessionId } from "../wire/mod.ts";
import type { Peer } from "./peer.ts";

const DESTINATION = ETHERNET.destination[0];
const SOURCE = ETHERNET.source[0];

/** Session ids 0 (none yet) and 0xffff (reserved) name no session (RFC 2516, section 4). */
export function isSessionId(id: number): boolean {
  return id > 0 && id < 0xffff;
}

/** How many LCP Echo-Requests a station leaves unanswered at least before it is taken for dead. */
const UNANSWERED_LEAST = 3;

/** How long the last of these is given for its answer, in ms, where questions come seldom. */
const ANSWER_MS = 5000;

/** What a session frame is that is no LCP echo, as {@linkcode Session.heardFromLink} takes it. */
export const NO_ECHO = 0;

/** The LCP echoes of a session, from one station's point of view. */
class EchoRecord {
  /** Whether it has ever answered, as far as is known: some never do. */
  #answers = false;
  /** The other station's questions since this one last sent anything, up to {@linkcode UNANSWERED_LEAST}. */
  #asked = 0;
  /** When the first and the last of them came. */
  #firstMs = 0;
  #lastMs = 0;

  /** Notes what this station has sent. */
  sent(echo: number): void {
    if (echo === LCP_CODE.ECHO_REPLY) this.#answers = true;
    this.#asked = 0;
  }

  /** Notes a question of the other station. */
  wasAsked(nowMs: number): void {
    if (this.#asked === UNANSWERED_LEAST) return;
    if (this.#asked++ === 0) this.#firstMs = nowMs;
    this.#lastMs = nowMs;
  }

  /** Forgets what it was asked, but not that it answers. */
  forgetQuestions(): void {
    this.#asked = 0;
  }

  /** Whether it used to answer, and for so long has left enough questions unanswered. */
  isDead(nowMs: number, forMs: number): boolean {
    return this.#answers && this.#asked === UNANSWERED_LEAST && this.silentMs(nowMs) >= forMs &&
      nowMs - this.#lastMs >= Math.min(forMs, ANSWER_MS);
  }

  /** For how long what it was asked has had no answer, in ms. */
  silentMs(nowMs: number): number {
    return nowMs - this.#firstMs;
  }
}

/** What makes a session, as {@linkcode SessionTable.open} takes it. */
export interface SessionKey {
  /** The program through which the far station is reached. */
  peer: Peer;
  /** The station on our link: the AC at the server, the host at the client. */
  nearMac: Uint8Array;
  /** The station beyond the tunnel: the host at the server, the AC at the client. */
  farMac: Uint8Array;
  /** The address by which the near station knows the far station: our own, or `farMac` itself. */
  shownMac: Uint8Array;
  /** The id that the AC gave, which the tunnel carries. */
  tunnelId: number;
  /** The id on our link; it differs from `tunnelId` only where two would meet. */
  linkId: number;
}

/** The states of a session; session_life.ts has the table of them. */
export type SessionState = "open" | "unconfirmed" | "held" | "closed";

/** One PPPoE session, from PADS to PADT, with the counters of its session frames. */
export class Session {
  /** Which of all sessions of its table it is: they are numbered as they are opened. */
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
  /** When the last frame came from the link. */
  linkMs: number;
  /** When the last frame came from the tunnel. */
  tunnelMs: number;
  framesFromLink = 0;
  framesFromTunnel = 0;
  bytesFromLink = 0;
  bytesFromTunnel = 0;
  readonly #linkEchoes = new EchoRecord();
  readonly #tunnelEchoes = new EchoRecord();
  /** The next session with the same id, in each index. */
  nextByLink: Session | undefined = undefined;
  nextByTunnel: Session | undefined = undefined;

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

  /** Makes a frame of the near station's one of the tunnel's, in place. */
  rewriteForTunnel(frame: Uint8Array, offset: number): void {
    copyMac(this.farMac, 0, frame, offset + DESTINATION);
    if (this.linkId !== this.tunnelId) writeSessionId(frame, offset, this.tunnelId);
  }

  /** Makes a frame of the far station's one of the link's, in place. */
  rewriteForLink(frame: Uint8Array, offset: number): void {
    copyMac(this.shownMac, 0, frame, offset + SOURCE);
    if (this.linkId !== this.tunnelId) writeSessionId(frame, offset, this.linkId);
  }

  /**
   * Notes a frame from the link; anything that a station sends is a sign of life.
   *
   * @param echo `LCP_CODE.ECHO_REQUEST`, `LCP_CODE.ECHO_REPLY` or {@linkcode NO_ECHO}.
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

  /**
   * Its tunnel is back: what was asked before counts no more, since questions and answers were lost. The
   * stations are the same ones, so what is known of them still holds.
   */
  restartTimers(nowMs: number): void {
    this.linkMs = this.tunnelMs = nowMs;
    this.#linkEchoes.forgetQuestions();
    this.#tunnelEchoes.forgetQuestions();
  }

  /**
   * Which station is dead, if one is: it used to answer the other one's LCP Echo-Requests in this session,
   * but for so long has left them unanswered, several of them, and sent nothing else either.
   */
  dead(nowMs: number, forMs: number): { side: "link" | "tunnel"; silentMs: number } | undefined {
    if (this.#tunnelEchoes.isDead(nowMs, forMs)) {
      return { side: "tunnel", silentMs: this.#tunnelEchoes.silentMs(nowMs) };
    }
    if (this.#linkEchoes.isDead(nowMs, forMs)) {
      return { side: "link", silentMs: this.#linkEchoes.silentMs(nowMs) };
    }
    return undefined;
  }
}
