// Bytes as a key of a map.

/** The same text for the same bytes, and another one for any others. */
export function byteKey(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
