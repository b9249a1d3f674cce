// When the loop leaves data on the link alone for a moment, so that it finds several frames.
//
// A frame that comes alone costs a wake-up here and one at the peer, which is most of what it costs. At
// more than 10,000 turns a second that take data, a turn which waits a little for more is worth it. It is
// not worth it for longer than several do come.

/** How long a wait lasts, in µs. */
export const COALESCE_US = 130;
/** Turns that take data begin it when they follow each other within this time. */
const OFTEN_MS = 0.1;
/** It goes on while a wait finds so many frames. */
const SEVERAL = 2;

/** Follows the turns that take data from the link. */
export class Coalescer {
  /** Whether the next turn is to wait for several frames. */
  due = false;
  #takenMs = -Infinity;

  /**
   * A turn has taken data frames.
   *
   * @param frames How many; 0 only of a turn that waited.
   * @param nowMs When it began.
   */
  took(frames: number, nowMs: number): void {
    this.due = this.due ? frames >= SEVERAL : nowMs - this.#takenMs < OFTEN_MS;
    this.#takenMs = nowMs;
  }
}
