// A queue of frames for a tunnel, stored in one ring buffer as the bytes that will be sent.
//
// A frame is never split: if the end of the buffer has no room for it, it goes to the start. An empty queue
// begins again at the start. Separate arrays hold the position of each frame. Buffer and arrays are small at
// first, and double when they are full; `trim` halves them again. So an idle tunnel takes little memory.

import { Pinned, VIEW_STEP } from "../../ffi/mod.ts";
import { assertInvariant } from "../assert.ts";
import type { Batch } from "../transport/transport.ts";
import { headerLength, MAX_HEADER, MAX_PAYLOAD, writeHeader } from "../wire/mod.ts";
import {
  Flight,
  type FrameOwner,
  type FrameTap,
  isEthernet,
  lengthOf,
  markOf,
  typeOf,
} from "./flight.ts";
import { QueueRoom } from "./queue_room.ts";

/** The length of the largest frame, with its header. */
export const LARGEST_FRAME = MAX_HEADER + MAX_PAYLOAD;

/** The initial size of a queue, in bytes and frames. */
const FIRST_BYTES = 8192;
const FIRST_FRAMES = 64;
/** The number of bytes that the arrays take for each frame. */
const INDEX_BYTES = 28;

/** Judges a frame that could leave the queue; returns true to drop it. */
export type Judge = (waitedMs: number, last: boolean, nowMs: number) => boolean;

/** A first-in, first-out queue of frames. Nothing is allocated for a frame. */
export class FrameQueue {
  /** The number of bytes in the queue, headers included. */
  bytes = 0;
  /** The number of Ethernet frames that were dropped from the queue since this was last set to 0. */
  dropped = 0;
  /** The mark of the frame that `consume` has removed in part. */
  partMark = 0;
  /** The owner of that frame. */
  partOwner: FrameOwner | undefined = undefined;
  /** Looks at the Ethernet frames that leave the queue; by default nothing does. */
  tap: FrameTap | undefined = undefined;

  #memory: Pinned;
  readonly #limitBytes: number;
  /** The size of the buffer, without the bytes that may be copied behind the last frame. */
  #capacity: number;
  readonly #maxCapacity: number;
  readonly #flight: Flight;
  readonly #room: QueueRoom;
  // Frames are numbered, and the number modulo the arrays' length is the index into these five.
  /** The offset of each frame's first byte. */
  #starts: Uint32Array;
  /** The offset after each frame's last byte; a dropped frame ends at its start. */
  #ends: Uint32Array;
  /** The time at which each frame arrived. */
  #arrivedMs: Float64Array;
  /** The type of each frame, and the length of its payload. */
  #marks: Uint32Array;
  /** The owner of each frame, which may be undefined. It grows to the largest number of frames so far. */
  #owners: (FrameOwner | undefined)[] = [];
  #mask: number;
  readonly #maxMask: number;
  /** The number of the first frame. */
  #head = 0;
  /** The number that the next frame will get. */
  #tail = 0;
  #writeAt = 0;
  /** The highest `#writeAt`, and the most frames, since the last `trim`. */
  #highAt = 0;
  #highFrames = 0;

  /**
   * Makes an empty queue.
   *
   * @param limitBytes The size at which the queue counts as full; the last frame may exceed it. The buffer
   * has room for two more of the largest frames, because frames are not split at its end
   * @param frames The maximum number of frames, a power of two
   * @param flight The frames that were sent; by default they are not followed
   * @param room The memory that it shares with other queues; by default with none
   */
  constructor(
    limitBytes: number,
    frames: number,
    flight: Flight = new Flight(),
    room: QueueRoom = new QueueRoom(),
  ) {
    this.#flight = flight;
    this.#room = room;
    this.#limitBytes = limitBytes;
    this.#maxCapacity = limitBytes + 2 * LARGEST_FRAME + VIEW_STEP;
    this.#maxMask = frames - 1;
    this.#capacity = Math.min(FIRST_BYTES, this.#maxCapacity);
    this.#memory = new Pinned(new Uint8Array(this.#capacity + VIEW_STEP));
    frames = Math.min(FIRST_FRAMES, frames);
    this.#mask = frames - 1;
    this.#starts = new Uint32Array(frames);
    this.#ends = new Uint32Array(frames);
    this.#arrivedMs = new Float64Array(frames);
    this.#marks = new Uint32Array(frames);
  }

  /** The size of the memory that the queue takes, in bytes. */
  get sizeBytes(): number {
    return this.#capacity + INDEX_BYTES * (this.#mask + 1);
  }

  /** True if no frame waits. */
  get empty(): boolean {
    return this.#head === this.#tail;
  }

