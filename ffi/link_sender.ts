// The way out of the link: many frames with one sendmmsg(2), or one at once.
//
// An array of struct mmsghdr, each with one struct iovec, is made once and lies in one piece of
// memory. To queue a frame is to write where it lies into its iovec; the frame itself is not
// copied.
import { ERRNO, errno } from "./errno.ts";
import { libc } from "./libc.ts";
import { Pinned, writeAddress } from "./pinned.ts";
import { MSG_DONTWAIT } from "./structs.ts";

/** `struct mmsghdr`, sendmmsg(2): offsets in 32-bit words (LP64). */
const MMSGHDR = { msgIov: 4, msgIovlen: 6, length: 16 } as const;
/** `struct iovec`: offsets in 32-bit words (LP64). */
const IOVEC = { base: 0, len: 2, length: 4 } as const;

/**
 * Sends frames out of an interface, through the descriptor of a lane.
 *
 * It never waits: a frame that the interface refuses at that moment is gone, and counted.
 *
 * @example Two frames with one call
 * ```ts
 * import { ControlLane, laneFilter, LinkSender, Pinned, readInterface } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const loopback = readInterface("lo");
 * if (Deno.uid() === 0 && loopback?.up) {
 *   const lane = ControlLane.open({ interface: loopback, filter: laneFilter("control"), promiscuous: false });
 *   const sender = new LinkSender(lane.fd);
 *   const frames = new Pinned(new Uint8Array(128));
 *   frames.bytes.set([0x88, 0x63, 0x11, 0xa7], 12);
 *   frames.bytes.set([0x88, 0x63, 0x11, 0xa7], 64 + 12);
 *   sender.push(frames, 0, 64);
 *   sender.push(frames, 64, 64);
 *   sender.flush();
 *   assertEquals(sender.sent, 2);
 *   lane.close();
 * }
 * ```
 */
export class LinkSender {
  /** Frames that the interface took. */
  sent = 0;
  /** Frames that were longer than the interface's MTU allows. */
  refusedTooLong = 0;
  /** Frames that found the interface's queue, or the socket's buffer, full. */
  refusedFull = 0;
  /** Frames that found the interface down or gone, or that it refused for any other reason. */
  refusedDown = 0;

  readonly #fd: number;
  readonly #capacity: number;
  #queued = 0;
  /** The mmsghdr array, and behind it the iovecs. */
  readonly #headers: Pinned;
  readonly #words: Uint32Array;
  /** The first iovec, in words. */
  readonly #iovecs: number;
  /** The array from each index on, to call with. */
  readonly #from: Uint8Array<ArrayBuffer>[] = [];
  /** Keeps what the iovecs point at from being collected. */
  readonly #memories: (Pinned | undefined)[];

  /**
   * Makes a sender.
   *
   * @param fd A lane's descriptor; it stays the lane's to close
   * @param capacity How many frames one call may send, at most
   */
  constructor(fd: number, capacity = 256) {
    this.#fd = fd;
    this.#capacity = capacity;
    this.#memories = new Array(capacity).fill(undefined);
    this.#iovecs = capacity * MMSGHDR.length;
    this.#headers = new Pinned(new Uint8Array(4 * capacity * (MMSGHDR.length + IOVEC.length)));
    this.#words = new Uint32Array(this.#headers.bytes.buffer);
    for (let i = 0; i < capacity; i++) {
      const header = i * MMSGHDR.length;
      const iovec = this.#iovecs + i * IOVEC.length;
      writeAddress(this.#words, header + MMSGHDR.msgIov, this.#headers.address + 4 * iovec);
      this.#words[header + MMSGHDR.msgIovlen] = 1;
      this.#from.push(this.#headers.bytes.subarray(4 * header));
    }
  }

  /** How many frames wait for `flush`. */
  get queued(): number {
    return this.#queued;
  }

  /**
   * Queues a frame. Its bytes must stay as they are until `flush`.
   *
   * @param memory Where it lies
   * @param offset Its first byte
   * @param length Its length
   * @returns False when the queue is full: flush first
   */
  push(memory: Pinned, offset: number, length: number): boolean {
    const index = this.#queued;
    if (index === this.#capacity) return false;
    const iovec = this.#iovecs + index * IOVEC.length;
    writeAddress(this.#words, iovec + IOVEC.base, memory.address + offset);
    this.#words[iovec + IOVEC.len] = length;
    this.#memories[index] = memory;
    this.#queued = index + 1;
    return true;
  }

  /** Sends what is queued, in order. Nothing is queued afterwards. */
  flush(): void {
    const queued = this.#queued;
    let first = 0;
    while (first < queued) {
      const sent = libc.sendmmsg(this.#fd, this.#from[first], queued - first, MSG_DONTWAIT);
      if (sent >= 0) {
        this.sent += sent;
        first += sent;
        continue;
      }
      const error = errno();
      // With a full send buffer all others would be refused too. Of other errors the first frame is
      // the cause, and the others are still to be tried.
      const refused = error === ERRNO.EAGAIN ? queued - first : 1;
      this.#countRefused(error, refused);
      first += refused;
    }
    for (let i = 0; i < queued; i++) this.#memories[i] = undefined;
    this.#queued = 0;
  }

  /**
   * Sends one frame at once, before any that is queued.
   *
   * @param frame The frame
   * @returns Whether the interface took it
   */
  send(frame: Uint8Array): boolean {
    const buffer = frame as Uint8Array<ArrayBuffer>;
    if (libc.send(this.#fd, buffer, frame.length, MSG_DONTWAIT) < 0) {
      this.#countRefused(errno());
      return false;
    }
    this.sent += 1;
    return true;
  }

  #countRefused(error: number, frames = 1): void {
    if (error === ERRNO.EMSGSIZE) this.refusedTooLong += frames;
    else if (error === ERRNO.EAGAIN || error === ERRNO.ENOBUFS) this.refusedFull += frames;
    else this.refusedDown += frames;
  }
}
