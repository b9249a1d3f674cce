// The input of a tunnel: splits the bytes from a transport into frames.
//
// Every read goes to the same place in a large buffer, where the frames are parsed in place. They stay valid
// until `compact`, which gives the buffer back for other tunnels, and keeps only the start of an incomplete
// frame. The next read puts that start in front of its place.

import { Pinned } from "../../ffi/mod.ts";
import { assertInvariant } from "../assert.ts";
import type { Transport } from "../transport/transport.ts";
import { readHeader, type TunnelHeader } from "../wire/mod.ts";
import { LARGEST_FRAME } from "./frame_queue.ts";
import type { ReadBuffer, ReadBuffers } from "./read_buffers.ts";

/** The result of {@linkcode FrameReader.next} for a complete frame. */
export const FOUND = 1;
/** The result if there is no complete frame yet. */
export const NONE = 0;
/** The result for an invalid header, after which no more frames can be found. */
export const FAULTY = -1;

/** The initial memory for the start of an incomplete frame, in bytes: enough for most frames. */
const REST_BYTES = 2048;
/** The size above which that memory is given up when it is empty. */
const KEPT_REST_BYTES = 16 * 1024;

/** Reads the frames of one connection. Nothing is allocated for a frame. */
export class FrameReader {
  /** The type of the frame that `next` or `peek` found. */
  type = 0;
  /** The offset of that frame's payload in the memory. */
  offset = 0;
  /** The length of that payload, in bytes. */
  length = 0;

  readonly #buffers: ReadBuffers;
  /** The buffer of the last read, until `compact`. */
  #buffer: ReadBuffer | undefined;
  /** The memory for the bytes that are left after it. */
  #rest: Pinned;
  /** The memory of the present bytes: that of the buffer, or the rest. */
  #memory: Pinned;
  #readAt = 0;
  #readEnd: number;
  readonly #header: TunnelHeader = { type: 0, length: 0 };

  /**
   * Begins with bytes that were read before.
   *
   * @param buffers The buffers for reads
   * @param received The bytes that were read after the greeting
   */
  constructor(buffers: ReadBuffers, received: Uint8Array) {
    this.#buffers = buffers;
    this.#rest = restFor(received.length);
    this.#rest.bytes.set(received);
    this.#memory = this.#rest;
    this.#readEnd = received.length;
  }

  /** The memory of the frame that `next` found. The link's sender sends frames from there. */
  get memory(): Pinned {
    return this.#memory;
  }

  /**
   * Reads once.
   *
   * @param transport The connection
   * @param small True to read only a little, into a small buffer
   * @returns The result of {@linkcode Transport.receive}
   */
  read(transport: Transport, small = false): number {
    if (this.#buffer !== undefined) this.compact();
    const left = this.#readEnd - this.#readAt;
    const buffer = this.#buffers.take(left, small);
    const count = transport.receive(buffer.readInto);
    if (count <= 0) {
      this.#buffers.give(buffer);
      return count;
    }
    assertInvariant(count <= buffer.readInto.length, "a transport read beyond its buffer");
    const { bytes } = this.#rest;
    const start = buffer.start - left;
    if (left > 0) buffer.memory.bytes.set(bytes.subarray(this.#readAt, this.#readEnd), start);
    this.#buffer = buffer;
    this.#memory = buffer.memory;
    this.#readAt = start;
    this.#readEnd = buffer.start + count;
    return count;
  }

  /** Looks for the next frame; returns {@linkcode FOUND}, {@linkcode NONE} or {@linkcode FAULTY}. */
  next(): number {
    const header = this.#header;
    const size = readHeader(this.#memory.bytes, this.#readAt, this.#readEnd, header);
    if (size < 0) return FAULTY;
    const payload = this.#readAt + size;
    if (size === 0 || payload + header.length > this.#readEnd) return NONE;
    this.#readAt = payload + header.length;
    this.type = header.type;
    this.offset = payload;
    this.length = header.length;
    return FOUND;
  }

  /** Looks at the frame that `next` would find; returns its type, or -1 if there is none. */
  peek(): number {
    const header = this.#header;
    const size = readHeader(this.#memory.bytes, this.#readAt, this.#readEnd, header);
    const payload = this.#readAt + size;
    if (size <= 0 || payload + header.length > this.#readEnd) return -1;
    this.type = header.type;
    this.offset = payload;
    this.length = header.length;
    return header.type;
  }

  /** Makes room for the next read, once `next` has found no more. The earlier frames are lost. */
  compact(): void {
    const left = this.#readEnd - this.#readAt;
    assertInvariant(
      left >= 0 && left <= LARGEST_FRAME,
      "an incomplete frame is longer than the largest one",
    );
    this.#keep(left);
  }

  /** The bytes that were read, and are not part of a frame that `next` has found. */
  get unread(): Uint8Array {
    return this.#memory.bytes.subarray(this.#readAt, this.#readEnd);
  }

  /** Discards all bytes that were read. */
  clear(): void {
    this.#readAt = this.#readEnd;
    this.#keep(0);
  }

  // Keeps the last bytes in the memory for the rest, and gives the buffer back.
  #keep(left: number): void {
    const room = this.#rest.bytes.length;
    // In the rest, the bytes stay where they are.
    if (this.#buffer === undefined && left > 0) return;
    if (left > room || (left === 0 && room > KEPT_REST_BYTES)) this.#rest = restFor(left);
    if (left > 0) {
      this.#rest.bytes.set(this.#memory.bytes.subarray(this.#readAt, this.#readEnd));
    }
    if (this.#buffer !== undefined) this.#buffers.give(this.#buffer);
    this.#buffer = undefined;
    this.#memory = this.#rest;
    this.#readAt = 0;
    this.#readEnd = left;
  }
}

function restFor(bytes: number): Pinned {
  return new Pinned(new Uint8Array(Math.max(REST_BYTES, 2 ** Math.ceil(Math.log2(bytes + 1)))));
}
