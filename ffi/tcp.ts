// TCP connections by their descriptors: finding the descriptor, options, and non-blocking reads and
// writes.

import { readUint16 } from "../src/wire/uint16.ts";
import { descriptorTableSize } from "./descriptor_limit.ts";
import { ERRNO, errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { getOption, setOption } from "./socket_option.ts";
import {
  AF_INET,
  AF_INET6,
  cString,
  int,
  LITTLE_ENDIAN,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOL_SOCKET,
} from "./structs.ts";
import { readSystemFile } from "./system_file.ts";

const SO_REUSEADDR = 2;
const SO_RCVBUF = 8;
const SO_LINGER = 13;
const SO_ACCEPTCONN = 30;
const SO_RCVBUFFORCE = 33;
const SO_BUF_LOCK = 72;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_DONT = 0;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_INFO = 11;
const TCP_CONGESTION = 13;
const TCP_USER_TIMEOUT = 18;
const TCP_REPAIR = 19;
const TCP_NOTSENT_LOWAT = 25;
const TCP_ULP = 31;
const SHUT_RD = 0;
const SHUT_WR = 1;
const SIOCOUTQ = 0x5411;

/** `struct sockaddr_in` of ip(7) and `struct sockaddr_in6` of ipv6(7). */
const SOCKADDR = { family: 0, port: 2, address4: [4, 8], address6: [8, 24] } as const;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * `struct tcp_info` of linux/tcp.h, in 32-bit words; `retransmits` is a byte. `length` covers the fields that
 * every supported kernel has.
 */
const TCPI = {
  retransmits: 2,
  sndMss: 4,
  unacked: 6,
  sacked: 7,
  pmtu: 15,
  totalRetrans: 25,
  bytesAcked: 30,
  bytesReceived: 32,
  segsIn: 35,
  notsentBytes: 36,
  dataSegsIn: 38,
  dataSegsOut: 39,
  sndWnd: 57,
  length: 58,
} as const;

/** The descriptor at which the last search ended; new ones are often there or behind it. */
let lastFound = 0;
/** A number that is greater than most descriptors, as known from earlier searches. */
let tableSize = 0;

/**
 * Finds the descriptor of one of Deno's connections.
 *
 * Treats an IPv4 address and its IPv6 form (::ffff:192.0.2.1) as equal, because the socket has the
 * latter if the listener is an IPv6 one.
 *
 * @param local The address of this end
 * @param remote The address of the other end
 * @returns The descriptor, which Deno closes
 * @throws {Error} If no socket of this process has these addresses
 */
export function findSocket(local: Deno.NetAddr, remote: Deno.NetAddr): number {
  const here = addressOf(local);
  const there = addressOf(remote);
  for (let tried = 0;; tried++) {
    if (tried === tableSize) {
      // The table may have grown; it never shrinks.
      const size = descriptorTableSize();
      if (size <= tableSize) break;
      tableSize = size;
      tried = 0;
    }
    const fd = (lastFound + tried) % tableSize;
    if (!hasAddress(libc.getpeername, fd, there)) continue;
    if (hasAddress(libc.getsockname, fd, here)) return lastFound = fd;
  }
  const ends = [local, remote].map(({ hostname, port }) => `${hostname}:${port}`);
  throw new Error(`Cannot find the connection ${ends.join(" > ")}: no socket has these addresses`);
}

/** The number of descriptors that are searched for listeners, which are opened at the start. */
const EARLY_DESCRIPTORS = 1024;

/**
 * Finds the sockets of this process that accept connections.
 *
 * @returns Their descriptors
 *
 * See SO_ACCEPTCONN in socket(7).
 */
export function listeningSockets(): number[] {
  const fds: number[] = [];
  for (let fd = 0; fd < EARLY_DESCRIPTORS; fd++) {
    if (getOption(fd, SOL_SOCKET, SO_ACCEPTCONN, option) > 0 && option[0] !== 0) fds.push(fd);
  }
  return fds;
}

/**
 * Changes the number of connections that can wait to be accepted.
 *
 * @param fd The descriptor of a socket that accepts connections
 * @param backlog The number, which the kernel limits to net.core.somaxconn
 *
 * See listen(2).
 */
export function setBacklog(fd: number, backlog: number): void {
  libc.listen(fd, backlog);
}

/** An address in one form for IPv4 and IPv6. */
interface Address {
  bytes: Uint8Array;
  port: number;
}

function addressOf({ hostname, port }: Deno.NetAddr): Address {
  const bytes = new Uint8Array(16);
  const text = cString(hostname);
  if (libc.inet_pton(AF_INET, text, bytes) === 1) {
    bytes.copyWithin(12, 0, 4);
    bytes.set(MAPPED_PREFIX);
  } else libc.inet_pton(AF_INET6, text, bytes);
  return { bytes, port };
}

const sockaddr = new Uint8Array(128); // sizeof(struct sockaddr_storage)
const families = new Uint16Array(sockaddr.buffer);
const length = new Uint32Array(1);

/** Compares an address of a descriptor, without an allocation, because there may be thousands of them. */
function hasAddress(
  call: typeof libc.getsockname,
  fd: number,
  { bytes, port }: Address,
): boolean {
  length[0] = sockaddr.length;
  if (call(fd, sockaddr, length) < 0) return false;
  const family = families[SOCKADDR.family];
  if (family !== AF_INET && family !== AF_INET6) return false;
  if (readUint16(sockaddr, SOCKADDR.port) !== port) return false;
  const start = family === AF_INET6 ? SOCKADDR.address6[0] : SOCKADDR.address4[0];
  let at = 0;
  if (family === AF_INET) {
    for (; at < 12; at++) if (bytes[at] !== MAPPED_PREFIX[at]) return false;
  }
  for (let from = start; at < 16; at++, from++) if (bytes[at] !== sockaddr[from]) return false;
  return true;
}

/**
 * Tells whether a connection sends packets of IPv4, which an IPv6 socket can do too.
 *
 * @param fd The connection's descriptor
 * @returns True for IPv4; false for IPv6, or without a connection
 */
export function sendsIPv4(fd: number): boolean {
  length[0] = sockaddr.length;
  if (libc.getpeername(fd, sockaddr, length) < 0) return false;
  const family = families[SOCKADDR.family];
  if (family !== AF_INET6) return family === AF_INET;
  return MAPPED_PREFIX.every((byte, index) => sockaddr[SOCKADDR.address6[0] + index] === byte);
}

/** The options that `setTunnelOptions` sets. */
export interface TunnelOptions {
  /**
   * TCP_USER_TIMEOUT: the time in milliseconds after which the connection ends if sent data stays
   * unacknowledged.
   */
  userTimeoutMs: number;
  /** TCP_NOTSENT_LOWAT: the number of unsent bytes from which poll(2) no longer reports POLLOUT. */
  notsentLowat: number;
  /** TCP_CONGESTION: the congestion control, such as `bbr`. Without it the system's default stays. */
  congestion?: string;
}

/**
 * Sets up a connection to carry frames without holding them back and with a short queue.
 *
 * @param fd The connection's descriptor
 * @param options The options to set
 * @throws {SystemError} If it is not a TCP connection or the system lacks the congestion control
 *
 * See tcp(7).
 */
export function setTunnelOptions(fd: number, options: TunnelOptions): void {
  const { userTimeoutMs, notsentLowat, congestion } = options;
  setOption(fd, IPPROTO_TCP, TCP_NODELAY, int(1), "Cannot set TCP_NODELAY");
  setOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, int(userTimeoutMs), "Cannot set TCP_USER_TIMEOUT");
  setOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, int(notsentLowat), "Cannot set TCP_NOTSENT_LOWAT");
  if (congestion !== undefined) {
    const action = `Cannot set TCP_CONGESTION to ${congestion}`;
    setOption(fd, IPPROTO_TCP, TCP_CONGESTION, new TextEncoder().encode(congestion), action);
  }
}

