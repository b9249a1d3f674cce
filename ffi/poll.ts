// Waiting for descriptors, poll(2).
import { ERRNO, errno } from "./errno.ts";
import { libc } from "./libc.ts";

/** There is something to read, or the other end closed. */
export const POLLIN = 0x1;
/** Writing would not wait. */
export const POLLOUT = 0x4;
/** There is an error to be read; reported unasked. */
export const POLLERR = 0x8;
/** The other end hung up; reported unasked. */
export const POLLHUP = 0x10;
/** The descriptor is not open; reported unasked. */
export const POLLNVAL = 0x20;

/**
 * A set of descriptors to wait for together. It is filled anew, or kept, for each wait.
 *
 * @example Which of two is ready
 * ```ts
 * import { EventFd, POLLIN, PollSet } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const [quiet, signalled] = [EventFd.open(), EventFd.open()];
 * signalled.signal();
 * const set = new PollSet(2);
 * const [first, second] = [set.add(quiet.fd, POLLIN), set.add(signalled.fd, POLLIN)];
 * assertEquals(set.wait(1000), 1);
 * assertEquals(set.ready(first), 0);
 * assertEquals(set.ready(second), POLLIN);
 * quiet.close();
 * signalled.close();
 * ```
 */
export class PollSet {
  /** `struct pollfd`: int fd, short events, short revents. */
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #halves: Int16Array;
  /** `struct timespec`: seconds and nanoseconds, of 64 bits each. */
  readonly #timeout = new Uint32Array(4);
  readonly #timeoutBytes = new Uint8Array(this.#timeout.buffer);
  #count = 0;

  /**
   * Makes an empty set.
   *
   * @param capacity How many descriptors it can hold
   */
  constructor(capacity: number) {
    this.#words = new Int32Array(capacity * 2);
    this.#halves = new Int16Array(this.#words.buffer);
  }

  /** Empties the set. */
  clear(): void {
    this.#count = 0;
  }

  /**
   * Adds a descriptor.
   *
   * @param fd The descriptor; a negative one is never ready
   * @param events What to wait for: POLLIN, POLLOUT, or 0 for errors alone
   * @returns Its index in the set
   * @throws {RangeError} If the set is full
   */
  add(fd: number, events: number): number {
    const index = this.#count;
    if (index * 2 === this.#words.length) {
      throw new RangeError(`Cannot poll another descriptor: the set has room for ${index}`);
    }
    this.#words[index * 2] = fd;
    this.#halves[index * 4 + 2] = events;
    this.#halves[index * 4 + 3] = 0;
    this.#count = index + 1;
    return index;
  }

  /**
   * Waits until a descriptor is ready, stopping the thread.
   *
   * @param timeoutMs How long at most, in milliseconds; 0 only looks
   * @returns How many are ready; 0 when the time is over or a signal came; less than 0: the
   * negative errno(3)
   *
   * See poll(2).
   */
  wait(timeoutMs: number): number {
    const ready = libc.poll(this.#words, this.#count, timeoutMs);
    if (ready >= 0) return ready;
    const error = errno();
    return error === ERRNO.EINTR ? 0 : -error;
  }

  /**
   * Waits as `wait` does, for less than a millisecond.
   *
   * @param microseconds How long at most; as exact as the thread's timer slack, prctl(2)
   *
   * See ppoll(2).
   */
  waitMicroseconds(microseconds: number): number {
    this.#timeout[2] = microseconds * 1000;
    const ready = libc.ppoll(this.#words, this.#count, this.#timeoutBytes, null);
    if (ready >= 0) return ready;
    const error = errno();
    return error === ERRNO.EINTR ? 0 : -error;
  }

  /**
   * Waits as `wait` does, while the thread goes on. The set must not change meanwhile.
   *
   * @param timeoutMs How long at most, in milliseconds
   * @returns How many are ready; 0 when the time is over or a signal came
   */
  async waitAsync(timeoutMs: number): Promise<number> {
    const ready = await libc.pollAsync(this.#words, this.#count, timeoutMs);
    return Math.max(0, ready);
  }

  /**
   * What a descriptor was found ready for: POLLIN, POLLOUT, POLLERR, POLLHUP and POLLNVAL, joined;
   * else 0.
   */
  ready(index: number): number {
    return this.#halves[index * 4 + 3];
  }
}
