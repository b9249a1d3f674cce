// A lane that receives through memory shared with the kernel (PACKET_RX_RING with TPACKET_V2).
//
// The ring is an array of slots, each with a header (struct tpacket2_hdr) and a frame. tp_status tells
// who owns a slot: the kernel fills the slot at its head and sets TP_STATUS_USER; we read it and return
// it by setting TP_STATUS_KERNEL. Both go through the slots in order, so we only keep one position, and
// need no system call while there are frames. If the slot at the kernel's head is still ours, the
// kernel drops the frame and counts it.

import { errno, systemError } from "./errno.ts";
import { FrameViews } from "./frame_views.ts";
import type { InterfaceInfo } from "./interface.ts";
import { libc } from "./libc.ts";
import {
  type LaneOptions,
  openLaneSocket,
  readDrops,
  replaceFilter,
  SOL_PACKET,
} from "./packet_socket.ts";
import { setOption } from "./socket_option.ts";
import { int, tpacketReq } from "./structs.ts";

const PACKET_RX_RING = 5;
const PACKET_VERSION = 10;
const TPACKET_V2 = 1;
const TP_STATUS_KERNEL = 0;
const TP_STATUS_USER = 1;
const PROT_READ_WRITE = 0x1 | 0x2;
const MAP_SHARED = 0x1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** `struct tpacket2_hdr` of linux/if_packet.h, in bytes. tp_status comes first. */
const TPACKET2 = { len: 4, snaplen: 8, mac: 12, sec: 16, nsec: 20 } as const;
/**
 * Bytes in a slot before the frame: the header, a struct sockaddr_ll, and padding that aligns the bytes
 * after the Ethernet header.
 */
const SLOT_OVERHEAD = 66;
const ETHERNET_AND_VLAN = 14 + 4;

const SLOT_BYTES = 2048;
/** Room for 20 ms at 200,000 frames per second, longer than most pauses of the reading thread. */
const SLOTS = 4096;
/** Maximum size of the ring, because its memory cannot be swapped. Large slots are fewer. */
const MAX_RING_BYTES = 32 << 20;
/** Size of the blocks that make up the ring. It must be whole pages, of up to 64 KiB on arm64. */
const BLOCK_BYTES = 65536;

function slotBytesFor(info: InterfaceInfo): number {
  let bytes = SLOT_BYTES;
  while (bytes < info.mtu + ETHERNET_AND_VLAN + SLOT_OVERHEAD) bytes *= 2;
  return bytes;
}

/**
 * A lane whose frames are read in place, in a ring of slots that the kernel fills.
 *
 * `next` checks for a frame at the head. If there is one, the fields describe it until `release`
 * returns the slot to the kernel.
 *
 * @example Receive a frame
 * ```ts
 * import { DataLane, laneFilter, LinkSender, POLLIN, PollSet, readInterface } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const loopback = readInterface("lo");
 * if (Deno.uid() === 0 && loopback?.up) {
 *   const lane = DataLane.open({
 *     interface: loopback,
 *     filter: laneFilter("data"),
 *     promiscuous: false,
 *     slotBytes: 2048,
 *     slots: 32,
 *   });
 *   const frame = new Uint8Array(1514);
 *   frame.set([0x88, 0x64, 0x11, 0x00, 0x00, 0x07, 0x05, 0xd6, 0x00, 0x21], 12);
 *   new LinkSender(lane.fd).send(frame);
 *
 *   const set = new PollSet(1);
 *   set.add(lane.fd, POLLIN);
 *   set.wait(1000);
 *   assertEquals(lane.next(), true);
 *   assertEquals(lane.memory.subarray(lane.offset, lane.offset + lane.length), frame);
 *   lane.release();
 *   assertEquals(lane.next(), false);
 *   lane.close();
 * }
 * ```
 */
export class DataLane {
  /** The whole ring, or an empty array once closed. */
  readonly memory: Uint8Array;
  /** Offset of the frame in `memory`. */
  offset = 0;
  /** Number of bytes of the frame in `memory`. */
  length = 0;
  /** Original length of the frame. It exceeds `length` if the slot was too small for the frame. */
  wireLength = 0;
  /**
   * Time of arrival in milliseconds, with a fraction, by the clock of Date.now(). The kernel's time
   * stamp may be wrong for a frame from the same machine: on kernels 4.20 to 5.17 that of a TCP segment
   * is the time at which it was scheduled to be sent, by another clock.
   */
  timestampMs = 0;

  #fd: number;
  #words: Uint32Array<ArrayBuffer>;
  readonly #halves: Uint16Array;
  readonly #mapping: Deno.PointerObject;
  readonly #size: number;
  readonly #slotBytes: number;
  readonly #views: FrameViews;
  /** Offset of the slot at the head, in bytes. */
  #head = 0;
  #drops = 0;

