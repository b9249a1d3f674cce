// The lane that receives through memory shared with the kernel: PACKET_RX_RING with TPACKET_V2.
//
// The ring is an array of slots, each a header (struct tpacket2_hdr) with the frame behind it.
// tp_status says whose a slot is: the kernel fills the slot at its head and sets TP_STATUS_USER; we
// read it and give it back by setting TP_STATUS_KERNEL. Both go round in order, so one position is
// all that we keep, and while frames are there no system call is made. When the slot at the
// kernel's head is still ours, the frame is dropped and counted.
import { errno, systemError } from "./errno.ts";
import { FrameViews } from "./frame_views.ts";
import type { InterfaceInfo } from "./interface.ts";
import { libc } from "./libc.ts";
import { type LaneOptions, openLaneSocket, readDrops, SOL_PACKET } from "./packet_socket.ts";
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

/** `struct tpacket2_hdr`, linux/if_packet.h: offsets in bytes. tp_status is the first. */
const TPACKET2 = { len: 4, snaplen: 8, mac: 12, sec: 16, nsec: 20 } as const;
/**
 * What stands in a slot before the frame: the header, a struct sockaddr_ll, alignment of what
 * follows Ethernet.
 */
const SLOT_OVERHEAD = 66;
const ETHERNET_AND_VLAN = 14 + 4;

const SLOT_BYTES = 2048;
/** At 200,000 frames a second, 20 ms: longer than most that keeps the reader from the processor. */
const SLOTS = 4096;
/** Slots of large frames are fewer: the ring is memory that is never swapped. */
const MAX_RING_BYTES = 32 << 20;
/** The ring's memory comes in blocks of whole pages; pages have 4 to 64 KiB on arm64. */
const BLOCK_BYTES = 65536;

function slotBytesFor(info: InterfaceInfo): number {
  let bytes = SLOT_BYTES;
  while (bytes < info.mtu + ETHERNET_AND_VLAN + SLOT_OVERHEAD) bytes *= 2;
  return bytes;
}

/**
 * A lane whose frames are received in place, in a ring of slots that the kernel fills.
 *
 * `next` looks whether there is a frame at the head. If so, the fields describe it until `release`
 * gives its slot back, after which its bytes belong to the kernel again.
 *
 * @example Taking what is there
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
  /** The whole ring. Empty once closed. */
  readonly memory: Uint8Array;
  /** Where the frame starts in `memory`. */
  offset = 0;
  /** How many bytes of the frame are there. */
  length = 0;
  /** How many bytes it had. More than `length`: it was too large for the slot, and is cut. */
  wireLength = 0;
  /**
   * When it arrived: milliseconds of the clock that Date.now() reads, with a fraction. It is what the
   * kernel says: of a frame of the same machine it may be the time that it was to be sent at, by
   * another clock (a TCP segment's, on kernels 4.20 to 5.17).
   */
  timestampMs = 0;

  #fd: number;
  #words: Uint32Array<ArrayBuffer>;
  readonly #halves: Uint16Array;
  readonly #mapping: Deno.PointerObject;
  readonly #size: number;
  readonly #slotBytes: number;
  readonly #views: FrameViews;
  /** The slot at the head, in bytes from the start of the ring. */
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
   * Opens a lane. The interface may be down; frames come once it is up.
   *
   * @param options Which interface and which frames. By default 4096 slots, fewer if their MTU
   * makes them large
   * @returns The lane, to be closed
   * @throws {SystemError} If the interface is gone, the process may not do this, or there is no
   * memory for the ring
   * @throws {RangeError} If slots or slotBytes is no power of two
   *
   * See packet(7), and packet_mmap.rst in the kernel's documentation.
   */
  static open(options: LaneOptions): DataLane {
    const { name } = options.interface;
    const slotBytes = options.slotBytes ?? slotBytesFor(options.interface);
    const wanted = options.slots ?? Math.min(SLOTS, MAX_RING_BYTES / slotBytes);
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
   * The descriptor, readable when there is a frame; it also sends. Once the interface went down,
   * poll(2) reports POLLERR for it without end: then open the lane anew. -1 once closed.
   */
  get fd(): number {
    return this.#fd;
  }

  /** Whether there is a frame at the head. */
  get waiting(): boolean {
    return (Atomics.load(this.#words, this.#head >>> 2) & TP_STATUS_USER) !== 0;
  }

  /**
   * Looks whether there is a frame at the head, and sets the fields to describe it.
   *
   * @returns Whether there is. It is the same one until it is released
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
   * The frame at the head, and up to 127 bytes more: a view that is made once for each slot, for
   * copying without an allocation. Only after `next` gave true.
   */
  get frame(): Uint8Array {
    return this.#views.at(this.#head / this.#slotBytes, this.offset, this.length);
  }

  /**
   * Gives the slot at the head back to the kernel, and goes on to the next one. Only after `next`
   * gave true.
   */
  release(): void {
    Atomics.store(this.#words, this.#head >>> 2, TP_STATUS_KERNEL);
    const head = this.#head + this.#slotBytes;
    this.#head = head === this.#size ? 0 : head;
  }

  /** How many frames the kernel had no slot for since the lane was opened. */
  drops(): number {
    this.#drops += readDrops(this.#fd);
    return this.#drops;
  }

  /** Closes the lane and gives the ring's memory back. */
  close(): void {
    if (this.#fd < 0) return;
    this.drops();
    // Detached, whatever view somebody still holds has length 0 and does not reach what is no
    // longer mapped.
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
