// The packet sockets of lanes, and a lane that receives with one call per frame.

import { ERRNO, errno, SystemError, systemError } from "./errno.ts";
import type { InterfaceInfo } from "./interface.ts";
import { libc } from "./libc.ts";
import { getOption, setOption } from "./socket_option.ts";
import {
  AF_PACKET,
  int,
  MSG_DONTWAIT,
  MSG_TRUNC,
  packetMreq,
  SO_ATTACH_FILTER,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  sockaddrLl,
  sockFprog,
  SOL_SOCKET,
} from "./structs.ts";

const ETH_P_ALL = 3;
export const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_STATISTICS = 6;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_PROMISC = 1;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

const SEND_BUFFER = 4 << 20;
/**
 * Receive buffer of the control lane. It has room for 5,000 small frames, so that none is lost in a flood while
 * the program does something else for a moment.
 */
const CONTROL_BUFFER = 4 << 20;

/** Options of a lane. */
export interface LaneOptions {
  /** The interface to receive from and to send to. */
  interface: InterfaceInfo;
  /** The filter of the frames to receive: an array of `struct sock_filter`. */
  filter: Uint8Array;
  /** Make the interface receive frames to other stations' addresses too. */
  promiscuous: boolean;
  /** Size of a slot of the receive ring in bytes, a power of two. By default it fits the MTU. */
  slotBytes?: number;
  /** Number of slots of the receive ring, a power of two. */
  slots?: number;
  /** Maximum size of the ring in bytes if `slots` is not given, a power of two. The default is 32 MiB. */
  ringBytes?: number;
}

/**
 * Opens the packet socket of a lane, which has a larger send buffer than other packet sockets.
 *
 * @param options The options of the lane
 * @param prepare Sets other options before the socket is bound
 * @returns The descriptor
 * @throws {SystemError} If the interface is gone or the process lacks the privilege
 */
export function openLaneSocket(options: LaneOptions, prepare: (fd: number) => void): number {
  return openPacketSocket(options, (fd) => {
    // Frames in the interface's queue count against this buffer. The default has room for only a
    // hundred large ones.
    const size = int(SEND_BUFFER);
    if (libc.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, size, size.length) < 0) {
      libc.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, size, size.length);
    }
    prepare(fd);
  });
}

/**
 * Opens a packet socket with a filter, bound to an interface.
 *
 * The socket starts with protocol 0, which receives nothing, and is bound last, so that no unfiltered
 * frame gets in.
 *
 * @param options The interface, the filter, and whether the interface must be promiscuous
 * @param prepare Sets other options before the socket is bound
 * @returns The descriptor
 * @throws {SystemError} If the interface is gone or the process lacks the privilege
 */
export function openPacketSocket(
  options: Pick<LaneOptions, "interface" | "filter" | "promiscuous">,
  prepare: (fd: number) => void,
): number {
  const { interface: { name, index }, filter, promiscuous } = options;
  const fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw noPacketSocket(name, errno());
  try {
    const program = sockFprog(filter);
    setOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, `Cannot filter on ${name}`);
    setOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, int(1), `Cannot capture on ${name}`);
    prepare(fd);
    const address = sockaddrLl(ETH_P_ALL, index);
    if (libc.bind(fd, address, address.length) < 0) {
      throw systemError(`Cannot bind ${name}`, errno());
    }
    if (promiscuous) {
      const membership = packetMreq(index, PACKET_MR_PROMISC);
      const action = `Cannot make ${name} promiscuous`;
      setOption(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership, action);
    }
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/**
 * Replaces the filter of a packet socket, at once and without a gap.
 *
 * @param fd The descriptor of the socket
 * @param filter The filter, an array of `struct sock_filter`
 * @returns False if the system refuses, for example without memory; the old filter then stays
 */
export function replaceFilter(fd: number, filter: Uint8Array): boolean {
  const program = sockFprog(filter);
  return libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length) === 0;
}

