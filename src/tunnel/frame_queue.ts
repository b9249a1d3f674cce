// Frames that wait for a tunnel, as the bytes that go into it, in one piece of memory.
//
// The memory is gone round. A frame is never cut in two: where the end has no room for it, it goes to
// the start. Once the queue is empty it begins at the start again, so that little of the memory is
// touched as long as little waits. The place of each frame is kept beside the bytes.

import { Pinned, VIEW_STEP } from "../../ffi/mod.ts";
import type { Batch } from "../transport/transport.ts";
import { FRAME, headerLength, MAX_HEADER, MAX_PAYLOAD, writeHeader } from "../wire/mod.ts";

/** A frame of the largest size, with its header. */
export const LARGEST_FRAME = MAX_HEADER + MAX_PAYLOAD;

/** Judges a frame that is to leave the queue: true when it is to be dropped instead. */
export type Judge = (waitedMs: number, last: boolean, nowMs: number) => boolean;

/** Frames in the order in which they came. Nothing is allocated for a frame. */
export class FrameQueue {
  /** Bytes that wait, headers included. */
  bytes = 0;
  /** Frames that were dropped from the head since this was last set to 0. */
  dropped = 0;

  readonly #memory: Pinned;
  readonly #most: number;
  readonly #capacity: number;
  /** Of each frame, by its number modulo their length: where it starts and ends, and when it came. */
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #arrivedMs: Float64Array;
  readonly #mask: number;
  /** The number of the first frame, and of the next to come. */
  #head = 0;
  #tail = 0;
  #writeAt = 0;

  /**
   * An empty queue.
   *
   * @param most Bytes that may wait in it; it is full once there are more, by one frame at most. Twice a
   * frame of the largest size is added for what goes round.
   * @param frames How many frames may wait in it, a power of two.
   */
  constructor(most: number, frames: number) {
    this.#most = most;
    this.#capacity = most + 2 * LARGEST_FRAME + VIEW_STEP;
    this.#memory = new Pinned(new Uint8Array(this.#capacity + VIEW_STEP));
    this.#mask = frames - 1;
    this.#starts = new Uint32Array(frames);
    this.#ends = new Uint32Array(frames);
    this.#arrivedMs = new Float64Array(frames);
  }

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#head === this.#tail;
  }

  /** Whether there is no room for a frame of any size. */
  get full(): boolean {
    if (this.empty) return false;
    if (this.#tail - this.#head > this.#mask) return true;
    // Frames that were dropped between others still take their place.
    const head = this.#starts[this.#head & this.#mask];
    const taken = this.#writeAt - head + (this.#writeAt > head ? 0 : this.#capacity);
    return taken >= this.#most;
  }

  /**
   * Adds a frame behind the others.
   *
   * @param frame Its payload, and perhaps up to 127 bytes more, which are copied too and written over by
   * what follows.
   * @param waitedMs How long it has waited already.
   * @returns False when there is no room.
   */
  push(
    type: number,
    frame: Uint8Array,
    length: number,
    nowMs: number,
    waitedMs = 0,
  ): boolean {
    if (this.#tail - this.#head > this.#mask) return false;
    const size = headerLength(length) + length;
    const start = this.#place(size);
    if (start < 0) return false;
    const { bytes } = this.#memory;
    const payload = start + writeHeader(bytes, start, type, length);
    if (frame.length - length < VIEW_STEP) bytes.set(frame, payload);
    else bytes.set(frame.subarray(0, length), payload);
    const index = this.#tail++ & this.#mask;
    this.#starts[index] = start;
    this.#ends[index] = this.#writeAt = start + size;
    this.#arrivedMs[index] = nowMs - waitedMs;
    this.bytes += size;
    return true;
  }

  /**
   * Adds frames to a batch, until it has `most` bytes, but for those that `judge` drops. What is not
   * consumed afterwards is judged again the next time.
   */
  gather(batch: Batch, most: number, nowMs: number, judge?: Judge): void {
    const mask = this.#mask;
    for (let number = this.#head; number !== this.#tail; number++) {
      if (batch.bytes >= most) break;
      const index = number & mask;
      const start = this.#starts[index];
      const end = this.#ends[index];
      if (start === end) continue;
      if (judge?.(nowMs - this.#arrivedMs[index], number + 1 === this.#tail, nowMs)) {
        this.#drop(index);
      } else if (!batch.add(this.#memory, start, end)) break;
    }
    this.#skipDropped();
  }

  /**
   * Takes bytes that were sent from the head. A frame of which only a part was sent goes as well, since
   * the rest of it must go before all else.
   *
   * @param rest Where that is copied to, to the start.
   * @returns How many bytes it has.
   */
  consume(bytes: number, rest: Uint8Array): number {
    let left = bytes;
    let cut = 0;
    while (left > 0) {
      const index = this.#head++ & this.#mask;
      const start = this.#starts[index];
      const size = this.#ends[index] - start;
      this.bytes -= size;
      if (left < size) {
        cut = size - left;
        rest.set(this.#memory.bytes.subarray(start + left, start + size));
        break;
      }
      left -= size;
    }
    this.#skipDropped();
    return cut;
  }

  /** Drops frames at the head that came before a time. */
  dropBefore(arrivedMs: number): void {
    while (!this.empty && this.#arrivedMs[this.#head & this.#mask] < arrivedMs) {
      this.#drop(this.#head & this.#mask);
      this.#skipDropped();
    }
  }

  // Where a frame of this size can go; -1 where it can't. What is copied beyond it must not reach a
  // frame that waits.
  #place(size: number): number {
    if (this.empty) return size <= this.#capacity ? 0 : -1;
    const head = this.#starts[this.#head & this.#mask];
    const at = this.#writeAt;
    if (at <= head) return at + size + VIEW_STEP <= head ? at : -1;
    if (at + size <= this.#capacity) return at;
    return size + VIEW_STEP <= head ? 0 : -1;
  }

  // Its place is free once all before it are gone.
  #drop(index: number): void {
    this.bytes -= this.#ends[index] - this.#starts[index];
    this.#ends[index] = this.#starts[index];
    // The second byte of its type: a ping or pong is no frame of anybody's.
    if (this.#memory.bytes[this.#starts[index] + 1] >= FRAME.DISCOVERY) this.dropped++;
  }

  #skipDropped(): void {
    const mask = this.#mask;
    while (this.#head !== this.#tail) {
      const index = this.#head & mask;
      if (this.#starts[index] !== this.#ends[index]) break;
      this.#head++;
    }
    if (this.#head === this.#tail) this.#head = this.#tail = 0;
  }
}
