// Sending separate pieces of memory over a stream with one sendmsg(2), or as small segments with sendmmsg(2).

import { errno } from "./errno.ts";
import { libc } from "./libc.ts";
import { Pinned, readAddress, writeAddress } from "./pinned.ts";
import { IOVEC, MMSGHDR, MSG_DONTWAIT, MSG_EOR, MSG_NOSIGNAL } from "./structs.ts";

/** `struct msghdr` of sendmsg(2), in 32-bit words (LP64). */
const MSGHDR = { iov: 4, iovlen: 6, length: 14 } as const;

/**
 * A sender of pieces of memory over a stream socket. It sends them in order and without copying them,
 * never waits, and allocates nothing.
 *
 * @example Send two pieces with one call
 * ```ts
 * import { findSocket, Pinned, StreamSender } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const accepted = listener.accept();
 * const near = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
 * const far = await accepted;
 *
 * const memory = new Pinned(new Uint8Array([1, 2, 3, 4, 5, 6]));
 * const sender = new StreamSender(findSocket(near.localAddr, near.remoteAddr));
 * sender.add(memory, 0, 2);
 * sender.add(memory, 4, 6);
 * assertEquals(sender.bytes, 4);
 * assertEquals(sender.send(), 4);
 *
 * const bytes = new Uint8Array(4);
 * await far.read(bytes);
 * assertEquals(bytes, new Uint8Array([1, 2, 5, 6]));
 * for (const closable of [near, far, listener]) closable.close();
 * ```
 */
export class StreamSender {
  /** Number of bytes added since the last `send`. */
  bytes = 0;

  readonly #fd: number;
  readonly #capacity: number;
  /** The msghdr, followed by the iovecs. */
  readonly #header: Pinned;
  readonly #words: Uint32Array;
  /** Keeps the memory that the iovecs point at from being collected. */
  readonly #memories: (Pinned | undefined)[];
  #pieces = 0;
  #last: Pinned | undefined;
  #lastEnd = 0;
  #segments: SegmentSender | undefined;

