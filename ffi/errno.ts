// What a failed call left in errno, and the error that tells a user about it.
import { libc } from "./libc.ts";

/**
 * The errno values that the program tells apart, as errno(3) names them (asm-generic: x86-64 and
 * arm64).
 */
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
  ENOTSOCK: 88,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  ENETDOWN: 100,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
} as const;

// errno is a variable of the thread, and a thread loads this module for itself: a worker is one
// thread all its life. A view over it is read with no call in between, which could change it.
const location = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(libc.__errno_location()!, 4));

/** The calling thread's errno. Read it right after the call that failed. */
export function errno(): number {
  return location[0];
}

/**
 * A call to the operating system that failed, with its errno(3).
 *
 * @example A lane on an interface that went away
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
  /** The number, see errno(3). */
  readonly errno: number;
  /**
   * Its name, such as `ENODEV`; the number as text where it is not one that the program tells
   * apart.
   */
  readonly code: string;

  /**
   * Makes an error; {@linkcode systemError} makes its message too.
   *
   * @param message What a user reads
   * @param errno The number that the call left
   */
  constructor(message: string, errno: number) {
    super(message);
    this.name = "SystemError";
    this.errno = errno;
    this.code = Object.entries(ERRNO).find(([, value]) => value === errno)?.[0] ?? String(errno);
  }
}

/** The error for an action that failed: `Cannot bind eth7: No such device`. */
export function systemError(action: string, errno: number): SystemError {
  const text = Deno.UnsafePointerView.getCString(libc.strerror(errno)!);
  return new SystemError(`${action}: ${text}`, errno);
}
