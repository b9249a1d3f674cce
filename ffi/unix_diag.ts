// The owners of listening local sockets, which the kernel tells without a connection.

import { askNetlink, attribute, NLM_F_REQUEST, NLMSGHDR, viewOf } from "./netlink.ts";
import { abstractPath, AF_UNIX, LITTLE_ENDIAN, NETLINK_SOCK_DIAG } from "./structs.ts";

/** The type of both the request and the answer. */
const SOCK_DIAG_BY_FAMILY = 20;
const UDIAG_SHOW_NAME = 0x1;
const UDIAG_SHOW_UID = 0x40;
const UNIX_DIAG_NAME = 0;
const UNIX_DIAG_UID = 7;
/** The state of a listening socket. */
const TCP_LISTEN = 10;
/** A value for any state, and for any cookie. */
const ANY = 0xffff_ffff;

/** `struct unix_diag_req` of linux/unix_diag.h, behind the header. */
const REQUEST = {
  family: NLMSGHDR.length,
  states: NLMSGHDR.length + 4,
  inode: NLMSGHDR.length + 8,
  show: NLMSGHDR.length + 12,
  cookies: [NLMSGHDR.length + 16, NLMSGHDR.length + 20],
  length: NLMSGHDR.length + 24,
} as const;
/** `struct unix_diag_msg`, behind the header. */
const ANSWER = { state: NLMSGHDR.length + 2, length: NLMSGHDR.length + 16 } as const;

/**
 * Finds the user that has made a listening socket. Needs no privilege.
 *
 * @param inode The socket's inode, as in /proc/net/unix
 * @param name Its name in the abstract namespace, without the zero byte at its start
 * @returns The user; undefined if there is no such socket, or the kernel does not tell
 *
 * See sock_diag(7).
 */
export function listenerUser(inode: number, name: string): number | undefined {
  try {
    const answer = askNetlink(getListener(inode), NETLINK_SOCK_DIAG);
    return answer && parseListenerUser(answer, name);
  } catch {
    return undefined;
  }
}

/** Builds the SOCK_DIAG_BY_FAMILY message that asks for the name and the user of a local socket. */
export function getListener(inode: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(REQUEST.length));
  view.setUint32(NLMSGHDR.len, REQUEST.length, LITTLE_ENDIAN);
  view.setUint16(NLMSGHDR.type, SOCK_DIAG_BY_FAMILY, LITTLE_ENDIAN);
  view.setUint16(NLMSGHDR.flags, NLM_F_REQUEST, LITTLE_ENDIAN);
  view.setUint8(REQUEST.family, AF_UNIX);
  view.setUint32(REQUEST.states, ANY, LITTLE_ENDIAN);
  view.setUint32(REQUEST.inode, inode, LITTLE_ENDIAN);
  view.setUint32(REQUEST.show, UDIAG_SHOW_NAME | UDIAG_SHOW_UID, LITTLE_ENDIAN);
  for (const cookie of REQUEST.cookies) view.setUint32(cookie, ANY, LITTLE_ENDIAN);
  return new Uint8Array(view.buffer);
}

/**
 * Reads the user from the kernel's answer.
 *
 * @param message The bytes received
 * @param name The name that the socket must have
 * @returns The user; undefined if the message is an error, or about a socket that does not listen, or that has
 * another name
 */
export function parseListenerUser(message: Uint8Array, name: string): number | undefined {
  if (message.length < ANSWER.length) return undefined;
  const view = viewOf(message);
  if (view.getUint16(NLMSGHDR.type, LITTLE_ENDIAN) !== SOCK_DIAG_BY_FAMILY) return undefined;
  if (view.getUint8(ANSWER.state) !== TCP_LISTEN) return undefined;
  const length = Math.min(view.getUint32(NLMSGHDR.len, LITTLE_ENDIAN), message.length);
  const attributes = message.subarray(ANSWER.length, length);
  const own = attribute(attributes, UNIX_DIAG_NAME);
  const uid = attribute(attributes, UNIX_DIAG_UID);
  // A socket can have such a name in the file system too, and any bytes.
  const isNamed = own !== undefined && new TextDecoder().decode(own) === abstractPath(name);
  return isNamed && uid?.length === 4 ? viewOf(uid).getUint32(0, LITTLE_ENDIAN) : undefined;
}
