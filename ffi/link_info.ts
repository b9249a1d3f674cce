// The kind of an interface, such as macvlan, which only rtnetlink reports.

import { libc } from "./libc.ts";
import {
  AF_NETLINK,
  LITTLE_ENDIAN,
  MSG_DONTWAIT,
  NETLINK_ROUTE,
  SOCK_CLOEXEC,
  SOCK_RAW,
} from "./structs.ts";

const NLM_F_REQUEST = 1;
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const NLA_TYPE_MASK = 0x3fff;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;

/** `struct nlmsghdr` of netlink(7), followed by `struct ifinfomsg` of rtnetlink(7). */
const LINK_MESSAGE = { len: 0, type: 4, flags: 6, index: 20, length: 32 } as const;
/** `struct nlattr` of linux/netlink.h. Attributes start at multiples of 4. */
const NLATTR = { len: 0, type: 2, length: 4 } as const;

/** `enum macvlan_mode` of linux/if_link.h. */
const MACVLAN_MODES: Readonly<Record<number, MacvlanMode | undefined>> = {
  1: "private",
  2: "vepa",
  4: "bridge",
  8: "passthru",
  16: "source",
};

/**
 * The mode of a macvlan, which determines the frames that it gets from the interface below it.
 *
 * See ip-link(8).
 */
export type MacvlanMode = "private" | "vepa" | "bridge" | "passthru" | "source";

/** The kind of a virtual interface. */
export interface LinkKind {
  /** Name of the kind as in ip-link(8), such as `veth`, `vlan`, `macvlan` or `macvtap`. */
  kind: string;
  /** Mode of a macvlan or a macvtap. */
  macvlanMode?: MacvlanMode;
}

const reply = new Uint8Array(16384);

/**
 * Reads the kind of an interface of this thread's network namespace. Needs no privilege.
 *
 * @param index The interface's number
 * @returns The kind, or undefined if the interface has none, like a network card, or it cannot be read
 *
 * @example Check that an interface is not a macvlan
 * ```ts
 * import { readInterface, readLinkKind } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const { index } = readInterface("lo")!;
 * assertEquals(readLinkKind(index)?.macvlanMode, undefined);
 * ```
 *
 * See rtnetlink(7).
 */
export function readLinkKind(index: number): LinkKind | undefined {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return undefined;
  try {
    const request = getLink(index);
    if (libc.send(fd, request, request.length, MSG_DONTWAIT) < 0) return undefined;
    // The kernel answers during send, so an answer that is not there yet will never arrive.
    const length = libc.recv(fd, reply, reply.length, MSG_DONTWAIT);
    return length < 0 ? undefined : parseLinkKind(reply.subarray(0, length));
  } finally {
    libc.close(fd);
  }
}

/** Builds the RTM_GETLINK message that asks for an interface. */
export function getLink(index: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(LINK_MESSAGE.length));
  view.setUint32(LINK_MESSAGE.len, LINK_MESSAGE.length, LITTLE_ENDIAN);
  view.setUint16(LINK_MESSAGE.type, RTM_GETLINK, LITTLE_ENDIAN);
  view.setUint16(LINK_MESSAGE.flags, NLM_F_REQUEST, LITTLE_ENDIAN);
  view.setInt32(LINK_MESSAGE.index, index, LITTLE_ENDIAN);
  return new Uint8Array(view.buffer);
}

/**
 * Reads the kind from an RTM_NEWLINK message.
 *
 * @param message The bytes received
 * @returns The kind; undefined if the message has none, is truncated, or has another type, such as an
 * error
 */
export function parseLinkKind(message: Uint8Array): LinkKind | undefined {
  if (message.length < LINK_MESSAGE.length) return undefined;
  const view = viewOf(message);
  const length = view.getUint32(LINK_MESSAGE.len, LITTLE_ENDIAN);
  const type = view.getUint16(LINK_MESSAGE.type, LITTLE_ENDIAN);
  if (type !== RTM_NEWLINK || length > message.length) return undefined;
  const info = attribute(message.subarray(LINK_MESSAGE.length, length), IFLA_LINKINFO);
  const name = info && attribute(info, IFLA_INFO_KIND);
  if (name === undefined) return undefined;
  const [kind] = new TextDecoder().decode(name.slice()).split("\0");
  if (kind !== "macvlan" && kind !== "macvtap") return { kind };
  // The numbers of the attributes in the data differ from kind to kind.
  const data = attribute(info!, IFLA_INFO_DATA);
  const mode = data && attribute(data, IFLA_MACVLAN_MODE);
  if (mode?.length !== 4) return { kind };
  const macvlanMode = MACVLAN_MODES[viewOf(mode).getUint32(0, LITTLE_ENDIAN)];
  return macvlanMode === undefined ? { kind } : { kind, macvlanMode };
}

/** Returns the payload of the first attribute of a type. Stops at one that does not fit into `bytes`. */
function attribute(bytes: Uint8Array, type: number): Uint8Array | undefined {
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

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
