// The way in: frames found in the bytes that a transport gives.
//
// One large buffer is read into, always at the same place, and parsed in place. A frame stays there
// until `compact`, which moves what was left of a cut frame in front of that place.

import { Pinned } from "../../ffi/mod.ts";
import { assertInvariant } from "../assert.ts";
import type { Transport } from "../transport/transport.ts";
import { readHeader, type TunnelHeader } from "../wire/mod.ts";
import { LARGEST_FRAME } from "./frame_queue.ts";

/** Results of {@linkcode FrameReader.next}: a frame, no whole one, or a header that is none. */
export const FOUND = 1;
export const NONE = 0;
export const FAULTY = -1;

/** Reads the frames of one connection. Nothing is allocated for a frame. */
export class FrameReader {
  /** The bytes that were read. Frames are lent to the link's sender from here. */
  readonly memory: Pinned;
  /** The type of the frame that `next` found. */
  type = 0;
  /** Where its payload starts in the memory. */
  offset = 0;
  /** The length of its payload, in bytes. */
  length = 0;

  /** The place that is read into: behind room for the start of a cut frame. */
  readonly #readInto: Uint8Array;
  #readAt = LARGEST_FRAME;
  #readEnd = LARGEST_FRAME;
  readonly #header: TunnelHeader = { type: 0, length: 0 };

  /**
   * Begins with bytes that were read before.
   *
   * @param readBytes The most that one read takes
   * @param received What came behind the greeting
   */
  constructor(readBytes: number, received: Uint8Array) {
    const room = Math.max(readBytes, received.length);
    this.memory = new Pinned(new Uint8Array(LARGEST_FRAME + room));
    this.#readInto = this.memory.bytes.subarray(LARGEST_FRAME);
    this.#readInto.set(received);
    this.#readEnd += received.length;
  }

  /** Reads once; see {@linkcode Transport.receive} for the result. */
  read(transport: Transport): number {
    const count = transport.receive(this.#readInto);
    if (count > 0) {
      assertInvariant(count <= this.#readInto.length, "a transport read beyond its buffer");
      this.#readEnd = LARGEST_FRAME + count;
    }
    return count;
  }

  /** Looks for the next frame: {@linkcode FOUND}, {@linkcode NONE} or {@linkcode FAULTY}. */
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

  /** Makes room for the next read, once `next` has found no more. Frames found before are gone. */
  compact(): void {
    const left = this.#readEnd - this.#readAt;
    assertInvariant(
      left >= 0 && left <= LARGEST_FRAME,
      "a cut frame is longer than the longest one",
    );
    const start = LARGEST_FRAME - left;
    this.memory.bytes.copyWithin(start, this.#readAt, this.#readEnd);
    this.#readAt = start;
    this.#readEnd = LARGEST_FRAME;
  }

  /** Forgets what was read. */
  clear(): void {
    this.#readAt = this.#readEnd = LARGEST_FRAME;
  }
}
