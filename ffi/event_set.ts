// Waiting for descriptors that stay the same from one wait to the next, epoll(7).
import { ERRNO, errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { POLLIN, PollSet } from "./poll.ts";

const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
/** `struct epoll_event`, epoll_ctl(2): offsets in 32-bit words; packed on x86-64 only. */
const EPOLL_EVENT = Deno.build.arch === "x86_64"
  ? { events: 0, data: 1, length: 3 }
  : { events: 0, data: 2, length: 4 };

/**
 * Descriptors that are waited for together. Unlike a `PollSet` it keeps them, and a wait costs as much
 * as there are ready ones, not as there are any. What is ready and left alone is ready again, behind the
 * others.
 *
 * The events are those of poll(2): `POLLIN`, `POLLOUT`, and unasked `POLLERR` and `POLLHUP`.
 *
 * @example Which of two is ready
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
   * @param capacity How many ready descriptors one wait may tell of; the others come next time
   * @throws {SystemError} If the system gives no more descriptors
   */
  constructor(capacity: number) {
    this.#capacity = capacity;
    const ready = new Uint32Array(capacity * EPOLL_EVENT.length);
    this.#ready = ready;
    this.#readyBytes = new Uint8Array(ready.buffer);
    this.#fd = libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.#fd < 0) throw systemError("Cannot make a set of descriptors", errno());
    this.#self.add(this.#fd, POLLIN);
  }

  /**
   * Adds a descriptor, which goes by itself when it is closed.
   *
   * @param fd The descriptor
   * @param events What to wait for
   * @param tag What a wait tells of it, an unsigned number of 32 bits
   * @throws {SystemError} If it is in the set already, or cannot be waited for
   */
  add(fd: number, events: number, tag: number): void {
    this.#control(EPOLL_CTL_ADD, fd, events, tag);
  }

  /**
   * Sets what is waited for, and the tag, of a descriptor that is in the set.
   *
   * @throws {SystemError} If it is not
   */
  modify(fd: number, events: number, tag: number): void {
    this.#control(EPOLL_CTL_MOD, fd, events, tag);
  }

  /**
   * Takes a descriptor out.
   *
   * @throws {SystemError} If it is not in the set
   */
  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, 0, 0);
  }

  /**
   * Waits until a descriptor is ready, stopping the thread.
   *
   * @param timeoutMs How long at most, in milliseconds; 0 only looks
   * @returns How many `tag` and `events` tell of; 0 when the time is over or a signal came; less than
   * 0: the negative errno(3)
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
   * Waits as `wait` does, for less than a millisecond.
   *
   * @param microseconds How long at most; as exact as the thread's timer slack, prctl(2)
   */
  waitMicroseconds(microseconds: number): number {
    // epoll_pwait2(2) would do it with one call, from Linux 5.11 on.
    const ready = this.#self.waitMicroseconds(microseconds);
    return ready > 0 ? this.wait(0) : ready;
  }

  /** The tag of a ready descriptor, of those that the last wait has found. */
  tag(index: number): number {
    return this.#ready[index * EPOLL_EVENT.length + EPOLL_EVENT.data];
  }

  /** What it is ready for. */
  events(index: number): number {
    return this.#ready[index * EPOLL_EVENT.length + EPOLL_EVENT.events];
  }

  /** Closes the set, not the descriptors. */
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
