// Pings, which show that the peer is alive, and measure the round-trip time.

/** The result of {@linkcode Keepalive.check} if there is nothing to do. */
export const QUIET = 0;
/** The result if it is time for a ping. */
export const PING_DUE = 1;
/** The result if the peer is gone. */
export const DEAD = -1;
/** The result if the peer has not answered a probe. */
export const UNANSWERED = -2;

/** The time to wait for the answer to a probe, in ms, in addition to four round trips. */
const PROBE_MS = 750;

/** The number of intervals after which another ping follows one that is not answered. */
const AGAIN_AFTER = 2;

/**
 * The keepalive of one tunnel. One ping at a time is under way, so that its answer is known. Only if the answer
 * takes long, as behind much data on a slow path, another ping shows the peer that this side is alive.
 */
export class Keepalive {
  /** The smoothed round-trip time: a new measurement counts for an eighth, as in TCP (RFC 6298). */
  rttMs: number | undefined;
  #heardMs: number;
  /** The time of the oldest ping that is not answered, or of the last one. */
  #pingMs = -Infinity;
  // The first ping goes out at once, so that the round-trip time is soon known.
  #lastPingMs = -Infinity;
  #pingOut = false;
  /** The numbers of pings after the oldest one that is not answered, and of late answers to such ones. */
  #further = 0;
  #late = 0;
  /** The time of the probe that waits for an answer. */
  #probeMs = Infinity;

  /** Begins at `nowMs`. */
  constructor(nowMs: number) {
    this.#heardMs = nowMs;
  }

  /** Notes that bytes have arrived from the peer. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#probeMs = Infinity;
  }

  /**
   * Begins a probe, unless one is under way.
   *
   * @param nowMs The time
   * @returns True if a ping should be queued; a ping that is under way is as good
   */
  probe(nowMs: number): boolean {
    this.#probeMs = Math.min(this.#probeMs, nowMs);
    return !this.#pingOut;
  }

  /**
   * Checks whether a ping is due, or the peer has been silent for too long.
   *
   * @param nowMs The time
   * @param pingMs The time between two pings
   * @param deadMs The time of silence after which the peer counts as gone
   * @returns {@linkcode QUIET}, {@linkcode PING_DUE}, {@linkcode DEAD} or {@linkcode UNANSWERED}
   */
  check(nowMs: number, pingMs: number, deadMs: number): number {
    if (this.silentMs(nowMs) >= deadMs) return DEAD;
    if (nowMs - this.#probeMs >= PROBE_MS + 4 * (this.rttMs ?? 0)) return UNANSWERED;
    const waitMs = this.#pingOut ? AGAIN_AFTER * pingMs : pingMs;
    return nowMs - this.#lastPingMs >= waitMs ? PING_DUE : QUIET;
  }

  /** Returns the time since bytes last arrived from the peer, in ms. */
  silentMs(nowMs: number): number {
    return nowMs - this.#heardMs;
  }

  /** Notes a ping, or an attempt to queue one. */
  pinged(nowMs: number, queued: boolean): void {
    this.#lastPingMs = nowMs;
    if (this.#pingOut) {
      if (queued) this.#further++;
      return;
    }
    this.#pingOut = queued;
    this.#pingMs = nowMs;
  }

  /** Notes a pong. */
  ponged(nowMs: number): void {
    if (!this.#pingOut) return;
    if (this.#late > 0) return void this.#late--;
    this.#pingOut = false;
    this.#late = this.#further;
    this.#further = 0;
    const rttMs = nowMs - this.#pingMs;
    this.rttMs = this.rttMs === undefined ? rttMs : this.rttMs + (rttMs - this.rttMs) / 8;
  }
}
