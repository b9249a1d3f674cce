// The receive ring of a sink, with small slots for the start of each frame and its time of arrival.

import { errno, systemError } from "../../../ffi/errno.ts";
import type { InterfaceInfo } from "../../../ffi/interface.ts";
import { libc } from "../../../ffi/libc.ts";
import { getOption, setOption } from "../../../ffi/socket_option.ts";
import { int, tpacketReq } from "../../../ffi/structs.ts";
import { ETH_P_PPP_SES } from "../../../src/wire/mod.ts";
import { filterProtocol, openSocket, SOL_PACKET } from "./packet.ts";

const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const TPACKET_V2 = 1;
const TP_STATUS_KERNEL = 0;
const TP_STATUS_USER = 1;
const PROT_READ_WRITE = 0x1 | 0x2;
const MAP_SHARED = 0x1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** `struct tpacket2_hdr` of linux/if_packet.h, in words, and in half-words for tp_mac. */
const TPACKET2 = { len: 1, mac: 6, sec: 4, nsec: 5 } as const;

const SLOT_BYTES = 256;
const SNAP_BYTES = 128;
const BLOCK_BYTES = 65536;

/** A ring for the session frames of one PPP protocol that arrive at an interface. */
export class Ring {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array<ArrayBuffer>;
  /** Offset in `bytes` of the frame at the head. */
  offset = 0;
  /** Whole length of the frame at the head. */
  wireLength = 0;
  /** Time of arrival of the frame at the head. */
  sec = 0;
  nsec = 0;

  readonly #fd: number;
  readonly #mapping: Deno.PointerObject;
  readonly #size: number;
  readonly #statistics = new Uint32Array(2);
  #head = 0;

  /** Opens a ring in the network namespace of the thread. */
  constructor(info: InterfaceInfo, protocol: number, slots: number) {
    this.#size = slots * SLOT_BYTES;
    this.#fd = openSocket(info, ETH_P_PPP_SES, (fd) => {
      const action = `Cannot set up a receive ring on ${info.name}`;
      const blocks = this.#size / BLOCK_BYTES;
      filterProtocol(fd, protocol, SNAP_BYTES);
      setOption(fd, SOL_PACKET, PACKET_VERSION, int(TPACKET_V2), action);
      const ring = tpacketReq(BLOCK_BYTES, blocks, SLOT_BYTES, slots);
      setOption(fd, SOL_PACKET, PACKET_RX_RING, ring, action);
    });
    const mapping = libc.mmap(
      null,
      BigInt(this.#size),
      PROT_READ_WRITE,
      MAP_SHARED,
      this.#fd,
      0n,
    );
    if (mapping === null || Deno.UnsafePointer.value(mapping) === MAP_FAILED) {
      const error = systemError(`Cannot map the receive ring on ${info.name}`, errno());
      libc.close(this.#fd);
      throw error;
    }
    this.#mapping = mapping;
    const buffer = Deno.UnsafePointerView.getArrayBuffer(mapping, this.#size);
    this.bytes = new Uint8Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Uint32Array(buffer);
  }

  /** Checks for a frame at the head and sets the fields that describe it. */
  next(): boolean {
    const word = this.#head >>> 2;
    if ((Atomics.load(this.words, word) & TP_STATUS_USER) === 0) return false;
    this.offset = this.#head + this.halves[(this.#head >>> 1) + TPACKET2.mac];
    this.wireLength = this.words[word + TPACKET2.len];
    this.sec = this.words[word + TPACKET2.sec];
    this.nsec = this.words[word + TPACKET2.nsec];
    return true;
  }

  /** Returns the slot at the head to the kernel. */
  release(): void {
    Atomics.store(this.words, this.#head >>> 2, TP_STATUS_KERNEL);
    this.#head += SLOT_BYTES;
    if (this.#head === this.#size) this.#head = 0;
  }

  /** Returns the number of frames that found no slot since the last call. */
  drops(): number {
    getOption(this.#fd, SOL_PACKET, PACKET_STATISTICS, this.#statistics);
    return this.#statistics[1];
  }

  /** Closes the ring. */
  close(): void {
    this.words.buffer.transfer();
    libc.munmap(this.#mapping, BigInt(this.#size));
    libc.close(this.#fd);
  }
}
