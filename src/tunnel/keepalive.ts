// Pings: whether the peer is still there, and how long the way to it and back takes.

/** Results of {@linkcode Keepalive.check}: nothing to do, a ping is due, or the peer is gone. */
export const QUIET = 0;
export const PING_DUE = 1;
export const DEAD = -1;

/** The keepalive of one tunnel. One ping at a time is under way. */
export class Keepalive {
  /** The round trip, smoothed as TCP does (RFC 6298): each new one counts an eighth. */
  rttMs: number | undefined;
  #heardMs: number;
  /** The first ping goes out at once, so that the round trip is soon known. */
  #pingMs = -Infinity;
  #pingOut = false;

  /** Begins now. */
  constructor(nowMs: number) {
    this.#heardMs = nowMs;
  }

  /** Notes that something came from the peer. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  /**
   * Decides what is to be done.
   *
   * @param pingMs The time between two pings
   * @param deadMs The time in which something must come
   * @returns {@linkcode QUIET}, {@linkcode PING_DUE} or {@linkcode DEAD}
   */
  check(nowMs: number, pingMs: number, deadMs: number): number {
    if (this.silentMs(nowMs) >= deadMs) return DEAD;
    return nowMs - this.#pingMs >= pingMs && !this.#pingOut ? PING_DUE : QUIET;
  }

  /** The time since something came from the peer, in ms. */
  silentMs(nowMs: number): number {
    return nowMs - this.#heardMs;
  }

  /** Notes a ping, or an attempt to queue one. */
  pinged(nowMs: number, queued: boolean): void {
    this.#pingOut = queued;
    this.#pingMs = nowMs;
  }

  /** Notes an answer. */
  ponged(nowMs: number): void {
    if (!this.#pingOut) return;
    this.#pingOut = false;
    const rttMs = nowMs - this.#pingMs;
    this.rttMs = this.rttMs === undefined ? rttMs : this.rttMs + (rttMs - this.rttMs) / 8;
  }
}
