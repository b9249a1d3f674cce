// Sending separate pieces of memory over a stream with one sendmsg(2).

import { errno } from "./errno.ts";
import { libc } from "./libc.ts";
import { Pinned, writeAddress } from "./pinned.ts";
import { IOVEC, MSG_DONTWAIT, MSG_NOSIGNAL } from "./structs.ts";

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
   * Sends the added pieces as far as the socket accepts them, and removes them all.
   *
   * @returns The number of bytes that the socket accepted, or a negative errno(3), EAGAIN if it
   * accepts none
   */
  send(): number {
    this.#words[MSGHDR.iovlen] = this.#pieces;
    const count = libc.sendmsg(this.#fd, this.#header.bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    const result = count < 0 ? -errno() : count;
    for (let i = 0; i < this.#pieces; i++) this.#memories[i] = undefined;
    this.#pieces = 0;
    this.#last = undefined;
    this.bytes = 0;
    return result;
  }
}