/**
 * Tries to use a TCP congestion control, which may make the kernel load a module.
 *
 * @param name The name, such as `cubic` or `bbr`
 * @returns 0 if this process can use it, otherwise the errno(3): ENOENT if there is none with that
 * name, EPERM if this process may not use it
 * @throws {SystemError} If the process has no free descriptor
 *
 * See TCP_CONGESTION in tcp(7).
 */
export function congestionControlFault(name: string): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError("Cannot open a TCP socket", errno());
  const value = new TextEncoder().encode(name);
  const refused = libc.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, value, value.length) < 0;
  const fault = refused ? errno() : 0;
  libc.close(fd);
  return fault;
}

/** Room for a name of TCP_CA_NAME_MAX bytes (net/tcp.h), including the final zero. */
const congestionName = new Uint32Array(4);

/**
 * Reads the congestion control of a connection.
 *
 * @param fd The connection's descriptor
 * @returns The name, such as `cubic`, or undefined if it is not a TCP connection
 *
 * See TCP_CONGESTION in tcp(7).
 */
export function congestionControl(fd: number): string | undefined {
  const bytes = getOption(fd, IPPROTO_TCP, TCP_CONGESTION, congestionName);
  if (bytes < 0) return undefined;
  const text = new TextDecoder().decode(new Uint8Array(congestionName.buffer, 0, bytes));
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/**
 * Reads the default congestion control of this thread's network namespace.
 *
 * @returns The name, such as `cubic`
 * @throws {SystemError} If the process has no free descriptor
 *
 * See net.ipv4.tcp_congestion_control in tcp(7).
 */
export function systemCongestionControl(): string {
  const fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError("Cannot open a TCP socket", errno());
  const name = congestionControl(fd) ?? "";
  libc.close(fd);
  return name;
}

const RENO = new TextEncoder().encode("reno");
const BBR = new TextEncoder().encode("bbr");

/** Sets the congestion control of a connection and returns true on success. */
function setCongestion(fd: number, name: Uint8Array<ArrayBuffer>): boolean {
  return libc.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, name.length) === 0;
}

