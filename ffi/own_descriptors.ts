// The descriptors of this process, without a list of them: Deno may read that only with all permissions.

import { descriptorTableSize } from "./descriptor_limit.ts";
import { libc } from "./libc.ts";
import { cString } from "./structs.ts";

const O_RDONLY_CLOEXEC = 0x80000;
/** The length of a buffer for `socket:[NUMBER]`. */
const LINK_BYTES = 64;
const SOCKET = /^socket:\[(\d+)\]$/;

/**
 * Finds the lowest descriptor that is free. The kernel gives out the lowest ones first, so that all below it are in
 * use.
 *
 * @returns The number; undefined if no descriptor is free
 *
 * See open(2).
 */
export function lowestFreeDescriptor(): number | undefined {
  const fd = libc.open(cString("/"), O_RDONLY_CLOEXEC);
  if (fd < 0) return undefined;
  libc.close(fd);
  return fd;
}

/**
 * Lists the numbers by which the kernel knows the sockets of this process, as in /proc/net/packet.
 *
 * @returns The numbers of the inodes; an empty list without /proc
 *
 * See proc_pid_fd(5).
 */
export function ownSocketInodes(): Set<number> {
  const inodes = new Set<number>();
  const buffer = new Uint8Array(LINK_BYTES);
  const decoder = new TextDecoder();
  const size = descriptorTableSize();
  for (let fd = 0; fd < size; fd++) {
    const length = libc.readlink(cString(`/proc/self/fd/${fd}`), buffer, buffer.length);
    if (length <= 0) continue;
    const [, inode] = SOCKET.exec(decoder.decode(buffer.subarray(0, length))) ?? [];
    if (inode !== undefined) inodes.add(Number(inode));
  }
  return inodes;
}
