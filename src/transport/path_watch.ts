// Recognizes a path MTU black hole: a path that loses large packets, although small ones get through, and
// loses the ICMP error about it too. TCP then sends the same large segment again and again.
//
// The proof takes three steps. Something small was answered, so the path is alive; after that, the oldest
// segment was sent again, and was not acknowledged; and then something small was answered once more. On a
// path that is dead nothing is answered, and on one that was dead the next retransmission gets through. On
// a path that loses packets at random, some retransmission gets through soon; so several must have failed,
// and more on a path that has lost more before.
//
// Small packets are rare just then, because TCP sends nothing behind a segment that has timed out. So the
// caller sends a probe when it is asked to.

import type { TcpInfo } from "../../ffi/mod.ts";

/** The state of a connection at one moment. */
export type PathSample = Omit<TcpInfo, "pathMtu" | "unsentBytes">;

/** The result of {@linkcode PathWatch.check} if there is nothing to do. */
export const SOUND = 0;
/**
 * The result if a small segment should be sent that the peer must answer, and the next sample should come
 * soon.
 */
export const PROBE = 1;
/**
 * The result if large packets do not get through, although small ones do. It stays the same for a second, so
 * that the caller can do something without probes.
 */
export const BLACK_HOLE = 2;

/** The minimum number of timeouts in a row. */
const TIMEOUTS = 3;
/** The chance that a segment and its retransmissions were lost at random, below which they were not. */
const CHANCE = 1e-6;
/** The number of retransmissions that say little about the share of segments that a path loses. */
const FEW_RETRANSMITS = 3;
/** The time after which fewer timeouts are enough, because the kernel waits long for each. */
const LONG_MS = 5000;
/** The time within which lost segments count, twice at the most. */
const LOSSES_MS = 5 * 60_000;
/** The time after which segments behind a gap count as proof, if probes are impossible. */
const UNPROBED_MS = 3500;
/** The time for which a proof stands without another probe. */
const PROVEN_MS = 1000;

type Counts = Pick<PathSample, "segments" | "retransmits">;

/**
 * Watches one connection from its start. It is given a sample about once a second, or more often while it
 * asks for probes; samples may be left out while nothing waits for an acknowledgement.
 */
export class PathWatch {
  /** False if probes are impossible; the proof is then weaker. */
  probes = true;
  #last: PathSample | undefined;
  /** The time since which the oldest segment has made no progress. */
  #stuckMs = 0;
  /** The number of timeouts when something small was first answered; undefined before. */
  #answeredAfter: number | undefined;
  /** The time of the proof. */
  #provenMs = -Infinity;
  /** The number of timeouts in a row that random loss does not explain. */
  #timeouts = TIMEOUTS;
  /** The counts since which lost segments count, and those that follow them. A connection begins with 0. */
  #since: Counts = { segments: 0, retransmits: 0 };
  #next: Counts = this.#since;
  /** The time of the latter. */
  #nextMs: number | undefined;
  readonly #fittingBytes: number;

  /**
   * Makes a watch.
   *
   * @param fittingBytes The size up to which a segment fits every path, without headers
   */
  constructor(fittingBytes: number) {
    this.#fittingBytes = fittingBytes;
  }

  /**
   * Judges the connection.
   *
   * @param sample The present state
   * @param nowMs The time in ms, by a monotonic clock
   * @returns {@linkcode SOUND}, {@linkcode PROBE} or {@linkcode BLACK_HOLE}
   */
  check(sample: PathSample, nowMs: number): number {
    const last = this.#last;
    this.#last = sample;
    const { unacked, bytesAcked, timeouts, mss, window } = sample;
    const begins = last === undefined || last.unacked === 0 || bytesAcked > last.bytesAcked;
    // This sample has retransmissions that the black hole may have caused.
    if (begins && last !== undefined) this.#learn(last, nowMs);
    const fits = mss <= this.#fittingBytes;
    // A peer without room drops segments of any size.
    if (begins || unacked === 0 || fits || window < mss) {
      this.#begin(nowMs);
      return begins && unacked > 0 && timeouts > 0 && !fits ? PROBE : SOUND;
    }
    if (nowMs - this.#provenMs < PROVEN_MS) return BLACK_HOLE;
    if (!this.#isBlackHole(last, sample, nowMs)) return PROBE;
    this.#provenMs = nowMs;
    return BLACK_HOLE;
  }

  /**
   * Begins anew, after something was done about a black hole.
   *
   * @param nowMs The time
   */
  restart(nowMs: number): void {
    this.#begin(nowMs);
  }

  #begin(nowMs: number): void {
    this.#stuckMs = nowMs;
    this.#answeredAfter = undefined;
    this.#provenMs = -Infinity;
  }

  #isBlackHole(last: PathSample, sample: PathSample, nowMs: number): boolean {
    // Only what was sent before the last sample has had time to be acknowledged.
    const { timeouts } = last;
    const stuckMs = nowMs - this.#stuckMs;
    const enough = timeouts >= this.#timeouts ||
      (stuckMs >= LONG_MS && this.#timeouts === TIMEOUTS);
    if (!this.probes && sample.sacked > 0 && stuckMs >= UNPROBED_MS && enough) return true;
    // The peer sends new bytes only if our acknowledgements reach it.
    const answered = sample.bareAcks !== last.bareAcks || sample.bytesReceived > last.bytesReceived;
    if (!answered) return false;
    if (this.#answeredAfter !== undefined) return enough && timeouts > this.#answeredAfter;
    this.#answeredAfter = sample.timeouts;
    return false;
  }

  /** Learns from a sample how many segments the path has lost lately. */
  #learn(last: PathSample, nowMs: number): void {
    this.#nextMs ??= nowMs;
    const ageMs = nowMs - this.#nextMs;
    if (ageMs >= LOSSES_MS) {
      // After a long silence, both counts are too old.
      this.#since = ageMs < 2 * LOSSES_MS ? this.#next : last;
      this.#next = last;
      this.#nextMs = nowMs;
    }
    const { segments, retransmits } = this.#since;
    this.#timeouts = unlikelyTimeouts(
      added(segments, last.segments),
      added(retransmits, last.retransmits),
    );
  }
}

// Returns the number of timeouts in a row that are not random loss, by the share of segments that was lost.
function unlikelyTimeouts(segments: number, retransmits: number): number {
  const lost = retransmits - FEW_RETRANSMITS;
  if (lost <= 0) return TIMEOUTS;
  if (lost >= segments) return Infinity;
  const losses = Math.ceil(Math.log(CHANCE) / Math.log(lost / segments));
  // The first of them was no timeout.
  return Math.max(TIMEOUTS, losses - 1);
}

// Returns the difference of two counts that the kernel keeps in 32 bits.
function added(before: number, after: number): number {
  return (after - before) >>> 0;
}
