// The Ethernet header: MAC addresses and the EtherType, read and changed in place.

import { readUint16 } from "./uint16.ts";

/** Length of a MAC address, in bytes. */
export const ETH_ALEN = 6;

/** Length of the Ethernet header (destination, source, EtherType), in bytes. */
export const ETH_HLEN = 14;

/** The largest payload of an Ethernet frame, in bytes, which is the MTU of most links (linux/if_ether.h). */
export const ETH_DATA_LEN = 1500;

/** EtherType of the PPPoE discovery stage (RFC 2516, section 4). */
export const ETH_P_PPP_DISC = 0x8863;

/** EtherType of the PPPoE session stage (RFC 2516, section 4). */
export const ETH_P_PPP_SES = 0x8864;

/** The broadcast address, ff:ff:ff:ff:ff:ff, to which a host sends its PADI. */
export const ETH_BROADCAST: Uint8Array = new Uint8Array(ETH_ALEN).fill(0xff);

/** The fields of the header, each as [first byte, byte after the last]. */
export const ETHERNET = {
  destination: [0, 6],
  source: [6, 12],
  etherType: [12, 14],
} as const;

const ETHER_TYPE = ETHERNET.etherType[0];

/** The codes of hexadecimal digits. */
const HEX_CODES = [..."0123456789abcdef"].map((digit) => digit.charCodeAt(0));
/** The codes of the address that is being formatted, with its colons. */
const macCodes: number[] = [..."00:00:00:00:00:00"].map((digit) => digit.charCodeAt(0));
const MAC_TEXT = /^[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}$/i;

/**
 * Parses a MAC address: six pairs of hexadecimal digits in either case, separated either all by `:`
 * or all by `-`.
 *
 * @param text The address, such as `00:11:22:33:44:55`
 * @returns The six bytes of the address
 * @throws {TypeError} If the text is not a MAC address
 *
 * @example Usage
 * ```ts
 * import { parseMac } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseMac("02:00:5e:10:00:01"), new Uint8Array([2, 0, 0x5e, 0x10, 0, 1]));
 * ```
 */
export function parseMac(text: string): Uint8Array<ArrayBuffer> {
  if (!MAC_TEXT.test(text)) {
    throw new TypeError(
      `Cannot parse MAC address ${
        JSON.stringify(text)
      }: Expected six bytes, as in 00:11:22:33:44:55`,
    );
  }
  return Uint8Array.from(text.split(/[:-]/), (pair) => parseInt(pair, 16));
}

/**
 * Formats a MAC address in lower case with colons.
 *
 * @param bytes The bytes that hold the address
 * @param offset The offset of the address in `bytes`
 * @returns The text, with 00 for each byte beyond the end of `bytes`
 *
 * @example Usage
 * ```ts
 * import { ETH_BROADCAST, formatMac } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatMac(ETH_BROADCAST), "ff:ff:ff:ff:ff:ff");
 * ```
 */
export function formatMac(bytes: Uint8Array, offset = 0): string {
  const codes = macCodes;
  for (let i = 0; i < ETH_ALEN; i++) {
    const byte = bytes[offset + i] ?? 0;
    codes[3 * i] = HEX_CODES[byte >> 4];
    codes[3 * i + 1] = HEX_CODES[byte & 0x0f];
  }
  // One text, without those that would be joined to it: addresses are keys of tables.
  return String.fromCharCode(...codes);
}

/**
 * Checks whether two MAC addresses are equal. Allocates nothing.
 *
 * @param a The bytes that hold the first address
 * @param aOffset The offset of the address in `a`
 * @param b The bytes that hold the second address
 * @param bOffset The offset of the address in `b`
 * @returns True if all six bytes are equal
 *
 * @example Usage
 * ```ts
 * import { ETH_BROADCAST, ETHERNET, sameMac } from "pppoe-proxy";
 * import { assert } from "@std/assert";
 *
 * const frame = new Uint8Array(60).fill(0xff, 0, 6);
 * assert(sameMac(frame, ETHERNET.destination[0], ETH_BROADCAST, 0));
 * ```
 */
export function sameMac(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): boolean {
  // Compare the last bytes first: addresses of one vendor differ there.
  return a[aOffset + 5] === b[bOffset + 5] &&
    a[aOffset + 4] === b[bOffset + 4] &&
    a[aOffset + 3] === b[bOffset + 3] &&
    a[aOffset + 2] === b[bOffset + 2] &&
    a[aOffset + 1] === b[bOffset + 1] &&
    a[aOffset] === b[bOffset];
}

/**
 * Copies a MAC address. Allocates nothing, unlike `set(subarray())`.
 *
 * @param from The bytes that hold the address
 * @param fromOffset The offset of the address in `from`
 * @param to The bytes to copy the address to
 * @param toOffset The offset in `to` to copy it to
 *
 * @example Usage
 * ```ts
 * import { copyMac, ETHERNET, formatMac, parseMac } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = new Uint8Array(60);
 * copyMac(parseMac("02:00:00:00:00:01"), 0, frame, ETHERNET.source[0]);
 * assertEquals(formatMac(frame, ETHERNET.source[0]), "02:00:00:00:00:01");
 * ```
 */
export function copyMac(
  from: Uint8Array,
  fromOffset: number,
  to: Uint8Array,
  toOffset: number,
): void {
  to[toOffset] = from[fromOffset];
  to[toOffset + 1] = from[fromOffset + 1];
  to[toOffset + 2] = from[fromOffset + 2];
  to[toOffset + 3] = from[fromOffset + 3];
  to[toOffset + 4] = from[fromOffset + 4];
  to[toOffset + 5] = from[fromOffset + 5];
}

/**
 * Checks whether a MAC address can belong to one station: its group bit is clear and it is not all
 * zeros.
 *
 * @param bytes The bytes that hold the address
 * @param offset The offset of the address in `bytes`
 * @returns True if it is a unicast address
 *
 * @example Usage
 * ```ts
 * import { ETH_BROADCAST, isUnicastMac, parseMac } from "pppoe-proxy";
 * import { assert, assertFalse } from "@std/assert";
 *
 * assert(isUnicastMac(parseMac("02:00:00:00:00:01")));
 * assertFalse(isUnicastMac(ETH_BROADCAST));
 * ```
 *
 * See IEEE 802 (the I/G bit).
 */
export function isUnicastMac(bytes: Uint8Array, offset = 0): boolean {
  return (bytes[offset] & 1) === 0 &&
    (bytes[offset] | bytes[offset + 1] | bytes[offset + 2] | bytes[offset + 3] |
        bytes[offset + 4] | bytes[offset + 5]) !== 0;
}

/**
 * Reads the EtherType. Allocates nothing.
 *
 * @param bytes The bytes that hold the frame
 * @param offset The offset of the frame in `bytes`
 * @returns The EtherType; 0 if it lies beyond the end of `bytes`
 *
 * @example Usage
 * ```ts
 * import { ETH_P_PPP_DISC, readEtherType } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = new Uint8Array(60);
 * frame[12] = 0x88;
 * frame[13] = 0x63;
 * assertEquals(readEtherType(frame), ETH_P_PPP_DISC);
 * ```
 */
export function readEtherType(bytes: Uint8Array, offset = 0): number {
  return readUint16(bytes, offset + ETHER_TYPE);
}
