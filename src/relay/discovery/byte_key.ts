// Map keys made from bytes.

/** Makes a string from bytes. Different bytes give different strings. */
export function byteKey(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
