// Compares byte arrays, on node:buffer.

import { Buffer } from "node:buffer";

/**
 * Says whether two byte arrays hold the same bytes.
 *
 * @param a One array
 * @param b The other array
 * @returns `true` if both have the same length and the same bytes
 */
export function equals(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
