// Memory that the kernel reaches through an address.

/**
 * Memory that the kernel reaches through an address written into some other structure, such as an
 * `iovec`.
 *
 * V8 frees a buffer that only such an address still names: keep the `Pinned` itself in an object
 * that lives as long as the kernel may use the address, and that the code still touches after the
 * call.
 *
 * @example An address for the kernel
 * ```ts
 * import { Pinned } from "pppoe-proxy";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const pinned = new Pinned(new Uint8Array(65536));
 * assertEquals(pinned.bytes.length, 65536);
 * assert(pinned.address > 0);
 * ```
 */
export class Pinned {
  /** The memory. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * Where it starts. A plain number: addresses of a process have at most 48 bits, or 52 on arm64.
   */
  readonly address: number;

  /**
   * Pins memory.
   *
   * @param bytes The memory, from then on in one place
   */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    // V8 keeps a small typed array's bytes on its heap, where they move, until something asks for
    // the buffer. UnsafePointer.of does so.
    this.bytes = bytes;
    this.address = Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
  }
}

/**
 * Writes a 64-bit address into the two 32-bit words from `index`, without the BigInt that a
 * DataView needs.
 */
export function writeAddress(words: Uint32Array, index: number, address: number): void {
  words[index] = address; // modulo 2^32
  words[index + 1] = address / 0x1_0000_0000;
}