/**
 * Restarts the measurements of a connection that uses bbr, and does nothing for others.
 *
 * Every 10 s bbr sends almost nothing for 200 ms, four segments per round trip, to measure the path
 * without a queue (PROBE_RTT). Starting bbr again restarts this interval. That takes a switch to
 * another congestion control and back; reno serves for it, because every kernel has it. Nothing changes if this
 * process may not switch back to bbr, which is possible even if bbr is the system's default.
 *
 * @param fd The connection's descriptor
 *
 * See TCP_CONGESTION in tcp(7).
 */
export function restartBbr(fd: number): void {
  if (congestionControl(fd) !== "bbr") return;
  const trial = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (trial < 0) return;
  const possible = setCongestion(trial, RENO) && setCongestion(trial, BBR);
  libc.close(trial);
  if (possible && setCongestion(fd, RENO)) setCongestion(fd, BBR);
}

const lowat = new Uint8Array(4);
const lowatValue = new Int32Array(lowat.buffer);

/** The largest receive buffer that needs no privilege, as most systems are set (net.core.rmem_max). */
const RECEIVE_BUFFER_MAX = 212_992;
/** The largest limit of a receive buffer, in bytes; a larger one would cost more memory than the kernel takes. */
const RECEIVE_LIMIT_MAX = 4 * 1024 * 1024;

/**
 * Limits the receive buffer of a socket, and so what the peer can send before it is read.
 *
 * @param fd The socket's descriptor
 * @param bytes The limit. With `Infinity`, a limit above 4 MiB, or one that takes a privilege which this process
 * does not have, the kernel chooses the size; before Linux 5.14 it is then about 400 KiB.
 *
 * See SO_RCVBUF and SO_RCVBUFFORCE in socket(7).
 */
export function limitReceiveBuffer(fd: number, bytes: number): void {
  // The kernel doubles the value, so that half of the buffer can be overhead, but there is much less of it.
  const size = Math.ceil(bytes / 2);
  if (bytes <= RECEIVE_LIMIT_MAX && setSocketOption(fd, SO_RCVBUFFORCE, size)) return;
  setSocketOption(fd, SO_RCVBUF, Math.min(size, RECEIVE_BUFFER_MAX));
  if (size > RECEIVE_BUFFER_MAX) setSocketOption(fd, SO_BUF_LOCK, 0);
}

