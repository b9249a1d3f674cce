// Sending frames to a link, many with one sendmmsg(2) or one at once.
//
// An array of struct mmsghdr, each with one struct iovec, is made once in one piece of memory. Queueing
// a frame writes its address into an iovec and does not copy the frame.

import { ERRNO, errno } from "./errno.ts";
import { libc } from "./libc.ts";
import { Pinned, writeAddress } from "./pinned.ts";
import { IOVEC, MMSGHDR, MSG_DONTWAIT } from "./structs.ts";

/**
 * A sender of frames through the descriptor of a lane.
 *
 * It never waits. A frame that the interface refuses is dropped and counted.
 *
 * @example Send two frames with one call
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
  /** Number of frames that the interface accepted. */
  sent = 0;
  /** Number of frames refused because they are longer than the interface's MTU allows. */
  refusedTooLong = 0;
  /** Number of frames refused because the interface's queue or the socket's buffer was full. */
  refusedFull = 0;
  /** Number of frames refused because the interface is down or gone, or for any other reason. */
  refusedDown = 0;
  /** Number of bytes in all refused frames. */
  refusedBytes = 0;

  readonly #fd: number;
  readonly #capacity: number;
  #queued = 0;
  /** The array of mmsghdr, followed by the iovecs. */
  readonly #headers: Pinned;
  readonly #words: Uint32Array;
  /** Offset of the first iovec, in words. */
  readonly #iovecs: number;
  /** Views of the array from each index on, as arguments of sendmmsg(2). */
  readonly #from: Uint8Array<ArrayBuffer>[] = [];
  /** Keeps the memory that the iovecs point at from being collected. */
  readonly #memories: (Pinned | undefined)[];

  /**
   * Makes a sender.
   *
   * @param fd The descriptor of a lane, which the lane closes
   * @param capacity The maximum number of frames that one call sends
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

  /** Number of frames that wait for `flush`. */
  get queued(): number {
    return this.#queued;
  }

  /**
   * Queues a frame. Its bytes must not change until `flush`.
   *
   * @param memory The memory that holds the frame
   * @param offset The offset of the frame in the memory
   * @param length The length of the frame in bytes
   * @returns True if the frame was queued; false if the queue is full and must be flushed first
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

  /** Sends the queued frames in order and empties the queue. */
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
      // A full send buffer would refuse all other frames too. Any other error was caused by the first
      // frame, and the others must still be tried.
      const refused = error === ERRNO.EAGAIN ? queued - first : 1;
      for (let i = first; i < first + refused; i++) {
        this.refusedBytes += this.#words[this.#iovecs + i * IOVEC.length + IOVEC.len];
      }
      this.#countRefused(error, refused);
      first += refused;
    }
    for (let i = 0; i < queued; i++) this.#memories[i] = undefined;
    this.#queued = 0;
  }

  /**
   * Sends a frame at once, ahead of any queued ones.
   *
   * @param frame The frame
   * @returns True if the interface accepted the frame
   */
  send(frame: Uint8Array): boolean {
    const buffer = frame as Uint8Array<ArrayBuffer>;
    if (libc.send(this.#fd, buffer, frame.length, MSG_DONTWAIT) < 0) {
      this.refusedBytes += frame.length;
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
