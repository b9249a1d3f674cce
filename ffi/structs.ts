// Constants and small structures of the kernel's interface, in the machine's byte order.

import { Pinned, writeAddress } from "./pinned.ts";

/** True if the machine's byte order is little-endian, as an argument for `DataView`. */
export const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** `struct epoll_event` of epoll_ctl(2), in 32-bit words. It is packed on x86-64 only. */
export const EPOLL_EVENT = Deno.build.arch === "x86_64"
  ? { events: 0, data: 1, length: 3 }
  : { events: 0, data: 2, length: 4 };

/** `struct iovec`, in 32-bit words (LP64). */
export const IOVEC = { base: 0, len: 2, length: 4 } as const;

/** `struct mmsghdr` of sendmmsg(2), in 32-bit words (LP64). */
export const MMSGHDR = { msgIov: 4, msgIovlen: 6, msgLen: 14, length: 16 } as const;

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;

export const NETLINK_ROUTE = 0;
export const NETLINK_SOCK_DIAG = 4;
export const RTMGRP_LINK = 0x1;

export const IFF_UP = 0x1;
export const IFF_RUNNING = 0x40;
export const IFF_DORMANT = 0x20000;

export const SOL_SOCKET = 1;
export const SO_ATTACH_FILTER = 26;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_EOR = 0x80;
export const MSG_NOSIGNAL = 0x4000;

/** Makes an `int`, the type of most values of setsockopt(2). */
export function int(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/** Makes a C string. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}

/** Makes the path of a local socket whose name is in the abstract namespace of unix(7). */
export function abstractPath(name: string): string {
  return `\0${name}`;
}

/** Makes a `struct sockaddr_un` of unix(7), for a name in the abstract namespace. */
export function sockaddrUn(name: string): Uint8Array<ArrayBuffer> {
  const path = new TextEncoder().encode(abstractPath(name));
  const bytes = new Uint8Array(2 + path.length);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, LITTLE_ENDIAN); // sun_family
  bytes.set(path, 2); // sun_path
  return bytes;
}

/** Makes a `struct sockaddr_ll` of packet(7). */
export function sockaddrLl(protocol: number, ifindex: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, AF_PACKET, LITTLE_ENDIAN); // sll_family
  view.setUint16(2, protocol); // sll_protocol, in network byte order
  view.setInt32(4, ifindex, LITTLE_ENDIAN); // sll_ifindex
  return new Uint8Array(view.buffer);
}

/** Makes a `struct sockaddr_nl` of netlink(7), with a port that the kernel chooses. */
export function sockaddrNl(groups: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint16(0, AF_NETLINK, LITTLE_ENDIAN); // nl_family
  view.setUint32(8, groups, LITTLE_ENDIAN); // nl_groups
  return new Uint8Array(view.buffer);
}

/** Makes a `struct packet_mreq` of packet(7), for types that need no address. */
export function packetMreq(ifindex: number, type: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(16));
  view.setInt32(0, ifindex, LITTLE_ENDIAN); // mr_ifindex
  view.setUint16(4, type, LITTLE_ENDIAN); // mr_type
  return new Uint8Array(view.buffer);
}

/** Makes a `struct tpacket_req` of linux/if_packet.h. */
export function tpacketReq(
  blockSize: number,
  blockNr: number,
  frameSize: number,
  frameNr: number,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Uint32Array.of(blockSize, blockNr, frameSize, frameNr).buffer);
}

/** Writes a `struct sock_filter` of linux/filter.h. */
export function writeSockFilter(
  into: Uint8Array<ArrayBuffer>,
  offset: number,
  code: number,
  jt: number,
  jf: number,
  k: number,
): void {
  const view = new DataView(into.buffer, into.byteOffset + offset, 8);
  view.setUint16(0, code, LITTLE_ENDIAN);
  view.setUint8(2, jt);
  view.setUint8(3, jf);
  view.setUint32(4, k, LITTLE_ENDIAN);
}

/** Makes a `struct sock_fprog` of linux/filter.h, followed by its program in the same memory. */
export function sockFprog(program: Uint8Array): Uint8Array<ArrayBuffer> {
  const pinned = new Pinned(new Uint8Array(16 + program.length));
  const { buffer } = pinned.bytes;
  new DataView(buffer).setUint16(0, program.length / 8, LITTLE_ENDIAN); // len, in instructions
  writeAddress(new Uint32Array(buffer, 8, 2), 0, pinned.address + 16); // filter
  pinned.bytes.set(program, 16);
  return pinned.bytes.subarray(0, 16);
}