function noPacketSocket(name: string, errno: number): SystemError {
  const error = systemError(`Cannot open a packet socket on ${name}`, errno);
  if (errno !== ERRNO.EPERM && errno !== ERRNO.EACCES) return error;
  return new SystemError(`${error.message}; run as root, or give the program CAP_NET_RAW`, errno);
}

/** `struct tpacket_stats` of linux/if_packet.h: tp_packets, tp_drops. */
const stats = new Uint32Array(2);

/**
 * Reads the number of frames that arrived at a packet socket since the last call, including those for
 * which it had no room. Both this function and `readDrops` reset both counts, so use only one of them for
 * a socket.
 *
 * @param fd The descriptor of the socket
 * @returns The number of frames
 */
export function readFrames(fd: number): number {
  return getOption(fd, SOL_PACKET, PACKET_STATISTICS, stats) < 0 ? 0 : stats[0];
}

/** Reads the number of frames for which a packet socket had no room since the last call. */
export function readDrops(fd: number): number {
  return getOption(fd, SOL_PACKET, PACKET_STATISTICS, stats) < 0 ? 0 : stats[1];
}

/**
 * A lane whose frames are received one by one, with one call per frame.
 *
 * @example Send and receive a frame
 * ```ts
 * import { ControlLane, laneFilter, LinkSender, POLLIN, PollSet, readInterface } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const loopback = readInterface("lo");
 * if (Deno.uid() === 0 && loopback?.up) {
 *   const lane = ControlLane.open({ interface: loopback, filter: laneFilter("control"), promiscuous: false });
 *   const padi = new Uint8Array(60);
 *   padi.fill(0xff, 0, 6);
 *   padi.set([0x88, 0x63, 0x11, 0x09], 12);
 *   assertEquals(new LinkSender(lane.fd).send(padi), true);
 *
 *   const set = new PollSet(1);
 *   set.add(lane.fd, POLLIN);
 *   set.wait(1000);
 *   const received = new Uint8Array(2048);
 *   assertEquals(lane.receive(received), 60);
 *   assertEquals(received.subarray(0, 60), padi);
 *   lane.close();
 * }
 * ```
 */
export class ControlLane {
  #fd: number;
  #drops = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Opens a lane. The interface may be down; frames arrive once it is up.
   *
   * @param options The interface and the frames; the size of the ring is ignored
   * @returns The lane, to be closed by the caller
   * @throws {SystemError} If the interface is gone or the process lacks the privilege
   *
   * See packet(7).
   */
  static open(options: LaneOptions): ControlLane {
    const fd = openLaneSocket(options, (fd) => {
      // Exceeding the system's limit needs CAP_NET_ADMIN. Without it, the default is enough for
      // ordinary traffic.
      const size = int(CONTROL_BUFFER);
      libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length);
    });
    return new ControlLane(fd);
  }

  /** The descriptor, readable when there is a frame and also used for sending, or -1 once closed. */
  get fd(): number {
    return this.#fd;
  }

  /**
   * Receives a frame.
   *
   * @param into The bytes to receive into
   * @returns The whole length of the frame; the part that does not fit into `into` is lost; 0 if there
   * is no frame; or a negative errno(3), such as ENETDOWN once after the interface went down
   */
  receive(into: Uint8Array): number {
    const buffer = into as Uint8Array<ArrayBuffer>;
    const length = libc.recv(this.#fd, buffer, into.length, MSG_DONTWAIT | MSG_TRUNC);
    if (length >= 0) return length;
    const error = errno();
    return error === ERRNO.EAGAIN ? 0 : -error;
  }

  /** Counts the frames for which the kernel had no room since the lane was opened. */
  drops(): number {
    this.#drops += readDrops(this.#fd);
    return this.#drops;
  }

  /** Closes the lane. */
  close(): void {
    if (this.#fd < 0) return;
    this.drops();
    libc.close(this.#fd);
    this.#fd = -1;
  }
}
