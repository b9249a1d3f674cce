// setsockopt(2) and getsockopt(2), at set-up.
import { errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";

/** Sets a socket option, or throws a SystemError that names the action. */
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

/** Reads a socket option into `value`; gives how many bytes there were, or -1. */
export function getOption(
  fd: number,
  level: number,
  name: number,
  value: Uint32Array<ArrayBuffer>,
): number {
  length[0] = value.byteLength;
  return libc.getsockopt(fd, level, name, value, length) < 0 ? -1 : length[0];
}
