// A transport over TCP.

import {
  allowFragments,
  congestionControl,
  ERRNO,
  kernelProbesMtu,
  limitReceiveBuffer,
  probeWindow,
  receive,
  resetOnClose,
  restartBbr,
  sendsIPv4,
  setNotsentLowat,
  shutdownWrite,
  StreamSender,
  systemError,
  type TcpInfo,
  tcpInfo,
  unacknowledged,
} from "../../ffi/mod.ts";
import { SYSTEM_CONGESTION } from "./congestion.ts";
import type { PathMemory } from "./path_memory.ts";
import { BLACK_HOLE, PathWatch, PROBE } from "./path_watch.ts";
import {
  AGAIN,
  BROKEN,
  type PathFault,
  type PathVerdict,
  SMALL_PACKET,
  SMALLEST_PACKET,
  type Transport,
  type TransportStatus,
} from "./transport.ts";

/** The path of a connection, and what is known of others. */
export interface TcpPath {
  /** The IP address at the other end of the connection: the peer's, or that of a proxy before it. */
  address: string;
  /** The paths that are known to lose large packets. */
  memory: PathMemory;
}

/** The sizes of the headers of IPv4 and IPv6. */
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
/** The sizes of TCP's header without options, and with the longest ones. */
const TCP_HEADER = 20;
const TCP_HEADER_MAX = 60;
/** The sizes of the segments in small packets, which fit with any options. */
const SMALL_SEGMENT = SMALL_PACKET - IPV6_HEADER - TCP_HEADER_MAX;
const SMALLEST_SEGMENT = SMALLEST_PACKET - IPV4_HEADER - TCP_HEADER_MAX;
/** The number of timeouts after which the kernel has found smaller packets, if it looks for them. */
const KERNEL_TIMEOUTS = 5;
/**
 * The time without probes before a reset. The peer's system ignores a reset behind a gap, but asks about it by
 * an empty segment, and obeys the reset that answers that (RFC 5961). It sends at most one such segment in
 * 500 ms, the answers to probes included (net.ipv4.tcp_invalid_ratelimit).
 */
const UNPROBED_MS = 600;

/**
 * A connected TCP socket as a transport.
 *
 * @example Bytes from one end to the other
 * ```ts
 * import { findSocket, Pinned, TcpTransport } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const accepted = listener.accept();
 * const near = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
 * const far = await accepted;
 * const transport = new TcpTransport(findSocket(near.localAddr, near.remoteAddr));
 *
 * transport.add(new Pinned(Uint8Array.of(1, 2, 3)), 0, 3);
 * assertEquals(transport.send(), 3);
 * const bytes = new Uint8Array(3);
 * await far.read(bytes);
 * assertEquals(bytes, Uint8Array.of(1, 2, 3));
 * for (const closable of [near, far, listener]) closable.close();
 * ```
 */
// It extends StreamSender, so that the calls for each frame go through no extra layer.
export class TcpTransport extends StreamSender implements Transport {
  /** The socket's descriptor, which the caller closes. */
  readonly fd: number;
  /** Nothing, because the socket keeps what it has taken. */
  readonly heldBytes = 0;
  /** The fault of the path that is known; undefined if there is none. */
  pathFault: PathFault | undefined;
  readonly #refreshes: boolean;
  readonly #path: TcpPath | undefined;
  /** True if routers can split the packets. Read at once, because a broken connection cannot tell. */
  readonly #sendsIPv4: boolean;
  readonly #watch: PathWatch;
  /** True if everything was acknowledged when the path was last watched. */
  #idle = true;
  /** True if something was sent since then. */
  #hasSent = true;
  /** The time of the last probe. */
  #probedMs = -Infinity;
  #error: number = ERRNO.EIO;

