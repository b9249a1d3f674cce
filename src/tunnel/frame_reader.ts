// The input of a tunnel: splits the bytes from a transport into frames.
//
// Every read goes to the same place in one large buffer, where the frames are parsed in place. They stay
// valid until `compact`, which moves the start of an incomplete frame in front of that place.

import { Pinned } from "../../ffi/mod.ts";
import { assertInvariant } from "../assert.ts";
import type { Transport } from "../transport/transport.ts";
import { readHeader, type TunnelHeader } from "../wire/mod.ts";
import { LARGEST_FRAME } from "./frame_queue.ts";

/** The result of {@linkcode FrameReader.next} for a complete frame. */
export const FOUND = 1;
/** The result if there is no complete frame yet. */
export const NONE = 0;
/** The result for an invalid header, after which no more frames can be found. */
export const FAULTY = -1;

/** Reads the frames of one connection. Nothing is allocated for a frame. */
export class FrameReader {
  /** The buffer. The link's sender sends frames from there. */
  readonly memory: Pinned;
  /** The type of the frame that `next` found. */
  type = 0;
  /** The offset of that frame's payload in the memory. */
  offset = 0;
  /** The length of that payload, in bytes. */
  length = 0;

  /** The place for reads, behind enough room for the start of an incomplete frame. */
  readonly #readInto: Uint8Array;
  #readAt = LARGEST_FRAME;
  #readEnd = LARGEST_FRAME;
  readonly #header: TunnelHeader = { type: 0, length: 0 };

  /**
   * Begins with bytes that were read before.
   *
   * @param readBytes The maximum number of bytes in one read
   * @param received The bytes that were read after the greeting
   */
  constructor(readBytes: number, received: Uint8Array) {
    const room = Math.max(readBytes, received.length);
    this.memory = new Pinned(new Uint8Array(LARGEST_FRAME + room));
    this.#readInto = this.memory.bytes.subarray(LARGEST_FRAME);
    this.#readInto.set(received);
    this.#readEnd += received.length;
  }

  /** Reads once; returns the result of {@linkcode Transport.receive}. */
  read(transport: Transport): number {
    const count = transport.receive(this.#readInto);
    if (count > 0) {
      assertInvariant(count <= this.#readInto.length, "a transport read beyond its buffer");
      this.#readEnd = LARGEST_FRAME + count;
    }
    return count;
  }

  /** Looks for the next frame; returns {@linkcode FOUND}, {@linkcode NONE} or {@linkcode FAULTY}. */
  next(): number {
    const header = this.#header;
    const size = readHeader(this.memory.bytes, this.#readAt, this.#readEnd, header);
    if (size < 0) return FAULTY;
    const payload = this.#readAt + size;
    if (size === 0 || payload + header.length > this.#readEnd) return NONE;
    this.#readAt = payload + header.length;
    this.type = header.type;
    this.offset = payload;
    this.length = header.length;
    return FOUND;
  }

  /** Makes room for the next read, once `next` has found no more. It overwrites the earlier frames. */
  compact(): void {
    const left = this.#readEnd - this.#readAt;
    assertInvariant(
      left >= 0 && left <= LARGEST_FRAME,
      "an incomplete frame is longer than the largest one",
    );
    const start = LARGEST_FRAME - left;
    this.memory.bytes.copyWithin(start, this.#readAt, this.#readEnd);
    this.#readAt = start;
    this.#readEnd = LARGEST_FRAME;
  }

  /** The bytes that were read, and are not part of a frame that `next` has found. */
  get unread(): Uint8Array {
    return this.memory.bytes.subarray(this.#readAt, this.#readEnd);
  }

  /** Discards all bytes that were read. */
  clear(): void {
    this.#readAt = this.#readEnd = LARGEST_FRAME;
  }
}
