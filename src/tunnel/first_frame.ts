// The first frame of a connection, assembled from the parts in which it arrives.

import { concat } from "@std/bytes";
import { readHeader } from "../wire/mod.ts";
import { readUint16 } from "../wire/uint16.ts";

/** The maximum length of a greeting, so that a stranger cannot make us buffer more. */
export const GREETING_MAX = 1024;

const TYPE_LENGTH = 2;

/** Collects bytes until the first frame is complete. */
export class FirstFrame {
  /** The frame's type; undefined until its two bytes have arrived. */
  type: number | undefined;
  /** The payload; undefined until the frame is complete. */
  payload: Uint8Array | undefined;
  /** The bytes that arrived after the frame. */
  behind: Uint8Array = new Uint8Array(0);
  readonly #bytes = new Uint8Array(GREETING_MAX);
  readonly #header = { type: 0, length: 0 };
  #end = 0;

  /** The bytes so far, up to {@linkcode GREETING_MAX} of them, of whatever the peer sends. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  /**
   * Adds the next bytes. {@linkcode type} is set as soon as it is known, long before the end of a frame that
   * is not a greeting.
   *
   * @param part The bytes, which are copied
   * @returns False if the frame is longer than {@linkcode GREETING_MAX} bytes
   */
  push(part: Uint8Array): boolean {
    const room = part.subarray(0, GREETING_MAX - this.#end);
    this.#bytes.set(room, this.#end);
    this.#end += room.length;
    if (this.#end < TYPE_LENGTH) return true;
    this.type = readUint16(this.#bytes, 0);
    const size = readHeader(this.#bytes, 0, this.#end, this.#header);
    const whole = size + this.#header.length;
    if (size < 0 || (size > 0 && whole > GREETING_MAX)) return false;
    if (size > 0 && this.#end >= whole) {
      this.payload = this.#bytes.slice(size, whole);
      this.behind = concat([this.#bytes.subarray(whole, this.#end), part.subarray(room.length)]);
    }
    return true;
  }
}
