// Sending up to 64 frames with one sendmmsg(2), from slots in fixed memory.

import { ERRNO, errno, systemError } from "../../../ffi/errno.ts";
import { libc } from "../../../ffi/libc.ts";
import { Pinned, writeAddress } from "../../../ffi/pinned.ts";
import { MSG_DONTWAIT } from "../../../ffi/structs.ts";
import { monotonicNs, sleepUntil } from "./clock.ts";

/** `struct mmsghdr` and `struct iovec` of sendmmsg(2), in 32-bit words (LP64). */
const MMSGHDR = { msgIov: 4, msgIovlen: 6, length: 16 } as const;
const IOVEC = { base: 0, len: 2, length: 4 } as const;

/** Number of slots. */
export const SLOTS = 64;
/** Offset of a frame in its slot, which aligns the bytes after the PPPoE header to words. */
const FRAME_AT = 2;
const CACHE_LINE = 64;
const RETRY_NS = 20_000;
const GIVE_UP_NS = 200_000_000;

/** Slots for frames of one length. The kernel copies the frames during the call. */
export class Burst {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  /** Number of times that a frame was refused and had to be sent again. */
  refused = 0;

  readonly #fd: number;
  readonly #strideBytes: number;
  readonly #frameBytes: number;
  readonly #memory: Pinned;
  readonly #headers: Pinned;
  readonly #from: Uint8Array<ArrayBuffer>[] = [];

  constructor(fd: number, frameBytes: number) {
    this.#fd = fd;
    this.#frameBytes = frameBytes;
    this.#strideBytes = Math.ceil((FRAME_AT + frameBytes) / CACHE_LINE) * CACHE_LINE;
    this.#memory = new Pinned(new Uint8Array(SLOTS * this.#strideBytes));
    this.bytes = this.#memory.bytes;
    this.words = new Uint32Array(this.#memory.bytes.buffer);
    this.#headers = new Pinned(new Uint8Array(SLOTS * 4 * (MMSGHDR.length + IOVEC.length)));
    const words = new Uint32Array(this.#headers.bytes.buffer);
    for (let slot = 0; slot < SLOTS; slot++) {
      const header = slot * MMSGHDR.length;
      const iovec = SLOTS * MMSGHDR.length + slot * IOVEC.length;
      writeAddress(words, header + MMSGHDR.msgIov, this.#headers.address + 4 * iovec);
      words[header + MMSGHDR.msgIovlen] = 1;
      writeAddress(words, iovec + IOVEC.base, this.#memory.address + this.at(slot));
      words[iovec + IOVEC.len] = frameBytes;
      this.#from.push(this.#headers.bytes.subarray(4 * header));
    }
  }

  /** Returns the offset in `bytes` of a slot's frame. */
  at(slot: number): number {
    return slot * this.#strideBytes + FRAME_AT;
  }

  /** Returns a slot's frame, to be filled in. */
  frame(slot: number): Uint8Array {
    return this.bytes.subarray(this.at(slot), this.at(slot) + this.#frameBytes);
  }

  /**
   * Sends the frames of the first slots. Tries again when a full queue refuses some, because a frame that
   * never left must not count as lost.
   *
   * @param count The number of slots
   * @throws {SystemError} If the interface accepts nothing for 0.2 s, or is gone
   */
  send(count: number): void {
    let first = 0;
    let giveUpNs = 0;
    while (first < count) {
      const taken = libc.sendmmsg(this.#fd, this.#from[first], count - first, MSG_DONTWAIT);
      if (taken > 0) {
        first += taken;
        continue;
      }
      const error = errno();
      const nowNs = monotonicNs();
      if (giveUpNs === 0) giveUpNs = nowNs + GIVE_UP_NS;
      const full = error === ERRNO.EAGAIN || error === ERRNO.ENOBUFS;
      if (!full || nowNs > giveUpNs) throw systemError("Cannot send", error);
      this.refused++;
      sleepUntil(nowNs + RETRY_NS);
    }
  }
}
