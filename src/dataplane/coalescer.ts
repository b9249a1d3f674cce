// Decides when the loop lets data frames gather on the link for a moment, so that it takes several at once.
//
// Most of the cost of a lone frame is two wake-ups: one here and one at the peer. If more than
// 10,000 turns a second take data, it pays to wait a little for more frames, as long as more do come.

/** The length of a wait, in µs. */
export const COALESCE_US = 130;
/** The waiting begins once two turns that take data are less than this apart. */
const OFTEN_MS = 0.1;
/** The number of frames that a wait must find for the waiting to go on. */
const SEVERAL = 2;

/** Follows the turns that take data from the link. */
export class Coalescer {
  /** True if the next turn should wait for several frames. */
  due = false;
  #takenMs = -Infinity;

  /**
   * Notes that a turn has taken data frames.
   *
   * @param frames The number of frames; 0 only if the turn waited
   * @param nowMs The start of the turn
   */
  took(frames: number, nowMs: number): void {
    this.due = this.due ? frames >= SEVERAL : nowMs - this.#takenMs < OFTEN_MS;
    this.#takenMs = nowMs;
  }
}
