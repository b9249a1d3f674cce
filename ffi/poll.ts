// Waiting for a few descriptors, with poll(2).

import { ERRNO, errno } from "./errno.ts";
import { libc } from "./libc.ts";

/** There is something to read, or the other end closed. */
export const POLLIN = 0x1;
/** Writing would not block. */
export const POLLOUT = 0x4;
/** There is an error to be read. Always reported. */
export const POLLERR = 0x8;
/** The other end hung up. Always reported. */
export const POLLHUP = 0x10;
/** The descriptor is not open. Always reported. */
export const POLLNVAL = 0x20;

/**
 * A set of descriptors to wait for. It can be kept or refilled for each wait.
 *
 * @example Find out which of two is ready
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
  /** An array of `struct pollfd`: int fd, short events, short revents. */
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #halves: Int16Array;
  /** `struct timespec`: seconds and nanoseconds, 64 bits each. */
  readonly #timeout = new Uint32Array(4);
  readonly #timeoutBytes = new Uint8Array(this.#timeout.buffer);
  #count = 0;

  /**
   * Makes an empty set.
   *
   * @param capacity The maximum number of descriptors
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
   * @param events The events to wait for: POLLIN, POLLOUT, or 0 for errors only
   * @returns The index of the descriptor in the set
   * @throws {RangeError} If the set is full
   */
  add(fd: number, events: number): number {
    const index = this.#count;
    if (index * 2 === this.#words.length) {
      throw new RangeError(`Cannot add a descriptor: the set has room for only ${index}`);
    }
    this.#words[index * 2] = fd;
    this.#halves[index * 4 + 2] = events;
    this.#halves[index * 4 + 3] = 0;
    this.#count = index + 1;
    return index;
  }

  /**
   * Blocks the thread until a descriptor is ready.
   *
   * @param timeoutMs The maximum time to wait in milliseconds; with 0 it does not wait
   * @returns The number of ready descriptors; 0 after a timeout or a signal; a negative errno(3) on
   * failure
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
   * Waits like `wait`, but for less than a millisecond.
   *
   * @param microseconds The maximum time to wait; the timer slack of prctl(2) limits the precision
   * @returns The same as `wait`
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
   * Waits like `wait`, but without blocking the thread. The set must not change during the wait.
   *
   * @param timeoutMs The maximum time to wait in milliseconds
   * @returns The number of ready descriptors; 0 after a timeout, a signal or a failure
   */
  async waitAsync(timeoutMs: number): Promise<number> {
    const ready = await libc.pollAsync(this.#words, this.#count, timeoutMs);
    return Math.max(0, ready);
  }

  /**
   * Returns the events that the last wait found for a descriptor.
   *
   * @param index The index of the descriptor in the set
   * @returns The bits POLLIN, POLLOUT, POLLERR, POLLHUP and POLLNVAL, or 0
   */
  ready(index: number): number {
    return this.#halves[index * 4 + 3];
  }
}
