// Waking a thread that waits in epoll_wait(2) or poll(2) from another thread.

import { errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";

const EFD_CLOEXEC = 0x80000;
const EFD_NONBLOCK = 0x800;

const one = new BigUint64Array([1n]);
const count = new BigUint64Array(1);

/**
 * An event that one thread signals and another one waits for and drains.
 *
 * @example Signal and drain
 * ```ts
 * import { EventFd } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const event = EventFd.open();
 * assertEquals(event.drain(), false);
 * event.signal();
 * event.signal();
 * assertEquals(event.drain(), true);
 * assertEquals(event.drain(), false);
 * event.close();
 * ```
 */
export class EventFd {
  #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Opens an event that is not signalled.
   *
   * @returns The event, to be closed by the caller
   * @throws {SystemError} If the process has no free descriptor
   *
   * See eventfd(2).
   */
  static open(): EventFd {
    const fd = libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) throw systemError("Cannot open an eventfd", errno());
    return new EventFd(fd);
  }

  /**
   * The descriptor, readable while the event is signalled, or -1 once closed. Other threads of the
   * process can use its number.
   */
  get fd(): number {
    return this.#fd;
  }

  /** Signals the event. */
  signal(): void {
    signalEventFd(this.#fd);
  }

  /** Clears the event and returns true if it was signalled. */
  drain(): boolean {
    return drainEventFd(this.#fd);
  }

  /** Closes the descriptor. */
  close(): void {
    if (this.#fd >= 0) libc.close(this.#fd);
    this.#fd = -1;
  }
}

/** Signals another thread's event by its descriptor. */
export function signalEventFd(fd: number): void {
  libc.write(fd, one, 8);
}

/** Clears another thread's event by its descriptor and returns true if it was signalled. */
export function drainEventFd(fd: number): boolean {
  return libc.read(fd, count, 8) === 8;
}