  /** Returns the number of frames of a type that wait, for which it looks at each. */
  count(type: number): number {
    let count = 0;
    for (let number = this.#head; number !== this.#tail; number++) {
      const index = number & this.#mask;
      const isDropped = this.#starts[index] === this.#ends[index];
      if (!isDropped && typeOf(this.#marks[index]) === type) count++;
    }
    return count;
  }

  /** True if there is no room for another frame. */
  get full(): boolean {
    return this.#isFilled(1);
  }

  /** True if half of the room is taken. */
  get halfFull(): boolean {
    return this.#isFilled(2);
  }

  /**
   * Adds a frame at the end.
   *
   * @param type The type of the tunnel frame
   * @param frame The payload, with up to 127 bytes more; those are copied too, and the next frame
   * overwrites them
   * @param length The length of the payload, in bytes
   * @param nowMs The time
   * @param waitedMs The time that the frame has already waited
   * @param owner The owner of the frame, which counts it once it is sent
   * @returns False if there is no room
   */
  push(
    type: number,
    frame: Uint8Array,
    length: number,
    nowMs: number,
    waitedMs = 0,
    owner: FrameOwner | undefined = undefined,
  ): boolean {
    if (this.#tail - this.#head > this.#mask && !this.#growIndex()) return false;
    const size = headerLength(length) + length;
    let start = this.#place(size);
    if (start < 0) {
      if (!this.#growMemory(size)) return false;
      start = this.#place(size);
      if (start < 0) return false;
    }
    const { bytes } = this.#memory;
    const payload = start + writeHeader(bytes, start, type, length);
    if (frame.length - length < VIEW_STEP) bytes.set(frame, payload);
    else bytes.set(frame.subarray(0, length), payload);
    const index = this.#tail++ & this.#mask;
    this.#starts[index] = start;
    this.#ends[index] = this.#writeAt = start + size;
    this.#arrivedMs[index] = nowMs - waitedMs;
    this.#marks[index] = markOf(type, length);
    this.#owners[index] = owner;
    this.bytes += size;
    if (this.#writeAt > this.#highAt) this.#highAt = this.#writeAt;
    const frames = this.#tail - this.#head;
    if (frames > this.#highFrames) this.#highFrames = frames;
    return true;
  }

  /** Gives back half of the memory if not even a quarter was used since the last call; only if it is empty. */
  trim(): void {
    if (this.empty) {
      const from = this.sizeBytes;
      if (this.#highAt < this.#capacity / 4) this.#resize(this.#capacity / 2);
      const frames = this.#mask + 1;
      if (this.#highFrames < frames / 4) this.#reindex(frames / 2);
      this.#room.shrink(from, this.sizeBytes);
    }
    this.#highAt = this.empty ? 0 : this.#capacity;
    this.#highFrames = this.#tail - this.#head;
  }

  /** Gives back all memory that is not needed for the present frames, except the initial one. */
  release(): void {
    const from = this.sizeBytes;
    this.#resize(this.bytes);
    this.#reindex(2 ** Math.ceil(Math.log2(this.#tail - this.#head + 1)));
    this.#room.shrink(from, this.sizeBytes);
  }

  /**
   * Adds frames to a batch. They stay in the queue until they are consumed; the rest is judged again the
   * next time.
   *
   * @param batch The batch
   * @param limitBytes The size of the batch from which no more frames are added
   * @param nowMs The time
   * @param judge Decides which frames to drop; by default none
   */
  gather(batch: Batch, limitBytes: number, nowMs: number, judge?: Judge): void {
    const mask = this.#mask;
    for (let number = this.#head; number !== this.#tail; number++) {
      if (batch.bytes >= limitBytes) break;
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
   * Removes bytes that were sent from the head, and notes the frames that were sent whole. A frame that was
   * sent in part is removed as well: its rest must be sent before everything else, and the caller notes it
   * then.
   *
   * @param bytes The number of bytes that were sent
   * @param restRoom Returns the memory that the rest of such a frame is copied to, given its length
   * @returns The length of that rest; 0 if there is none
   */
  consume(bytes: number, restRoom: (length: number) => Uint8Array): number {
    const flight = this.#flight;
    const starts = this.#starts;
    const ends = this.#ends;
    const marks = this.#marks;
    const owners = this.#owners;
    const mask = this.#mask;
    const tail = this.#tail;
    const { tap } = this;
    let head = this.#head;
    let left = bytes;
    let removed = 0;
    let restLength = 0;
    while (left > 0) {
      assertInvariant(head !== tail, "more bytes were sent than were queued");
      const index = head++ & mask;
      const start = starts[index];
      const size = ends[index] - start;
      // A frame that was dropped between others is still in the list.
      if (size === 0) continue;
      const owner = owners[index];
      // A closed session must not be kept in memory.
      owners[index] = undefined;
      removed += size;
      if (tap !== undefined && isEthernet(marks[index])) {
        const length = lengthOf(marks[index]);
        tap.sent(this.#memory.bytes, start + size - length, length, owner);
      }
      if (left < size) {
        flight.part(left);
        this.partMark = marks[index];
        this.partOwner = owner;
        restLength = size - left;
        restRoom(restLength).set(this.#memory.bytes.subarray(start + left, start + size));
        break;
      }
      flight.whole(marks[index], owner, size);
      left -= size;
    }
    this.#head = head;
    this.bytes -= removed;
    this.#skipDropped();
    return restLength;
  }

  /** Drops the frames at the head that arrived before a certain time. */
  dropBefore(arrivedMs: number): void {
    while (!this.empty && this.#arrivedMs[this.#head & this.#mask] < arrivedMs) {
      this.#drop(this.#head & this.#mask);
      this.#skipDropped();
    }
  }

  // Returns true if one part of the room is taken, when it is divided into `parts`.
  #isFilled(parts: number): boolean {
    const first = this.#head;
    const frames = this.#tail - first;
    if (frames === 0) return false;
    if (frames * parts > this.#maxMask) return true;
    // Frames that were dropped between others still occupy their space.
    const taken = this.#writeAt - this.#starts[first & this.#mask];
    return (taken > 0 ? taken : taken + this.#capacity) * parts >= this.#limitBytes;
  }

  // Doubles the buffer until there is room for another frame; returns false if it may not grow so far.
  #growMemory(size: number): boolean {
    if (this.#capacity === this.#maxCapacity) return false;
    const from = this.sizeBytes;
    const wanted = Math.min(
      this.#maxCapacity,
      Math.max(2 * this.#capacity, this.bytes + size + 2 * VIEW_STEP),
    );
    if (!this.#room.grow(from, from + wanted - this.#capacity)) return false;
    this.#resize(wanted);
    return true;
  }

  // Doubles the arrays; returns false if they may not grow.
  #growIndex(): boolean {
    if (this.#mask === this.#maxMask) return false;
    const from = this.sizeBytes;
    const frames = this.#mask + 1;
    if (!this.#room.grow(from, from + INDEX_BYTES * frames)) return false;
    this.#reindex(2 * frames);
    return true;
  }

  // Moves the frames into a buffer of another size, one after the other.
  #resize(bytes: number): void {
    const capacity = Math.min(this.#maxCapacity, Math.max(FIRST_BYTES, Math.floor(bytes)));
    if (capacity === this.#capacity) return;
    const from = this.#memory.bytes;
    this.#memory = new Pinned(new Uint8Array(capacity + VIEW_STEP));
    this.#capacity = capacity;
    let at = 0;
    for (let number = this.#head; number !== this.#tail; number++) {
      const index = number & this.#mask;
      const [start, end] = [this.#starts[index], this.#ends[index]];
      this.#memory.bytes.set(from.subarray(start, end), at);
      this.#starts[index] = at;
      this.#ends[index] = at += end - start;
    }
    this.#writeAt = at;
  }

  // Moves the frames into arrays of another length, a power of two.
  #reindex(frames: number): void {
    frames = Math.min(this.#maxMask + 1, Math.max(FIRST_FRAMES, frames));
    if (frames === this.#mask + 1) return;
    const [starts, ends, arrivedMs, marks, owners, mask] = [
      this.#starts,
      this.#ends,
      this.#arrivedMs,
      this.#marks,
      this.#owners,
      this.#mask,
    ];
    this.#starts = new Uint32Array(frames);
    this.#ends = new Uint32Array(frames);
    this.#arrivedMs = new Float64Array(frames);
    this.#marks = new Uint32Array(frames);
    this.#owners = [];
    this.#mask = frames - 1;
    const count = this.#tail - this.#head;
    for (let to = 0; to < count; to++) {
      const index = (this.#head + to) & mask;
      this.#starts[to] = starts[index];
      this.#ends[to] = ends[index];
      this.#arrivedMs[to] = arrivedMs[index];
      this.#marks[to] = marks[index];
      this.#owners[to] = owners[index];
    }
    this.#head = 0;
    this.#tail = count;
  }

  // Returns the offset for a frame of a certain size, or -1 if there is no room. The extra bytes that are
  // copied behind it must not reach a frame that waits.
  #place(size: number): number {
    if (this.empty) return size <= this.#capacity ? 0 : -1;
    const head = this.#starts[this.#head & this.#mask];
    const at = this.#writeAt;
    if (at <= head) return at + size + VIEW_STEP <= head ? at : -1;
    if (at + size <= this.#capacity) return at;
    return size + VIEW_STEP <= head ? 0 : -1;
  }

  // Marks a frame as dropped. Its space becomes free once all frames before it are gone.
  #drop(index: number): void {
    const size = this.#ends[index] - this.#starts[index];
    // A frame that was dropped between others is still in the list.
    if (size === 0) return;
    this.bytes -= size;
    const mark = this.#marks[index];
    if (isEthernet(mark)) {
      this.dropped++;
      const length = lengthOf(mark);
      const at = this.#ends[index] - length;
      this.tap?.dropped(this.#memory.bytes, at, length, this.#owners[index]);
    }
    this.#ends[index] = this.#starts[index];
    this.#owners[index] = undefined;
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
