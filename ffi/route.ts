// The routes of this machine: the one to an address, and noticing changes.

import { libc } from "./libc.ts";
import {
  askNetlink,
  attribute,
  NetlinkWatch,
  NLATTR,
  NLM_F_REQUEST,
  NLMSGHDR,
  viewOf,
} from "./netlink.ts";
import { AF_INET, AF_INET6, cString, LITTLE_ENDIAN, RTMGRP_LINK } from "./structs.ts";

const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
const RTA_VIA = 18;

const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV4_ROUTE = 0x40;
const RTMGRP_IPV4_RULE = 0x80;
const RTMGRP_IPV6_IFADDR = 0x100;
const RTMGRP_IPV6_ROUTE = 0x400;
/** `1 << (RTNLGRP_IPV6_RULE - 1)`, which has no name of its own. */
const RTMGRP_IPV6_RULE = 0x40000;

/** `struct rtmsg` of rtnetlink(7). */
const RTMSG = { family: 0, destinationLength: 1, type: 7, length: 12 } as const;

/** The way that packets to an address take at the moment. */
export interface Route {
  /** True if the address is one of this machine's own. */
  isLocal: boolean;
  /** The number of the interface that packets leave by. */
  interfaceIndex: number;
  /** The address of the next router, as hexadecimal digits; empty if there is none. */
  gateway: string;
  /** The address that this machine would use as its own, as hexadecimal digits. */
  source: string;
}

/**
 * Finds the route to an address in this thread's network namespace. Needs no privilege.
 *
 * @param address An IPv4 or IPv6 address; a zone such as `%eth0` is ignored
 * @returns The route, or undefined if there is none
 * @throws {SystemError} If the process has no free descriptor, or may not ask
 *
 * See rtnetlink(7).
 */
export function routeTo(address: string): Route | undefined {
  const request = getRoute(address);
  const message = request && askNetlink(request);
  return message && parseRoute(message);
}

/** Builds the RTM_GETROUTE message for an address; undefined if the text is no address. */
export function getRoute(address: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(16);
  const text = cString(address.split("%")[0]);
  const family = libc.inet_pton(AF_INET, text, bytes) === 1
    ? AF_INET
    : libc.inet_pton(AF_INET6, text, bytes) === 1
    ? AF_INET6
    : undefined;
  if (family === undefined) return undefined;
  const size = family === AF_INET ? 4 : 16;
  const payload = NLMSGHDR.length + RTMSG.length;
  const message = new Uint8Array(payload + NLATTR.length + size);
  const view = new DataView(message.buffer);
  view.setUint32(NLMSGHDR.len, message.length, LITTLE_ENDIAN);
  view.setUint16(NLMSGHDR.type, RTM_GETROUTE, LITTLE_ENDIAN);
  view.setUint16(NLMSGHDR.flags, NLM_F_REQUEST, LITTLE_ENDIAN);
  view.setUint8(NLMSGHDR.length + RTMSG.family, family);
  view.setUint8(NLMSGHDR.length + RTMSG.destinationLength, size * 8);
  view.setUint16(payload + NLATTR.len, NLATTR.length + size, LITTLE_ENDIAN);
  view.setUint16(payload + NLATTR.type, RTA_DST, LITTLE_ENDIAN);
  message.set(bytes.subarray(0, size), payload + NLATTR.length);
  return message;
}

/**
 * Reads the route from an RTM_NEWROUTE message.
 *
 * @param message The bytes received
 * @returns The route; undefined if the message has none, is truncated, or has another type, such as an
 * error
 */
export function parseRoute(message: Uint8Array): Route | undefined {
  const payload = NLMSGHDR.length + RTMSG.length;
  if (message.length < payload) return undefined;
  const view = viewOf(message);
  const length = view.getUint32(NLMSGHDR.len, LITTLE_ENDIAN);
  const isRoute = view.getUint16(NLMSGHDR.type, LITTLE_ENDIAN) === RTM_NEWROUTE;
  if (!isRoute || length < payload || length > message.length) return undefined;
  const type = view.getUint8(NLMSGHDR.length + RTMSG.type);
  // A route can also say that there is no way, or that packets are thrown away.
  if (type !== RTN_UNICAST && type !== RTN_LOCAL) return undefined;
  const attributes = message.subarray(payload, length);
  const output = attribute(attributes, RTA_OIF);
  if (output?.length !== 4) return undefined;
  const gateway = attribute(attributes, RTA_GATEWAY) ?? attribute(attributes, RTA_VIA);
  return {
    isLocal: type === RTN_LOCAL,
    interfaceIndex: viewOf(output).getUint32(0, LITTLE_ENDIAN),
    gateway: gateway?.toHex() ?? "",
    source: attribute(attributes, RTA_PREFSRC)?.toHex() ?? "",
  };
}

/**
 * A watch that notices when an interface, an address, a route or a routing rule changes in the network
 * namespace of the thread that opens it. It does not report the change itself; the caller looks at what
 * matters to it again, for example with {@linkcode routeTo}.
 */
export class NetworkWatch extends NetlinkWatch {
  /**
   * Starts watching.
   *
   * @throws {SystemError} If the netlink socket cannot be opened
   *
   * See rtnetlink(7).
   */
  constructor() {
    const ipv4 = RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_RULE;
    const ipv6 = RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE | RTMGRP_IPV6_RULE;
    super(RTMGRP_LINK | ipv4 | ipv6, "network");
  }
}
