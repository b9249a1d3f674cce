// Bytes from the hexadecimal digits that `toHex` made of them.

const HEX = /^(?:[0-9a-f]{2})+$/;

/** Reads what `toHex` made of one byte or more; undefined for anything else. */
export function parseHex(text: string): Uint8Array | undefined {
  return HEX.test(text) ? Uint8Array.fromHex(text) : undefined;
}
