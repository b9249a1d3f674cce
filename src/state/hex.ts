// Parsing the hexadecimal digits that `Uint8Array.toHex` writes.

const HEX = /^(?:[0-9a-f]{2})+$/;

/** Parses the digits of one or more bytes. Returns undefined for anything else. */
export function parseHex(text: string): Uint8Array | undefined {
  return HEX.test(text) ? Uint8Array.fromHex(text) : undefined;
}
