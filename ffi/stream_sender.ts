// The way into a stream: pieces of memory that lie apart, with one sendmsg(2).
import { errno } from "./errno.ts";
import { libc } from "./libc.ts";
import { Pinned, writeAddress } from "./pinned.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "./structs.ts";

/** `struct msghdr`, sendmsg(2): offsets in 32-bit words (LP64). */
const MSGHDR = { iov: 4, iovlen: 6, length: 14 } as const;
/** `struct iovec`: offsets in 32-bit words (LP64). */
const IOVEC = { base: 0, len: 2, length: 4 } as const;

/**
 * Sends pieces of memory over a stream socket, in order and without copying them first. It never
 * waits, and allocates nothing.
 *
 * @example Two pieces with one call
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
  /** How many bytes `send` would send. */
  bytes = 0;

  readonly #fd: number;
  readonly #capacity: number;
  /** The msghdr, and behind it the iovecs. */
  readonly #header: Pinned;
  readonly #words: Uint32Array;
  /** Keeps what the iovecs point at from being collected. */
  readonly #memories: (Pinned | undefined)[];
  #pieces = 0;
  #last: Pinned | undefined;
  #lastEnd = 0;

  /**
   * Makes a sender.
   *
   * @param fd The socket's descriptor, which stays the caller's to close
   * @param capacity How many pieces one call may send, at most 1024 (IOV_MAX)
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
   * Adds a piece behind the others. One that begins where the last one ends becomes part of it.
   *
   * @param memory Where it lies. It must stay as it is until `send`
   * @param start Its first byte
   * @param end The byte after its last
   * @returns False when there are as many pieces as one call can send
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
   * Sends what was added, as far as the socket takes it, and forgets it.
   *
   * @returns How many bytes the socket took; less than 0: the negative errno(3), EAGAIN when it
   * takes none
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
