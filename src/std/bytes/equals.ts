// Compares byte arrays, on node:buffer.

import { Buffer } from "node:buffer";

/**
 * Checks whether two byte arrays have the same bytes.
 *
 * @param a The first array
 * @param b The second array
 * @returns True if both have the same length and the same bytes
 */
export function equals(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
