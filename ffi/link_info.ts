// Properties of an interface that only rtnetlink reports: its kind, such as macvlan, and its carrier.

import { askNetlink, attribute, NLM_F_REQUEST, NLMSGHDR, viewOf } from "./netlink.ts";
import { IFF_DORMANT, IFF_RUNNING, IFF_UP, LITTLE_ENDIAN } from "./structs.ts";

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const IFLA_IFNAME = 3;
const IFLA_LINK = 5;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;
/** The operational state of an interface that waits for a supplicant (RFC 2863, section 3.1.13). */
const IF_OPER_DORMANT = 5;

/** `struct ifinfomsg` of rtnetlink(7), behind the header. */
const IFINFOMSG = { index: NLMSGHDR.length + 4, flags: NLMSGHDR.length + 8 } as const;
/** The length of both. */
const LINK_MESSAGE_LENGTH = NLMSGHDR.length + 16;

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

/** The state of a link, and the interface on which it depends. */
export interface InterfaceCondition {
  /** Name of the interface. */
  name: string;
  /** True if it is switched on (`ip link set IF up`), with or without a carrier. */
  isSwitchedOn: boolean;
  /** True if it can carry frames. */
  isRunning: boolean;
  /** True if it has a carrier, but waits for a supplicant, as with 802.1X. */
  isDormant: boolean;
  /** Name of its kind as in ip-link(8), such as `vlan`; undefined for a network card. */
  kind: string | undefined;
  /** The interface below a VLAN or a macvlan, or the other end of a veth pair. */
  other: {
    /** Its number in its network namespace. */
    index: number;
    /** True if that is this thread's network namespace. */
    isHere: boolean;
  } | undefined;
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
  const message = ask(index);
  return message && parseLinkKind(message);
}

/**
 * Reads the condition of an interface of this thread's network namespace. Needs no privilege.
 *
 * @param index The interface's number
 * @returns The condition, or undefined if it cannot be read
 *
 * See rtnetlink(7).
 */
export function readInterfaceCondition(index: number): InterfaceCondition | undefined {
  const message = ask(index);
  return message && parseInterfaceCondition(message);
}

function ask(index: number): Uint8Array | undefined {
  try {
    return askNetlink(getLink(index));
  } catch {
    return undefined;
  }
}

/** Builds the RTM_GETLINK message that asks for an interface. */
export function getLink(index: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(LINK_MESSAGE_LENGTH));
  view.setUint32(NLMSGHDR.len, LINK_MESSAGE_LENGTH, LITTLE_ENDIAN);
  view.setUint16(NLMSGHDR.type, RTM_GETLINK, LITTLE_ENDIAN);
  view.setUint16(NLMSGHDR.flags, NLM_F_REQUEST, LITTLE_ENDIAN);
  view.setInt32(IFINFOMSG.index, index, LITTLE_ENDIAN);
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
  const attributes = attributesOf(message);
  const info = attributes && attribute(attributes, IFLA_LINKINFO);
  const name = info && attribute(info, IFLA_INFO_KIND);
  if (name === undefined) return undefined;
  const kind = textOf(name);
  if (kind !== "macvlan" && kind !== "macvtap") return { kind };
  // The numbers of the attributes in the data differ from kind to kind.
  const data = attribute(info!, IFLA_INFO_DATA);
  const mode = data && attribute(data, IFLA_MACVLAN_MODE);
  if (mode?.length !== 4) return { kind };
  const macvlanMode = MACVLAN_MODES[viewOf(mode).getUint32(0, LITTLE_ENDIAN)];
  return macvlanMode === undefined ? { kind } : { kind, macvlanMode };
}

/**
 * Reads the condition from an RTM_NEWLINK message.
 *
 * @param message The bytes received
 * @returns The condition; undefined if the message is truncated, or has another type, such as an error
 */
export function parseInterfaceCondition(message: Uint8Array): InterfaceCondition | undefined {
  const attributes = attributesOf(message);
  const name = attributes && attribute(attributes, IFLA_IFNAME);
  if (name === undefined) return undefined;
  const view = viewOf(message);
  const flags = view.getUint32(IFINFOMSG.flags, LITTLE_ENDIAN);
  const link = attribute(attributes!, IFLA_LINK);
  const index = link?.length === 4 ? viewOf(link).getInt32(0, LITTLE_ENDIAN) : 0;
  const isItself = index === view.getInt32(IFINFOMSG.index, LITTLE_ENDIAN);
  // A supplicant makes the interface report this state instead of up, without the flag.
  const [operationalState] = attribute(attributes!, IFLA_OPERSTATE) ?? [];
  const isHere = attribute(attributes!, IFLA_LINK_NETNSID) === undefined;
  return {
    name: textOf(name),
    isSwitchedOn: (flags & IFF_UP) !== 0,
    isRunning: (flags & IFF_RUNNING) !== 0,
    isDormant: (flags & IFF_DORMANT) !== 0 || operationalState === IF_OPER_DORMANT,
    kind: parseLinkKind(message)?.kind,
    other: index <= 0 || (isItself && isHere) ? undefined : { index, isHere },
  };
}

/** Returns the attributes of an RTM_NEWLINK message; undefined if it is truncated, or another one. */
function attributesOf(message: Uint8Array): Uint8Array | undefined {
  if (message.length < LINK_MESSAGE_LENGTH) return undefined;
  const view = viewOf(message);
  const length = view.getUint32(NLMSGHDR.len, LITTLE_ENDIAN);
  const type = view.getUint16(NLMSGHDR.type, LITTLE_ENDIAN);
  if (type !== RTM_NEWLINK || length > message.length) return undefined;
  return message.subarray(LINK_MESSAGE_LENGTH, length);
}

/** Returns the text of an attribute, which ends with a zero byte. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.slice()).split("\0")[0];
}