function setSocketOption(fd: number, option: number, value: number): boolean {
  const bytes = int(value);
  return libc.setsockopt(fd, SOL_SOCKET, option, bytes, bytes.length) === 0;
}

/** Sets only TCP_NOTSENT_LOWAT, in bytes. Does nothing for a socket without this option. */
export function setNotsentLowat(fd: number, bytes: number): void {
  lowatValue[0] = bytes;
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, lowat, lowat.length);
}

/** The state of a connection, as the kernel counts it. A count of segments is modulo 2^32. */
export interface TcpInfo {
  /** The number of segments that were sent and are not acknowledged. */
  unacked: number;
  /** Those of them that the peer has received behind a gap. */
  sacked: number;
  /** The number of bytes that the peer has acknowledged since the start, in order. */
  bytesAcked: number;
  /** The number of segments with data that were sent since the start, also those sent again. */
  segments: number;
  /** The number of segments that were sent again since the start. */
  retransmits: number;
  /** The number of timeouts in a row without an answer. */
  timeouts: number;
  /** The number of bytes of data that have arrived since the start, in order. */
  bytesReceived: number;
  /** The number of segments without data that have arrived since the start. */
  bareAcks: number;
  /** The maximum size of a segment that is sent, without headers. */
  mss: number;
  /** The maximum size of a packet to the peer, as far as this system knows. */
  pathMtu: number;
  /** The number of bytes that the peer has room for. */
  window: number;
  /** The number of bytes that were written and not sent yet. */
  unsentBytes: number;
}

const info = new Uint32Array(TCPI.length);
const infoBytes = new Uint8Array(info.buffer);

/**
 * Reads the state of a connection.
 *
 * @param fd The connection's descriptor
 * @returns The state; undefined if it is not a TCP connection, or the kernel does not tell
 *
 * See TCP_INFO in tcp(7).
 */
export function tcpInfo(fd: number): TcpInfo | undefined {
  if (getOption(fd, IPPROTO_TCP, TCP_INFO, info) < info.byteLength) return undefined;
  return {
    unacked: info[TCPI.unacked],
    sacked: info[TCPI.sacked],
    bytesAcked: readUint64(info, TCPI.bytesAcked),
    segments: info[TCPI.dataSegsOut],
    retransmits: info[TCPI.totalRetrans],
    timeouts: infoBytes[TCPI.retransmits],
    bytesReceived: readUint64(info, TCPI.bytesReceived),
    bareAcks: (info[TCPI.segsIn] - info[TCPI.dataSegsIn]) >>> 0,
    mss: info[TCPI.sndMss],
    pathMtu: info[TCPI.pmtu],
    window: info[TCPI.sndWnd],
    unsentBytes: info[TCPI.notsentBytes],
  };
}

function readUint64(words: Uint32Array, at: number): number {
  const [low, high] = LITTLE_ENDIAN ? [at, at + 1] : [at + 1, at];
  return words[low] + words[high] * 2 ** 32;
}

const option = new Uint32Array(1);
const ON = int(1);
const OFF = int(0);

/**
 * Sends an empty segment that the peer must answer with another one, even while data waits for its
 * acknowledgement.
 *
 * The kernel has no call for that alone. It sends such a segment, a window probe, when a connection leaves
 * the repair mode, which is made for moving connections to another machine. The connection is otherwise
 * the same afterwards, except for SO_REUSEADDR, which is therefore restored: without it, no listener could
 * use the same port.
 *
 * @param fd The connection's descriptor
 * @returns False if this process may not do so, which takes CAP_NET_ADMIN
 *
 * See TCP_REPAIR in linux/tcp.h.
 */
export function probeWindow(fd: number): boolean {
  if (getOption(fd, SOL_SOCKET, SO_REUSEADDR, option) < 0) return false;
  if (libc.setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, ON, ON.length) < 0) return false;
  libc.setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, OFF, OFF.length);
  if (option[0] !== 0) libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ON, ON.length);
  return true;
}

