// Waiting: what the data plane asks to learn which of its links and tunnels are ready.

export { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../../ffi/mod.ts";

/**
 * Waits for several descriptors together. {@linkcode EventSet} does it with epoll(7).
 *
 * The events are those of poll(2). A descriptor that is ready and left alone is ready again.
 */
export interface Poller {
  /** Adds a descriptor; `wait` tells of it by its tag. */
  add(fd: number, events: number, tag: number): void;
  /** Changes the events that are waited for, and the tag. */
  modify(fd: number, events: number, tag: number): void;
  /** Takes a descriptor out. */
  remove(fd: number): void;
  /** Waits at most so many ms. Returns how many are ready, or a negative errno(3). */
  wait(timeoutMs: number): number;
  /** Waits in the same way for less than a millisecond. */
  waitMicroseconds(microseconds: number): number;
  /** The tag of a descriptor that the last wait has found ready. */
  tag(index: number): number;
  /** The events that it is ready for. */
  events(index: number): number;
  /** Closes the poller, not the descriptors. */
  close(): void;
}
