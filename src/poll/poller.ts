// The interface by which the data plane waits for its link and its tunnels.

export { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../../ffi/mod.ts";

/**
 * Waits for several descriptors together. {@linkcode EventSet} does it with epoll(7).
 *
 * The events are those of poll(2), and they are level-triggered: a descriptor is reported again as long as
 * it is ready.
 */
export interface Poller {
  /** Adds a descriptor, under a tag that identifies it in the results. */
  add(fd: number, events: number, tag: number): void;
  /** Changes the events to wait for, and the tag. */
  modify(fd: number, events: number, tag: number): void;
  /** Removes a descriptor. */
  remove(fd: number): void;
  /** Waits up to `timeoutMs`; returns the number of ready descriptors, or a negative errno(3). */
  wait(timeoutMs: number): number;
  /** Waits for less than a millisecond; returns the same as `wait`. */
  waitMicroseconds(microseconds: number): number;
  /** Returns the tag of a descriptor that the last wait has found ready. */
  tag(index: number): number;
  /** Returns the events for which that descriptor is ready. */
  events(index: number): number;
  /** Closes the poller, not the descriptors. */
  close(): void;
}
