// The buffers that tunnels read into. A tunnel has one only while there are frames in it, so that a few are
// enough for any number of tunnels.

import { Pinned } from "../../ffi/mod.ts";
import { LARGEST_FRAME } from "./frame_queue.ts";

/** The number of buffers of full size that tunnels may have at once; further ones are small. */
const FULL_SIZE = 64;
/** The size of a read into a small buffer; TLS needs room for two of its records. */
const SMALL_READ_BYTES = 48 * 1024;
/** The number of unused buffers of each size that are kept. */
const KEPT = 4;

/** A buffer for one read, behind enough room for the start of an incomplete frame. */
export class ReadBuffer {
  /** The whole buffer. */
  readonly memory: Pinned;
  /** The place for the bytes that are read, which starts at {@linkcode LARGEST_FRAME}. */
  readonly readInto: Uint8Array;

  /** Makes a buffer for reads of up to this many bytes. */
  constructor(readBytes: number) {
    this.memory = new Pinned(new Uint8Array(LARGEST_FRAME + readBytes));
    this.readInto = this.memory.bytes.subarray(LARGEST_FRAME);
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

  /** Lends a buffer: a small one if many tunnels have one already. */
  take(): ReadBuffer {
    if (this.#lent >= FULL_SIZE) {
      return this.#freeSmall.pop() ?? new ReadBuffer(this.#smallBytes);
    }
    this.#lent++;
    return this.#free.pop() ?? new ReadBuffer(this.#readBytes);
  }

  /** Takes a buffer back. */
  give(buffer: ReadBuffer): void {
    const isFull = buffer.readInto.length === this.#readBytes;
    if (isFull && this.#lent > 0) this.#lent--;
    const free = isFull ? this.#free : this.#freeSmall;
    if (free.length < KEPT) free.push(buffer);
  }
}