/**
 * Lets routers split the packets of an IPv4 connection, also those that are sent again.
 *
 * @param fd The connection's descriptor
 *
 * See IP_MTU_DISCOVER in ip(7).
 */
export function allowFragments(fd: number): void {
  const value = int(IP_PMTUDISC_DONT);
  libc.setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, value, value.length);
}

/**
 * Tells whether the kernel makes a connection's packets smaller by itself when they are lost again and again.
 *
 * @returns True if it does so in this thread's network namespace
 *
 * See net.ipv4.tcp_mtu_probing in tcp(7).
 */
export function kernelProbesMtu(): boolean {
  try {
    return readSystemFile("/proc/sys/net/ipv4/tcp_mtu_probing").trim() !== "0";
  } catch {
    return false;
  }
}

/**
 * Makes the close of a connection reset it, without another attempt to deliver what waits.
 *
 * @param fd The connection's descriptor, or that of a socket that accepts connections, to which it then
 * applies from now on
 *
 * See SO_LINGER in socket(7).
 */
export function resetOnClose(fd: number): void {
  const linger = new Uint8Array(Int32Array.of(1, 0).buffer); // l_onoff, l_linger
  libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, linger, linger.length);
}

/**
 * Makes the close of a connection deliver what waits and end it in order, as it does by default.
 *
 * @param fd The descriptor, as for {@linkcode resetOnClose}
 *
 * See SO_LINGER in socket(7).
 */
export function closeInOrder(fd: number): void {
  const linger = new Uint8Array(Int32Array.of(0, 0).buffer); // l_onoff, l_linger
  libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, linger, linger.length);
}

const outq = new Uint8Array(4);
const outqValue = new Int32Array(outq.buffer);

/**
 * Reads the number of bytes that were written to a connection and that its other end has not acknowledged.
 * The end of the stream counts as one of them. Also works after the connection has broken.
 *
 * @param fd The connection's descriptor
 * @returns The number of bytes; 0 if it is not a connection
 *
 * See SIOCOUTQ in tcp(7).
 */
export function unacknowledged(fd: number): number {
  return libc.ioctl(fd, SIOCOUTQ, outq) < 0 ? 0 : outqValue[0];
}

/**
 * Reads from a connection without waiting.
 *
 * @param fd The connection's descriptor
 * @param into The bytes to read into
 * @returns The number of bytes read; 0 at the end of the stream; or a negative errno(3), EAGAIN if
 * there is nothing to read
 */
export function receive(fd: number, into: Uint8Array): number {
  const count = libc.recv(fd, into as Uint8Array<ArrayBuffer>, into.length, MSG_DONTWAIT);
  return count < 0 ? -errno() : count;
}

/**
 * Writes as much as the socket accepts without waiting.
 *
 * @param fd The connection's descriptor
 * @param bytes The bytes to write
 * @returns The number of bytes written, or a negative errno(3), EAGAIN if there is no room
 */
export function send(fd: number, bytes: Uint8Array): number {
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  const count = libc.send(fd, bytes as Uint8Array<ArrayBuffer>, bytes.length, flags);
  return count < 0 ? -errno() : count;
}

/**
 * Tells whether the kernel can encrypt what a connection sends, which may make it load a module.
 *
 * @returns True if it has TLS (kTLS)
 *
 * See Documentation/networking/tls.rst of Linux.
 */
export function hasKernelTls(): boolean {
  const fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const name = new TextEncoder().encode("tls");
  libc.setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, name.length);
  // A kernel without it answers ENOENT, the others that the socket has no connection.
  const can = errno() === ERRNO.ENOTCONN;
  libc.close(fd);
  return can;
}

/** Ends the stream in the other direction: the socket becomes readable, and nothing more can be read. */
export function endReading(fd: number): void {
  libc.shutdown(fd, SHUT_RD);
}

/** Ends the stream in this direction. Bytes written before are still sent. */
export function shutdownWrite(fd: number): void {
  libc.shutdown(fd, SHUT_WR);
}
