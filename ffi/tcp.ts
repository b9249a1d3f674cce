// A tunnel's TCP connection, by its descriptor: finding it, its options, and reading and writing
// without waiting.
import { errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { getOption, setOption } from "./socket_option.ts";
import {
  AF_INET,
  AF_INET6,
  cString,
  int,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_STREAM,
} from "./structs.ts";

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_INFO = 11;
const TCP_CONGESTION = 13;
const TCP_USER_TIMEOUT = 18;
const TCP_NOTSENT_LOWAT = 25;
const SHUT_WR = 1;

/** `struct sockaddr_in` and `struct sockaddr_in6`, ip(7), ipv6(7). */
const SOCKADDR = { family: 0, port: [2, 4], address4: [4, 8], address6: [8, 24] } as const;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** `struct tcp_info`, linux/tcp.h: offsets in 32-bit words. */
const TCPI = { rtt: 17, totalRetrans: 25, notsentBytes: 36, length: 37 } as const;

/**
 * Finds this process's descriptor of a connection that Deno holds.
 *
 * IPv4 addresses and their IPv6 form (::ffff:192.0.2.1) are the same here: which of them the socket
 * has depends on whether the listener was an IPv6 one.
 *
 * @param local The connection's own address
 * @param remote The other end's address
 * @returns The descriptor, which stays Deno's to close
 * @throws {Error} If no socket of this process has these addresses
 */
export function findSocket(local: Deno.NetAddr, remote: Deno.NetAddr): number {
  const wanted = `${addressKey(local)} ${addressKey(remote)}`;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    const fd = Number(name);
    const peer = readAddress(libc.getpeername, fd);
    if (peer === undefined) continue;
    if (`${readAddress(libc.getsockname, fd)} ${peer}` === wanted) return fd;
  }
  const ends = [local, remote].map(({ hostname, port }) => `${hostname}:${port}`);
  throw new Error(`Cannot find the connection ${ends.join(" > ")}: no socket has these addresses`);
}

/** An address in one form for IPv4 and IPv6: 16 bytes and the port, as text. */
function addressKey({ hostname, port }: Deno.NetAddr): string {
  const bytes = new Uint8Array(16);
  const text = cString(hostname);
  if (libc.inet_pton(AF_INET, text, bytes) === 1) {
    bytes.copyWithin(12, 0, 4);
    bytes.set(MAPPED_PREFIX);
  } else libc.inet_pton(AF_INET6, text, bytes);
  return `${bytes} ${port}`;
}

const sockaddr = new Uint8Array(128); // sizeof(struct sockaddr_storage)
const families = new Uint16Array(sockaddr.buffer);
const length = new Uint32Array(1);

function readAddress(
  call: typeof libc.getsockname,
  fd: number,
): string | undefined {
  length[0] = sockaddr.length;
  if (call(fd, sockaddr, length) < 0) return undefined;
  const family = families[SOCKADDR.family];
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const address = family === AF_INET
    ? [...MAPPED_PREFIX, ...sockaddr.subarray(...SOCKADDR.address4)]
    : sockaddr.subarray(...SOCKADDR.address6);
  const [high, low] = sockaddr.subarray(...SOCKADDR.port);
  return `${address} ${high * 256 + low}`;
}

/** What `setTunnelOptions` sets. */
export interface TunnelOptions {
  /**
   * TCP_USER_TIMEOUT: how long sent data may go unacknowledged before the connection ends, in
   * milliseconds.
   */
  userTimeoutMs: number;
  /** TCP_NOTSENT_LOWAT: with so many bytes not yet sent, poll(2) no longer says POLLOUT. */
  notsentLowat: number;
  /** TCP_CONGESTION: the congestion control, such as `bbr`; the system's default without it. */
  congestion?: string;
}

/**
 * Sets a connection up to carry frames: nothing is held back, and little is queued.
 *
 * @throws {SystemError} If it is no TCP connection, or the system has no such congestion control
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
 * Tries a TCP congestion control, which may load a module.
 *
 * @param name Such as `cubic` or `bbr`
 * @returns 0 when it can be used, else the errno(3): ENOENT when there is none of that name, EPERM when
 * this process may not use it
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

/** TCP_CA_NAME_MAX, net/tcp.h: the longest name, with the zero behind it. */
const congestionName = new Uint32Array(4);

/**
 * Reads which congestion control a connection uses.
 *
 * @returns Such as `cubic`, or undefined when it is no TCP connection
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
 * Reads which congestion control a connection gets when none is set: the default of this thread's
 * network namespace.
 *
 * @returns Such as `cubic`
 * @throws {SystemError} If the system gives no TCP socket to ask
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

/** Sets a congestion control where that can be had. */
function set(fd: number, name: Uint8Array<ArrayBuffer>): boolean {
  return libc.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, name.length) === 0;
}

/**
 * Lets a connection that uses bbr forget what it has measured, and measure anew; of any other one
 * nothing is changed.
 *
 * Every 10 s bbr sends next to nothing for 200 ms, four segments a round trip, to see the path without
 * a queue (PROBE_RTT). The time begins anew with each start of bbr, which takes another one in between:
 * reno, since all kernels have it. Where this process may not go back to bbr, which a system's default
 * may be all the same, nothing is changed.
 *
 * See TCP_CONGESTION in tcp(7).
 */
export function restartBbr(fd: number): void {
  if (congestionControl(fd) !== "bbr") return;
  const trial = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (trial < 0) return;
  const possible = set(trial, RENO) && set(trial, BBR);
  libc.close(trial);
  if (possible && set(fd, RENO)) set(fd, BBR);
}

const lowat = new Uint8Array(4);
const lowatValue = new Int32Array(lowat.buffer);

/** Sets TCP_NOTSENT_LOWAT alone, in bytes; of a socket that has no such option nothing is changed. */
export function setNotsentLowat(fd: number, bytes: number): void {
  lowatValue[0] = bytes;
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, lowat, lowat.length);
}

const info = new Uint32Array(TCPI.length);

/**
 * Reads how a connection fares.
 *
 * @returns The smoothed round-trip time in milliseconds, the segments sent again since it began, and the
 * bytes that were written and not sent yet; or undefined when it is no TCP connection
 *
 * See TCP_INFO in tcp(7).
 */
export function tcpInfo(
  fd: number,
): { rttMs: number; retransmits: number; unsentBytes: number } | undefined {
  if (getOption(fd, IPPROTO_TCP, TCP_INFO, info) < info.byteLength) return undefined;
  return {
    rttMs: info[TCPI.rtt] / 1000,
    retransmits: info[TCPI.totalRetrans],
    unsentBytes: info[TCPI.notsentBytes],
  };
}

/**
 * Reads what is there, without waiting.
 *
 * @returns How many bytes; 0 at the end of the stream; less than 0: the negative errno(3), EAGAIN
 * when there is nothing
 */
export function receive(fd: number, into: Uint8Array): number {
  const count = libc.recv(fd, into as Uint8Array<ArrayBuffer>, into.length, MSG_DONTWAIT);
  return count < 0 ? -errno() : count;
}

/**
 * Writes as much as there is room for, without waiting.
 *
 * @returns How many bytes; less than 0: the negative errno(3), EAGAIN when there is no room
 */
export function send(fd: number, bytes: Uint8Array): number {
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  const count = libc.send(fd, bytes as Uint8Array<ArrayBuffer>, bytes.length, flags);
  return count < 0 ? -errno() : count;
}

/** Ends this side of the stream; what was written before still goes out. */
export function shutdownWrite(fd: number): void {
  libc.shutdown(fd, SHUT_WR);
}
