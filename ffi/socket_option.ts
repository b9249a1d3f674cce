// Setting and reading socket options.

import { errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";

/**
 * Sets a socket option.
 *
 * @param fd The socket's descriptor
 * @param level The level of the option, such as SOL_SOCKET
 * @param name The option
 * @param value The value
 * @param action The action that fails, for the error message
 * @throws {SystemError} If the option cannot be set
 *
 * See setsockopt(2).
 */
export function setOption(
  fd: number,
  level: number,
  name: number,
  value: Uint8Array<ArrayBuffer>,
  action: string,
): void {
  if (libc.setsockopt(fd, level, name, value, value.length) < 0) {
    throw systemError(action, errno());
  }
}

const length = new Uint32Array(1);

/**
 * Reads a socket option.
 *
 * @param fd The socket's descriptor
 * @param level The level of the option, such as SOL_SOCKET
 * @param name The option
 * @param value The words to fill with the value
 * @returns The number of bytes read, or a negative errno(3)
 *
 * See getsockopt(2).
 */
export function getOption(
  fd: number,
  level: number,
  name: number,
  value: Uint32Array<ArrayBuffer>,
): number {
  length[0] = value.byteLength;
  return libc.getsockopt(fd, level, name, value, length) < 0 ? -errno() : length[0];
}
