// Memory that the kernel, or a library, accesses through an address.

import { libc } from "./libc.ts";

/**
 * Memory that the kernel accesses through an address in another structure, such as an `iovec`.
 *
 * V8 frees a buffer to which only such an address refers. Keep the `Pinned` in an object that lives as
 * long as the kernel may use the address, and that the code still uses after the call.
 *
 * @example Get an address for the kernel
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
  /** The address of the memory. It fits into a number, since it has at most 48 bits, or 52 on arm64. */
  readonly address: number;

  /**
   * Pins memory.
   *
   * @param bytes The memory, which does not move from now on
   */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    // V8 keeps the bytes of a small typed array on its heap, where they may move, until its buffer is
    // requested, as UnsafePointer.of does.
    this.bytes = bytes;
    this.address = Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
  }
}

/**
 * Writes a 64-bit address into two 32-bit words, without the BigInt that a DataView needs.
 *
 * @param words The words to write to
 * @param index The index of the first of the two words
 * @param address The address
 */
export function writeAddress(words: Uint32Array, index: number, address: number): void {
  words[index] = address; // modulo 2^32
  words[index + 1] = address / 0x1_0000_0000;
}

/**
 * Reads what `writeAddress` has written.
 *
 * @param words The words to read from
 * @param index The index of the first of the two words
 * @returns The address
 */
export function readAddress(words: Uint32Array, index: number): number {
  return words[index] + words[index + 1] * 0x1_0000_0000;
}

/**
 * Passes an address as a "usize". The types of Deno want a BigInt, which would be allocated. A number takes a
 * slower call, of 0.1 µs.
 *
 * @param address The address
 * @returns The same number
 */
export function asUsize(address: number): bigint {
  return address as unknown as bigint;
}

/**
 * Copies memory, without the views that a copy between two arrays would take.
 *
 * @param to The address to copy to
 * @param from The address to copy from
 * @param length The number of bytes
 *
 * See memcpy(3).
 */
export function copyMemory(to: number, from: number, length: number): void {
  libc.memcpy(asUsize(to), asUsize(from), length);
}
