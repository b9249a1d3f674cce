// Waiting for a lasting set of descriptors, with epoll(7).

import { ERRNO, errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { POLLIN, PollSet } from "./poll.ts";
import { EPOLL_EVENT } from "./structs.ts";

const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
/**
 * A set of descriptors to wait for. The cost of a wait depends on the number of ready descriptors, not
 * on the size of the set as with a `PollSet`. A descriptor that stays ready is reported again by the
 * next wait, after the others.
 *
 * The events are those of poll(2): `POLLIN` and `POLLOUT`, and always `POLLERR` and `POLLHUP`.
 *
 * @example Find out which of two is ready
 * ```ts
 * import { EventFd, EventSet, POLLIN } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const [quiet, signalled] = [EventFd.open(), EventFd.open()];
 * signalled.signal();
 * const set = new EventSet(8);
 * set.add(quiet.fd, POLLIN, 1);
 * set.add(signalled.fd, POLLIN, 2);
 * assertEquals(set.wait(1000), 1);
 * assertEquals([set.tag(0), set.events(0)], [2, POLLIN]);
 * for (const closable of [set, quiet, signalled]) closable.close();
 * ```
 */
export class EventSet {
  #fd: number;
  readonly #capacity: number;
  readonly #ready: Uint32Array;
  readonly #readyBytes: Uint8Array<ArrayBuffer>;
  readonly #change = new Uint32Array(EPOLL_EVENT.length);
  readonly #changeBytes = new Uint8Array(this.#change.buffer);
  readonly #self = new PollSet(1);

  /**
   * Makes an empty set.
   *
   * @param capacity The maximum number of ready descriptors that one wait reports; the next
   * wait reports the others
   * @throws {SystemError} If the process has no free descriptor
   */
  constructor(capacity: number) {
    this.#capacity = capacity;
    const ready = new Uint32Array(capacity * EPOLL_EVENT.length);
    this.#ready = ready;
    this.#readyBytes = new Uint8Array(ready.buffer);
    this.#fd = libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.#fd < 0) throw systemError("Cannot open an epoll instance", errno());
    this.#self.add(this.#fd, POLLIN);
  }

  /**
   * Adds a descriptor. Closing the descriptor removes it from the set.
   *
   * @param fd The descriptor
   * @param events The events to wait for
   * @param tag The unsigned 32-bit number by which a wait reports the descriptor
   * @throws {SystemError} If the descriptor is already in the set or cannot be waited for
   */
  add(fd: number, events: number, tag: number): void {
    this.#control(EPOLL_CTL_ADD, fd, events, tag);
  }

  /**
   * Changes the events and the tag of a descriptor in the set.
   *
   * @param fd The descriptor
   * @param events The events to wait for
   * @param tag The unsigned 32-bit number by which a wait reports the descriptor
   * @throws {SystemError} If the descriptor is not in the set
   */
  modify(fd: number, events: number, tag: number): void {
    this.#control(EPOLL_CTL_MOD, fd, events, tag);
  }

  /**
   * Removes a descriptor.
   *
   * @param fd The descriptor
   * @throws {SystemError} If the descriptor is not in the set
   */
  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, 0, 0);
  }

  /**
   * Blocks the thread until a descriptor is ready.
   *
   * @param timeoutMs The maximum time to wait in milliseconds; with 0 it does not wait
   * @returns The number of ready descriptors, described by `tag` and `events`; 0 after a timeout or a
   * signal; a negative errno(3) on failure
   *
   * See epoll_wait(2).
   */
  wait(timeoutMs: number): number {
    const ready = libc.epoll_wait(this.#fd, this.#readyBytes, this.#capacity, timeoutMs);
    if (ready >= 0) return ready;
    const error = errno();
    return error === ERRNO.EINTR ? 0 : -error;
  }

  /**
   * Waits like `wait`, but for less than a millisecond.
   *
   * @param microseconds The maximum time to wait; the timer slack of prctl(2) limits the precision
   * @returns The same as `wait`
   */
  waitMicroseconds(microseconds: number): number {
    // From Linux 5.11 on, epoll_pwait2(2) could do this with one call.
    const ready = this.#self.waitMicroseconds(microseconds);
    return ready > 0 ? this.wait(0) : ready;
  }

  /** Returns the tag of a ready descriptor, by its index among those that the last wait found. */
  tag(index: number): number {
    return this.#ready[index * EPOLL_EVENT.length + EPOLL_EVENT.data];
  }

  /** Returns the events of a ready descriptor, by its index among those that the last wait found. */
  events(index: number): number {
    return this.#ready[index * EPOLL_EVENT.length + EPOLL_EVENT.events];
  }

  /** Closes the set, but not the descriptors in it. */
  close(): void {
    if (this.#fd >= 0) libc.close(this.#fd);
    this.#fd = -1;
  }

  #control(operation: number, fd: number, events: number, tag: number): void {
    this.#change[EPOLL_EVENT.events] = events;
    this.#change[EPOLL_EVENT.data] = tag;
    if (libc.epoll_ctl(this.#fd, operation, fd, this.#changeBytes) < 0) {
      throw systemError("Cannot wait for a descriptor", errno());
    }
  }
}