  /**
   * Makes a sender.
   *
   * @param fd The socket's descriptor, which the caller closes
   * @param capacity The maximum number of pieces that one call sends, up to 1024 (IOV_MAX)
   */
  constructor(fd: number, capacity = 16) {
    this.#fd = fd;
    this.#capacity = capacity;
    this.#header = new Pinned(new Uint8Array(4 * (MSGHDR.length + capacity * IOVEC.length)));
    this.#words = new Uint32Array(this.#header.bytes.buffer);
    this.#memories = new Array(capacity).fill(undefined);
    writeAddress(this.#words, MSGHDR.iov, this.#header.address + 4 * MSGHDR.length);
  }

  /**
   * Adds a piece after the others. A piece that starts where the last one ends is merged with it. The
   * bytes must not change until `send`.
   *
   * @param memory The memory that holds the piece
   * @param start The offset of the first byte
   * @param end The offset after the last byte
   * @returns True if the piece was added; false if one call cannot send more pieces
   */
  add(memory: Pinned, start: number, end: number): boolean {
    const words = this.#words;
    let iovec = MSGHDR.length + (this.#pieces - 1) * IOVEC.length;
    if (memory === this.#last && start === this.#lastEnd) {
      words[iovec + IOVEC.len] += end - start;
    } else {
      if (this.#pieces === this.#capacity) return false;
      iovec += IOVEC.length;
      writeAddress(words, iovec + IOVEC.base, memory.address + start);
      words[iovec + IOVEC.len] = end - start;
      this.#memories[this.#pieces++] = memory;
      this.#last = memory;
    }
    this.#lastEnd = end;
    this.bytes += end - start;
    return true;
  }

  /**
   * Limits the size of the TCP segments that are sent from now on, also of those that are sent again.
   *
   * @param bytes The maximum size, without headers
   */
  limitSegments(bytes: number): void {
    this.#segments = new SegmentSender(this.#fd, bytes, this.#capacity);
  }

  /**
   * Sends the added pieces as far as the socket accepts them, and removes them all.
   *
   * @returns The number of bytes that the socket accepted, or a negative errno(3), EAGAIN if it
   * accepts none
   */
  send(): number {
    const result = this.#segments !== undefined
      ? this.#segments.send(this.#words, MSGHDR.length, this.#pieces)
      : this.#sendAll();
    for (let i = 0; i < this.#pieces; i++) this.#memories[i] = undefined;
    this.#pieces = 0;
    this.#last = undefined;
    this.bytes = 0;
    return result;
  }

  #sendAll(): number {
    this.#words[MSGHDR.iovlen] = this.#pieces;
    const count = libc.sendmsg(this.#fd, this.#header.bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    return count < 0 ? -errno() : count;
  }
}

/** The number of segments that one call sends: those of a usual batch of 64 KiB. */
const SEGMENTS = 64;
const SEGMENT_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR;

/**
 * A sender of small segments. Each one is a message of its own that ends a record (MSG_EOR). TCP never joins
 * bytes of two records in one segment, not even when it sends them again.
 */
class SegmentSender {
  readonly #fd: number;
  readonly #segmentBytes: number;
  /** The array of mmsghdr, followed by the iovecs. */
  readonly #headers: Pinned;
  readonly #words: Uint32Array;
  /** The offset of the first iovec, in words. */
  readonly #iovecs: number;
  /** The sizes of the segments of a call. */
  readonly #sizes = new Uint32Array(SEGMENTS);
  /** The number of bytes of a segment that the socket has taken in part, so that it is not ended. */
  #openBytes = 0;

  /** Makes a sender. A batch has up to `pieces` pieces of memory, and may begin and end within one. */
  constructor(fd: number, segmentBytes: number, pieces: number) {
    this.#fd = fd;
    this.#segmentBytes = segmentBytes;
    this.#iovecs = SEGMENTS * MMSGHDR.length;
    const words = this.#iovecs + (SEGMENTS + pieces) * IOVEC.length;
    this.#headers = new Pinned(new Uint8Array(4 * words));
    this.#words = new Uint32Array(this.#headers.bytes.buffer);
  }

  /**
   * Sends pieces of memory as segments.
   *
   * @param pieces The words with the iovecs of the pieces
   * @param first The index of the first iovec
   * @param count The number of pieces
   * @returns The number of bytes that the socket accepted, or a negative errno(3)
   */
  send(pieces: Uint32Array, first: number, count: number): number {
    const end = first + count * IOVEC.length;
    const words = this.#words;
    const sizes = this.#sizes;
    let piece = first;
    let at = 0;
    let total = 0;
    // A batch with more segments than usual takes more calls.
    while (piece < end) {
      let segments = 0;
      let iovec = this.#iovecs;
      for (; segments < SEGMENTS && piece < end; segments++) {
        const header = segments * MMSGHDR.length;
        const begin = iovec;
        // The first segment may continue one that was taken in part.
        const limit = segments === 0 ? this.#segmentBytes - this.#openBytes : this.#segmentBytes;
        let size = 0;
        while (size < limit && piece < end) {
          const left = pieces[piece + IOVEC.len] - at;
          const length = left < limit - size ? left : limit - size;
          const address = readAddress(pieces, piece + IOVEC.base) + at;
          writeAddress(words, iovec + IOVEC.base, address);
          words[iovec + IOVEC.len] = length;
          iovec += IOVEC.length;
          size += length;
          at += length;
          if (length === left) {
            piece += IOVEC.length;
            at = 0;
          }
        }
        writeAddress(words, header + MMSGHDR.msgIov, this.#headers.address + 4 * begin);
        words[header + MMSGHDR.msgIovlen] = (iovec - begin) / IOVEC.length;
        sizes[segments] = size;
      }
      const sent = libc.sendmmsg(this.#fd, this.#headers.bytes, segments, SEGMENT_FLAGS);
      if (sent < 0) return total > 0 ? total : -errno();
      for (let i = 0; i < sent; i++) total += words[i * MMSGHDR.length + MMSGHDR.msgLen];
      const last = sent - 1;
      const lastBytes = words[last * MMSGHDR.length + MMSGHDR.msgLen];
      const ended = lastBytes === sizes[last];
      this.#openBytes = ended ? 0 : lastBytes + (last === 0 ? this.#openBytes : 0);
      if (!ended || sent < segments) return total;
    }
    return total;
  }
}
