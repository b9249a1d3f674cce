// Netlink sockets: watching for changes of the network, and the attributes of messages.

import { ERRNO, errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import {
  AF_NETLINK,
  LITTLE_ENDIAN,
  MSG_DONTWAIT,
  NETLINK_ROUTE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  sockaddrNl,
} from "./structs.ts";

/** `struct nlmsghdr` of netlink(7). */
export const NLMSGHDR = { len: 0, type: 4, flags: 6, length: 16 } as const;
/** The flag of a request. */
export const NLM_F_REQUEST = 1;
/** `struct nlattr` of linux/netlink.h. Attributes start at multiples of 4. */
export const NLATTR = { len: 0, type: 2, length: 4 } as const;

const NLA_TYPE_MASK = 0x3fff;

/** Returns the payload of the first attribute of a type. Stops at one that does not fit into `bytes`. */
export function attribute(bytes: Uint8Array, type: number): Uint8Array | undefined {
  const view = viewOf(bytes);
  for (let at = 0; at + NLATTR.length <= bytes.length;) {
    const length = view.getUint16(at + NLATTR.len, LITTLE_ENDIAN);
    if (length < NLATTR.length || at + length > bytes.length) return undefined;
    if ((view.getUint16(at + NLATTR.type, LITTLE_ENDIAN) & NLA_TYPE_MASK) === type) {
      return bytes.subarray(at + NLATTR.length, at + length);
    }
    at += (length + 3) & ~3;
  }
  return undefined;
}

/** Returns a view of the same bytes. */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

const CANNOT_ASK = "Cannot ask the kernel about the network";
const reply = new Uint8Array(16384);

/**
 * Asks the kernel about the network namespace of this thread. Needs no privilege.
 *
 * @param request The message
 * @param protocol The part of the kernel to ask, `NETLINK_…` of netlink(7)
 * @returns The answer, until the next call; undefined if there is none
 * @throws {SystemError} If the process has no free descriptor, or may not ask
 */
export function askNetlink(
  request: Uint8Array<ArrayBuffer>,
  protocol: number = NETLINK_ROUTE,
): Uint8Array | undefined {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) throw systemError(CANNOT_ASK, errno());
  try {
    if (libc.send(fd, request, request.length, MSG_DONTWAIT) < 0) {
      throw systemError(CANNOT_ASK, errno());
    }
    // The kernel answers during send, so an answer that is not there yet will never arrive.
    const length = libc.recv(fd, reply, reply.length, MSG_DONTWAIT);
    return length < 0 ? undefined : reply.subarray(0, length);
  } finally {
    libc.close(fd);
  }
}

const messages = new Uint8Array(16384);

/**
 * A socket that receives messages about changes in the network namespace of the thread that opens it, and
 * ignores what they say.
 */
export class NetlinkWatch {
  #fd: number;

  /**
   * Starts watching.
   *
   * @param groups The multicast groups, `RTMGRP_…` of linux/rtnetlink.h
   * @param what The things to watch, for the error message
   * @throws {SystemError} If the socket cannot be opened
   *
   * See rtnetlink(7).
   */
  constructor(groups: number, what: string) {
    this.#fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (this.#fd < 0) throw systemError(`Cannot watch the ${what}`, errno());
    const address = sockaddrNl(groups);
    if (libc.bind(this.#fd, address, address.length) < 0) {
      const error = systemError(`Cannot watch the ${what}`, errno());
      libc.close(this.#fd);
      throw error;
    }
  }

  /** The descriptor, readable after a change, or -1 once closed. */
  get fd(): number {
    return this.#fd;
  }

  /** Reads all messages and returns true if there were any, or so many that some were lost. */
  drain(): boolean {
    let changed = false;
    for (;;) {
      const length = libc.recv(this.#fd, messages, messages.length, MSG_DONTWAIT);
      if (length > 0) changed = true;
      else if (length < 0 && errno() === ERRNO.ENOBUFS) changed = true;
      else return changed;
    }
  }

  /** Stops watching. */
  close(): void {
    if (this.#fd >= 0) libc.close(this.#fd);
    this.#fd = -1;
  }
}