  /**
   * Wraps a connected socket.
   *
   * @param fd The socket's descriptor
   * @param congestion The operator's choice of congestion control; undefined for the default
   * @param path The path, so that a loss of large packets is recognized; by default it is not
   */
  constructor(fd: number, congestion?: string, path?: TcpPath) {
    super(fd);
    this.fd = fd;
    this.#refreshes = congestion !== SYSTEM_CONGESTION;
    this.#path = path;
    this.#sendsIPv4 = path !== undefined && sendsIPv4(fd);
    const headers = TCP_HEADER + (this.#sendsIPv4 ? IPV4_HEADER : IPV6_HEADER);
    this.#watch = new PathWatch((this.#sendsIPv4 ? SMALLEST_PACKET : SMALL_PACKET) - headers);
    this.pathFault = path?.memory.recall(path.address);
    if (this.pathFault !== undefined) this.#mend(this.pathFault);
  }

  /** The reason why the connection is broken. */
  get failure(): string {
    return systemError("the connection broke", this.#error).message;
  }

  /**
   * Reads once, without waiting; see {@linkcode Transport.receive}.
   *
   * @param into The memory for the bytes
   * @returns The number of bytes; 0 at the end of the stream; {@linkcode AGAIN} or {@linkcode BROKEN}
   */
  receive(into: Uint8Array): number {
    const count = receive(this.fd, into);
    return count >= 0 ? count : this.#failed(-count);
  }

  /**
   * Sends the batch; see {@linkcode Transport.send}.
   *
   * @returns The number of bytes taken; {@linkcode AGAIN} or {@linkcode BROKEN}
   */
  override send(): number {
    this.#hasSent = true;
    const count = super.send();
    return count >= 0 ? count : this.#failed(-count);
  }

  /**
   * Sets TCP_NOTSENT_LOWAT. See tcp(7).
   *
   * @param bytes The limit of unsent bytes
   */
  limitUnsent(bytes: number): void {
    setNotsentLowat(this.fd, bytes);
  }

  /**
   * Limits the socket's receive buffer.
   *
   * @param bytes The limit of unread bytes; `Infinity` for that of the system
   */
  limitUnread(bytes: number): void {
    limitReceiveBuffer(this.fd, bytes);
  }

  /**
   * Prevents the pause of 200 ms that bbr makes every 10 s. During a pause, a busy tunnel delays the frames
   * of a tenth of a second and loses as many. bbr pauses to measure the path without its own queue; a
   * tunnel that sends less than the path can carry has no queue, so it gains nothing from the pause.
   */
  refresh(): void {
    if (this.#refreshes) restartBbr(this.fd);
  }

  /**
   * Finds out whether the path loses large packets only; see {@linkcode Transport.watchPath}.
   *
   * @param nowMs The time in ms, by a monotonic clock
   * @returns The verdict
   */
  watchPath(nowMs: number): PathVerdict {
    const path = this.#path;
    if (path === undefined || (this.#idle && !this.#hasSent)) return "unchanged";
    this.#hasSent = false;
    const info = tcpInfo(this.fd);
    if (info === undefined) return "unchanged";
    this.#idle = info.unacked === 0;
    switch (this.#watch.check(info, nowMs)) {
      case PROBE:
        this.#probedMs = nowMs;
        this.#watch.probes = probeWindow(this.fd);
        return "suspected";
      case BLACK_HOLE:
        return this.#found(path, info, nowMs);
      default:
        return "unchanged";
    }
  }

  /**
   * Returns the number of bytes that the peer's machine has not acknowledged.
   *
   * @returns The number of bytes, in the end too
   */
  unacknowledgedBytes(): number {
    return unacknowledged(this.fd);
  }

  /** Ends the stream in this direction. */
  shutdown(): void {
    shutdownWrite(this.fd);
  }

  /**
   * Describes the connection for the status.
   *
   * @returns The state of the connection
   */
  status(): TransportStatus {
    const { retransmits = 0, unsentBytes = 0 } = tcpInfo(this.fd) ?? {};
    return {
      retransmits,
      unsentBytes,
      congestion: congestionControl(this.fd) ?? null,
      encryption: null,
    };
  }

  #found(path: TcpPath, { pathMtu, timeouts }: TcpInfo, nowMs: number): PathVerdict {
    const before = this.pathFault?.remedy;
    // This was already reported.
    if (before === "none") return "unchanged";
    const packetBytes = Math.min(pathMtu, limitOf(before));
    const remedy = nextRemedy(before, packetBytes, this.#sendsIPv4);
    const fault = { packetBytes, remedy, fragmentsLost: this.#sendsIPv4 && before !== undefined };
    if (remedy === "fragments") {
      this.#remember(path, fault, nowMs);
      this.#mend(fault);
      return "mended";
    }
    // Routers never split a packet of IPv6, and TCP never splits a segment for a socket's own options. So
    // the next connection has to send small ones from the start, unless the kernel helps.
    if (timeouts <= KERNEL_TIMEOUTS && kernelProbesMtu()) return "suspected";
    if (remedy === "none") {
      // The next connection tries again what was tried last, in case the path is repaired.
      this.pathFault = fault;
      return "helpless";
    }
    if (nowMs - this.#probedMs < UNPROBED_MS) return "suspected";
    this.#remember(path, fault, nowMs);
    // The peer gets a reset at once, although nothing behind the lost segment would reach it.
    resetOnClose(this.fd);
    return "lost";
  }

  #remember({ address, memory }: TcpPath, fault: PathFault, nowMs: number): void {
    this.pathFault = fault;
    memory.remember(address, fault);
    this.#watch.restart(nowMs);
  }

  #mend({ remedy }: PathFault): void {
    if (this.#sendsIPv4) allowFragments(this.fd);
    if (remedy === "small-packets") this.limitSegments(SMALL_SEGMENT);
    if (remedy === "smallest-packets") this.limitSegments(SMALLEST_SEGMENT);
  }

  #failed(error: number): number {
    if (error === ERRNO.EAGAIN) return AGAIN;
    this.#error = error;
    return BROKEN;
  }
}

/** Returns the maximum size of packets with a remedy. */
function limitOf(remedy: PathFault["remedy"] | undefined): number {
  switch (remedy) {
    case "small-packets":
      return SMALL_PACKET;
    case "smallest-packets":
      return SMALLEST_PACKET;
    default:
      return Infinity;
  }
}

/**
 * Returns the remedy to try next.
 *
 * @param before The present remedy
 * @param lostBytes The size of packets that are lost with it
 * @param ipv4 True for packets of IPv4
 */
function nextRemedy(
  before: PathFault["remedy"] | undefined,
  lostBytes: number,
  ipv4: boolean,
): PathFault["remedy"] {
  if (before === undefined && ipv4) return "fragments";
  if (lostBytes > SMALL_PACKET) return "small-packets";
  return ipv4 && lostBytes > SMALLEST_PACKET ? "smallest-packets" : "none";
}
