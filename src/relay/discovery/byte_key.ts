// Keys of maps, made of bytes.

/** Makes a text of bytes, which differs for different bytes. */
export function byteKey(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
