// The errno of a failed call, and the error made from it.

import { libc } from "./libc.ts";

/** The errno values that the program distinguishes, named as in errno(3). Valid on x86-64 and arm64. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  ENODEV: 19,
  EINVAL: 22,
  EMFILE: 24,
  EPIPE: 32,
  ELOOP: 40,
  ENOTSOCK: 88,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ENETDOWN: 100,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
} as const;

// Each thread has its own errno and its own copy of this module, because a worker stays on one thread.
// The value is read through a view, without a call that could change it.
const location = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(libc.__errno_location()!, 4));

/** Returns the calling thread's errno. Must be called right after the call that failed. */
export function errno(): number {
  return location[0];
}

/**
 * Error thrown when a call to the operating system fails, with its errno(3).
 *
 * @example A lane on an interface that has gone
 * ```ts
 * import { ControlLane, laneFilter, SystemError } from "pppoe-proxy";
 * import { assert, assertEquals, assertThrows } from "@std/assert";
 *
 * const gone = {
 *   name: "eth7",
 *   index: 2 ** 31 - 1,
 *   mac: new Uint8Array(6),
 *   mtu: 1500,
 *   up: true,
 *   isEthernet: true,
 * };
 * const error = assertThrows(() => {
 *   ControlLane.open({ interface: gone, filter: laneFilter("control"), promiscuous: false });
 * });
 * assert(error instanceof SystemError);
 * assert(error.code === "ENODEV" || error.code === "EPERM");
 * if (Deno.uid() === 0) assertEquals(error.message, "Cannot bind eth7: No such device");
 * ```
 */
export class SystemError extends Error {
  /** The errno(3). */
  readonly errno: number;
  /** The name of the errno, such as `ENODEV`, or the number as text if it is not in `ERRNO`. */
  readonly code: string;

  /**
   * Makes an error with a given message. `systemError` makes the message too.
   *
   * @param message The message for the user
   * @param errno The errno that the call set
   */
  constructor(message: string, errno: number) {
    super(message);
    this.name = "SystemError";
    this.errno = errno;
    this.code = Object.entries(ERRNO).find(([, value]) => value === errno)?.[0] ?? String(errno);
  }
}

/**
 * Makes the error of a failed action, such as `Cannot bind eth7: No such device`.
 *
 * @param action The action, such as `Cannot bind eth7`
 * @param errno The errno that the call set
 * @returns The error
 */
export function systemError(action: string, errno: number): SystemError {
  const text = Deno.UnsafePointerView.getCString(libc.strerror(errno)!);
  return new SystemError(`${action}: ${text}`, errno);
}
