// Joins byte arrays, on node:buffer.

import { Buffer } from "node:buffer";

/**
 * Joins byte arrays into a new one.
 *
 * @param buffers The arrays, in order
 * @returns A new array with the bytes of all of them
 */
export function concat(buffers: readonly Uint8Array[]): ReturnType<Uint8Array["slice"]> {
  // Not the Buffer itself: it has another prototype and may share its memory with others.
  return new Uint8Array(Buffer.concat(buffers));
}
