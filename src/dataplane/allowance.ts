// The allowance of one peer: its bytes, and its frames that carry nothing for an open session.
//
// A peer beyond its allowance is not read until it is within it again. Its connection fills up meanwhile, and TCP
// slows it down, so that the others do not notice it. A peer that goes on for a minute, and carries nothing for a
// session in all that time, is of no use to anybody, and its tunnel ends. Hosts that all dial after a power cut
// are not such a peer: within a minute some of them have a session.

import { Budget } from "../budget.ts";

/** The time in which a burst of other frames may use up the allowance of as much time. */
const BURST_SECONDS = 2;
/** A peer that was held back gets the allowance of so much time at once. */
const QUANTUM_SECONDS = 0.02;
/** The largest burst of bytes: a large read, or the bytes of this time. */
const BURST_BYTES_MIN = 64 * 1024;
const BURST_BYTES_SECONDS = 0.1;
/**
 * The other frames per second, and at once, beyond those of open sessions, that a peer may send before it has to
 * wait for its turn among all such peers. It is enough for a few hosts that dial.
 */
const MODEST_PER_SECOND = 50;
const MODEST_BURST = 200;
/** The time after which a peer that goes on is of no use. */
const USELESS_MS = 60_000;
const BITS = 8;

/** The limits of a peer. */
export interface Rates {
  /** Frames per second that carry nothing for an open session: discovery, and all without a session. */
  otherFrames: number;
  /** Bits of Ethernet frames per second; undefined for no limit. */
  bps: number | undefined;
}

/** The allowance of one tunnel. Nothing is allocated for a frame. */
export class Allowance {
  readonly #others: Budget;
  readonly #otherQuantum: number;
  /** The other frames for which it need not wait. */
  readonly #modest: Budget;
  #bps: number | undefined;
  #bytes: Budget | undefined;
  #byteQuantum = 0;
  /** The time until which the peer is not read. */
  #heldUntilMs = 0;
  #heldBackMs = 0;
  /** The time since which it has sent too many other frames, without a pause; `Infinity` if it has not. */
  #excessSinceMs = Infinity;
  /** The numbers of frames for open sessions, and of all others, since then. */
  #useful = 0;
  #excess = 0;

  constructor({ otherFrames, bps }: Rates, nowMs: number) {
    this.#others = new Budget(otherFrames, BURST_SECONDS * otherFrames, nowMs);
    this.#otherQuantum = QUANTUM_SECONDS * otherFrames;
    this.#modest = new Budget(MODEST_PER_SECOND, MODEST_BURST, nowMs);
    this.limit(bps, nowMs);
  }

  /**
   * Changes the limit of bits. A peer that is held back for the old limit is read again at once.
   *
   * @param bps Bits of Ethernet frames per second; undefined for no limit
   * @param nowMs The time
   */
  limit(bps: number | undefined, nowMs: number): void {
    if (bps === this.#bps) return;
    this.#bps = bps;
    this.#bytes = undefined;
    if (bps !== undefined) {
      const perSecond = bps / BITS;
      const most = Math.max(BURST_BYTES_MIN, BURST_BYTES_SECONDS * perSecond);
      this.#bytes = new Budget(perSecond, most, nowMs);
      this.#byteQuantum = QUANTUM_SECONDS * perSecond;
    }
    if (this.#heldUntilMs <= nowMs) return;
    // The total keeps the rest of the wait, because it must never go down.
    this.#heldUntilMs = Math.min(this.#heldUntilMs, nowMs + this.#waitForOthersMs(nowMs));
  }

  /** The time until which the peer is not read. */
  get heldUntilMs(): number {
    return this.#heldUntilMs;
  }

  /** The total time for which the peer was not read, in ms. */
  get heldBackMs(): number {
    return this.#heldBackMs;
  }

  /** The other frames per second since the peer began to send too many, at least a second ago; 0 if it did not. */
  excessPerSecond(nowMs: number): number {
    const seconds = (nowMs - this.#excessSinceMs) / 1000;
    return seconds >= 1 ? Math.round(this.#excess / seconds) : 0;
  }

  /** Returns the number of bytes that the peer may send now. */
  bytesLeft(nowMs: number): number {
    return this.#bytes === undefined ? Infinity : this.#bytes.left(nowMs);
  }

  /**
   * Notes what was read.
   *
   * @param useful The number of frames for open sessions
   * @param others The number of all other frames
   * @param bytes The number of bytes in all Ethernet frames
   * @param nowMs The time
   * @returns True if the peer is held back from now on
   */
  read(useful: number, others: number, bytes: number, nowMs: number): boolean {
    this.#useful += useful;
    this.#modest.spend(others - useful);
    // Most peers have no limit of bits, and send only frames of open sessions.
    if (others === 0 && this.#bytes === undefined) return false;
    if (others > 0) {
      this.#others.spend(others);
      if (this.#others.left(nowMs) <= 0 && this.#excessSinceMs === Infinity) {
        this.#excessSinceMs = nowMs;
        this.#useful = useful;
        this.#excess = 0;
      }
    }
    this.#excess += others;
    const otherMs = this.#waitForOthersMs(nowMs);
    let byteMs = 0;
    if (this.#bytes !== undefined) {
      this.#bytes.spend(bytes);
      if (this.#bytes.left(nowMs) <= 0) byteMs = this.#bytes.waitMs(this.#byteQuantum, nowMs);
    }
    const waitMs = Math.max(otherMs, byteMs);
    if (waitMs === 0) return false;
    this.#heldUntilMs = nowMs + waitMs;
    this.#heldBackMs += waitMs;
    return true;
  }

  /** Returns true unless most of what the peer has sent lately is other frames, and many of them. */
  isModest(nowMs: number): boolean {
    return this.#modest.left(nowMs) > 0;
  }

  /** Returns true if the peer has sent too much for a minute, and nothing for a session. */
  isUseless(nowMs: number): boolean {
    if (this.#excessSinceMs === Infinity) return false;
    if (this.#others.isAmple(nowMs)) this.#excessSinceMs = Infinity;
    return this.#useful === 0 && nowMs - this.#excessSinceMs >= USELESS_MS;
  }

  // Returns the time until the peer may send other frames again, in ms.
  #waitForOthersMs(nowMs: number): number {
    return this.#others.left(nowMs) > 0 ? 0 : this.#others.waitMs(this.#otherQuantum, nowMs);
  }
}
