// Waking a thread that waits in poll(2), from another one.
import { errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";

const EFD_CLOEXEC = 0x80000;
const EFD_NONBLOCK = 0x800;

const one = new BigUint64Array([1n]);
const count = new BigUint64Array(1);

/**
 * A counter in the kernel that can be waited for: signalled by one thread, drained by another.
 *
 * @example A signal
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
   * Makes one that is not signalled.
   *
   * @returns It, to be closed
   * @throws {SystemError} If the system gives no more descriptors
   *
   * See eventfd(2).
   */
  static open(): EventFd {
    const fd = libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) throw systemError("Cannot open an eventfd", errno());
    return new EventFd(fd);
  }

  /**
   * The descriptor, readable while it is signalled; another thread signals it by this. -1 once
   * closed.
   */
  get fd(): number {
    return this.#fd;
  }

  /** Signals it. */
  signal(): void {
    signalEventFd(this.#fd);
  }

  /** Takes the signals that came, and says whether there were any. */
  drain(): boolean {
    return drainEventFd(this.#fd);
  }

  /** Closes it. */
  close(): void {
    if (this.#fd >= 0) libc.close(this.#fd);
    this.#fd = -1;
  }
}

/** Signals the eventfd of another thread. */
export function signalEventFd(fd: number): void {
  libc.write(fd, one, 8);
}

/** Takes the signals that came to another thread's eventfd, and says whether there were any. */
export function drainEventFd(fd: number): boolean {
  return libc.read(fd, count, 8) === 8;
}
