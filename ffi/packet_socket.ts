// The packet socket of a lane: how it is opened, and the lane that receives with a call for each
// frame.
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
const SO_ATTACH_FILTER = 26;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

/**
 * The control lane's room for a burst, in bytes as the kernel counts them: about a thousand small
 * frames.
 */
const SEND_BUFFER = 4 << 20;
const CONTROL_BUFFER = 1 << 20;

/** What a lane is opened with. */
export interface LaneOptions {
  /** The interface that it receives from and sends to. */
  interface: InterfaceInfo;
  /** The filter for the frames that it takes: an array of `struct sock_filter`. */
  filter: Uint8Array;
  /**
   * Whether it takes frames to other stations' addresses too, and has the interface receive them.
   */
  promiscuous: boolean;
  /**
   * Of the receive ring: the size of a slot, in bytes, a power of two. By default what the MTU
   * needs.
   */
  slotBytes?: number;
  /** Of the receive ring: how many slots, a power of two. */
  slots?: number;
}

/** Opens the packet socket of a lane, see {@linkcode openPacketSocket}. */
export function openLaneSocket(options: LaneOptions, prepare: (fd: number) => void): number {
  return openPacketSocket(options, (fd) => {
    // What a queue below holds counts against it: the default is full after a hundred large frames.
    const size = int(SEND_BUFFER);
    if (libc.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, size, size.length) < 0) {
      libc.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, size, size.length);
    }
    prepare(fd);
  });
}

/**
 * Opens a packet socket with a filter, bound to the interface.
 *
 * It starts with protocol 0, which receives nothing, and is bound last: nothing unfiltered gets in.
 *
 * @param options.promiscuous Whether it has the interface receive frames to other stations' addresses
 * @param prepare Sets what else must be set before the socket is bound
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

function noPacketSocket(name: string, errno: number): SystemError {
  const error = systemError(`Cannot open a packet socket on ${name}`, errno);
  if (errno !== ERRNO.EPERM && errno !== ERRNO.EACCES) return error;
  const mend = "run as root, or give the program CAP_NET_RAW";
  return new SystemError(`${error.message}; ${mend}`, errno);
}

/** `struct tpacket_stats`, linux/if_packet.h: tp_packets, tp_drops. */
const stats = new Uint32Array(2);

/**
 * How many frames came to a packet socket since this was last asked, with those it had no room for. It and
 * {@linkcode readDrops} begin both counts anew, so of one socket only one of them is of use.
 */
export function readFrames(fd: number): number {
  return getOption(fd, SOL_PACKET, PACKET_STATISTICS, stats) < 0 ? 0 : stats[0];
}

/** How many frames a packet socket had no room for since this was last asked. */
export function readDrops(fd: number): number {
  return getOption(fd, SOL_PACKET, PACKET_STATISTICS, stats) < 0 ? 0 : stats[1];
}

/**
 * A lane whose frames are received one by one, with a call each.
 *
 * @example Sending and receiving
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
   * Opens a lane. The interface may be down; frames come once it is up.
   *
   * @param options Which interface and which frames; a ring's slots are of no use here
   * @returns The lane, to be closed
   * @throws {SystemError} If the interface is gone, or the process may not do this
   *
   * See packet(7).
   */
  static open(options: LaneOptions): ControlLane {
    const fd = openLaneSocket(options, (fd) => {
      // Over the system's limit with CAP_NET_ADMIN only; the default does for ordinary traffic.
      const size = int(CONTROL_BUFFER);
      libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length);
    });
    return new ControlLane(fd);
  }

  /** The descriptor, readable when there is a frame; it also sends. -1 once closed. */
  get fd(): number {
    return this.#fd;
  }

  /**
   * Takes one frame.
   *
   * @param into Where it goes, from the start
   * @returns The frame's whole length: when that is more than `into` has, the rest is lost. 0 when
   * there is none. Less than 0: the negative errno(3), such as ENETDOWN, once, when the interface
   * went down.
   */
  receive(into: Uint8Array): number {
    const buffer = into as Uint8Array<ArrayBuffer>;
    const length = libc.recv(this.#fd, buffer, into.length, MSG_DONTWAIT | MSG_TRUNC);
    if (length >= 0) return length;
    const error = errno();
    return error === ERRNO.EAGAIN ? 0 : -error;
  }

  /** How many frames the kernel had no room for since the lane was opened. */
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
