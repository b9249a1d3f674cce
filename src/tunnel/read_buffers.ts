// The buffers that tunnels read into. A tunnel has one only while there are frames in it, so that a few are
// enough for any number of tunnels.

import { Pinned } from "../../ffi/mod.ts";
import { LARGEST_FRAME } from "./frame_queue.ts";

/** The number of buffers of full size that tunnels may have at once; further ones are small. */
const FULL_SIZE = 64;
/**
 * The size of a read into a small buffer: so few frames that they are usually taken in one turn. TLS needs
 * room for a whole record in addition to what it reads.
 */
const SMALL_READ_BYTES = 24 * 1024;
/** The room for the start of an incomplete frame in a small buffer, which most frames do not exceed. */
const SMALL_ROOM_BYTES = 4096;
/** The number of unused buffers of each size that `trim` keeps. */
const KEPT = 4;

/** A buffer for one read, behind room for the start of an incomplete frame. */
export class ReadBuffer {
  /** The whole buffer. */
  readonly memory: Pinned;
  /** The offset at which the bytes that are read begin. */
  readonly start: number;
  /** The place for these bytes. */
  readonly readInto: Uint8Array;

  /** Makes a buffer for reads of up to `readBytes` bytes, behind `room` bytes. */
  constructor(room: number, readBytes: number) {
    this.memory = new Pinned(new Uint8Array(room + readBytes));
    this.start = room;
    this.readInto = this.memory.bytes.subarray(room);
  }
}

/** Lends buffers to tunnels. Nothing is allocated while as many are lent as before. */
export class ReadBuffers {
  readonly #readBytes: number;
  readonly #smallBytes: number;
  readonly #free: ReadBuffer[] = [];
  readonly #freeSmall: ReadBuffer[] = [];
  /** The number of buffers of full size that are lent. */
  #lent = 0;

  /**
   * Has no buffers at first.
   *
   * @param readBytes The maximum number of bytes in one read
   */
  constructor(readBytes: number) {
    this.#readBytes = readBytes;
    this.#smallBytes = Math.min(readBytes, SMALL_READ_BYTES);
  }

  /** The number of buffers that are kept although no tunnel has them. */
  get unused(): number {
    return this.#free.length + this.#freeSmall.length;
  }

  /**
   * Lends a buffer: a small one if many tunnels have one already.
   *
   * @param left The number of bytes for which there must be room before those that are read
   * @param small True for a small one in any case, unless there would not be room in those that are kept
   */
  take(left: number, small = false): ReadBuffer {
    if ((!small || left > SMALL_ROOM_BYTES) && this.#lent < FULL_SIZE) {
      this.#lent++;
      return this.#free.pop() ?? new ReadBuffer(LARGEST_FRAME, this.#readBytes);
    }
    if (left > SMALL_ROOM_BYTES) return new ReadBuffer(left, this.#smallBytes);
    return this.#freeSmall.pop() ?? new ReadBuffer(SMALL_ROOM_BYTES, this.#smallBytes);
  }

  /** Takes a buffer back. */
  give(buffer: ReadBuffer): void {
    if (buffer.start === LARGEST_FRAME) {
      this.#lent--;
      this.#free.push(buffer);
    } else if (buffer.start === SMALL_ROOM_BYTES) this.#freeSmall.push(buffer);
  }

  /** Gives up half of the unused buffers, except for a few; to be called about once a second. */
  trim(): void {
    for (const free of [this.#free, this.#freeSmall]) {
      free.length = Math.min(free.length, Math.max(KEPT, free.length >> 1));
    }
  }
}
