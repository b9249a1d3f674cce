// The kind of an interface, such as macvlan, which only rtnetlink reports.

import { askNetlink, attribute, NLM_F_REQUEST, viewOf } from "./netlink.ts";
import { LITTLE_ENDIAN } from "./structs.ts";

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const IFF_RUNNING = 0x40;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;

/** `struct nlmsghdr` of netlink(7), followed by `struct ifinfomsg` of rtnetlink(7). */
const LINK_MESSAGE = { len: 0, type: 4, flags: 6, index: 20, state: 24, length: 32 } as const;

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
  const message = askNetlink(getLink(index));
  return message && parseLinkKind(message);
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

/** Reads from an RTM_NEWLINK message whether the interface is set up and has a carrier. */
export function parseIsRunning(message: Uint8Array): boolean {
  if (message.length < LINK_MESSAGE.length) return false;
  const view = viewOf(message);
  if (view.getUint16(LINK_MESSAGE.type, LITTLE_ENDIAN) !== RTM_NEWLINK) return false;
  return (view.getUint32(LINK_MESSAGE.state, LITTLE_ENDIAN) & IFF_RUNNING) !== 0;
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