  private constructor(fd: number, mapping: Deno.PointerObject, size: number, slotBytes: number) {
    this.#fd = fd;
    this.#mapping = mapping;
    this.#size = size;
    this.#slotBytes = slotBytes;
    const buffer = Deno.UnsafePointerView.getArrayBuffer(mapping, size);
    this.memory = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#halves = new Uint16Array(buffer);
    this.#views = new FrameViews(this.memory, size / slotBytes, slotBytes);
  }

  /**
   * Opens a lane. The interface may be down; frames arrive once it is up.
   *
   * @param options The interface, the frames and the size of the ring, by default 4096 slots, or fewer
   * if the MTU makes them large
   * @returns The lane, to be closed by the caller
   * @throws {SystemError} If the interface is gone, the process lacks the privilege, or there is no
   * memory for the ring
   * @throws {RangeError} If `slots` or `slotBytes` is not a power of two
   *
   * See packet(7), and packet_mmap.rst in the kernel's documentation.
   */
  static open(options: LaneOptions): DataLane {
    const { name } = options.interface;
    const slotBytes = options.slotBytes ?? slotBytesFor(options.interface);
    const { ringBytes = MAX_RING_BYTES } = options;
    const wanted = options.slots ?? Math.min(SLOTS, ringBytes / slotBytes);
    requirePowerOfTwo("slotBytes", slotBytes);
    requirePowerOfTwo("slots", wanted);
    const blockBytes = Math.max(BLOCK_BYTES, slotBytes);
    const size = Math.max(blockBytes, wanted * slotBytes);

    const fd = openLaneSocket(options, (fd) => {
      const action = `Cannot set up a receive ring on ${name}`;
      const ring = tpacketReq(blockBytes, size / blockBytes, slotBytes, size / slotBytes);
      setOption(fd, SOL_PACKET, PACKET_VERSION, int(TPACKET_V2), action);
      setOption(fd, SOL_PACKET, PACKET_RX_RING, ring, action);
    });
    const mapping = libc.mmap(null, BigInt(size), PROT_READ_WRITE, MAP_SHARED, fd, 0n);
    if (mapping === null || Deno.UnsafePointer.value(mapping) === MAP_FAILED) {
      const error = systemError(`Cannot map the receive ring on ${name}`, errno());
      libc.close(fd);
      throw error;
    }
    return new DataLane(fd, mapping, size, slotBytes);
  }

  /**
   * The descriptor, readable when there is a frame and also used for sending, or -1 once closed. After
   * the interface went down, poll(2) reports POLLERR for it until the lane is opened again.
   */
  get fd(): number {
    return this.#fd;
  }

  /** True if there is a frame at the head. */
  get waiting(): boolean {
    return (Atomics.load(this.#words, this.#head >>> 2) & TP_STATUS_USER) !== 0;
  }

  /**
   * Checks for a frame at the head and sets the fields that describe it.
   *
   * @returns True if there is a frame, which is the same until it is released
   */
  next(): boolean {
    const words = this.#words;
    const word = this.#head >>> 2;
    if ((Atomics.load(words, word) & TP_STATUS_USER) === 0) return false;
    this.offset = this.#head + this.#halves[(this.#head + TPACKET2.mac) >>> 1];
    this.length = words[word + TPACKET2.snaplen / 4];
    this.wireLength = words[word + TPACKET2.len / 4];
    this.timestampMs = words[word + TPACKET2.sec / 4] * 1000 +
      words[word + TPACKET2.nsec / 4] / 1e6;
    return true;
  }

  /**
   * A view of the frame at the head and up to 127 bytes after it. The view is cached, so that copying
   * the frame allocates nothing. Valid only after `next` returned true.
   */
  get frame(): Uint8Array {
    return this.#views.at(this.#head / this.#slotBytes, this.offset, this.length);
  }

  /** Returns the slot at the head to the kernel. May only be called after `next` returned true. */
  release(): void {
    Atomics.store(this.#words, this.#head >>> 2, TP_STATUS_KERNEL);
    const head = this.#head + this.#slotBytes;
    this.#head = head === this.#size ? 0 : head;
  }

  /** Counts the frames that the kernel had no slot for since the lane was opened. */
  drops(): number {
    this.#drops += readDrops(this.#fd);
    return this.#drops;
  }

  /**
   * Replaces the filter, at once and without a gap.
   *
   * @param filter The filter, an array of `struct sock_filter`
   * @returns False if the system refuses; the old filter then stays
   */
  setFilter(filter: Uint8Array): boolean {
    return replaceFilter(this.#fd, filter);
  }

  /** Closes the lane and frees the ring. */
  close(): void {
    if (this.#fd < 0) return;
    this.drops();
    // Detach the buffer, so that any remaining view has length 0 and cannot access unmapped memory.
    this.#words.buffer.transfer();
    this.#words = new Uint32Array(1);
    this.#head = 0;
    libc.munmap(this.#mapping, BigInt(this.#size));
    libc.close(this.#fd);
    this.#fd = -1;
  }
}

function requirePowerOfTwo(name: string, value: number): void {
  if (Math.log2(value) % 1 !== 0) {
    throw new RangeError(`Cannot set up a receive ring: ${name} is ${value}, not a power of two`);
  }
}
