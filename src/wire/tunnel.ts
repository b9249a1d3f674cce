// The tunnel frame: type (u16, big-endian), length of the payload (unsigned LEB128), payload.

import { readUint16, writeUint16 } from "./uint16.ts";

/** Types of tunnel frames. An older peer, which has no handshake, knows only the first four. */
export const FRAME = {
  PING: 0x00,
  PONG: 0x01,
  DISCOVERY: 0x02,
  SESSION: 0x03,
  HELLO: 0x10,
  WELCOME: 0x11,
  GOODBYE: 0x12,
  SESSION_LIST: 0x13,
  STATE: 0x14,
} as const;

/** Maximum length of the payload, in bytes. A longer payload ends the connection. */
export const MAX_PAYLOAD = 65536;

/** Maximum length of the length field, in bytes. A longer field ends the connection. */
export const MAX_LEB128 = 3;

/** Maximum length of the header (type and length), in bytes. */
export const MAX_HEADER = 5;

/** Result of {@linkcode readHeader} for a length field longer than {@linkcode MAX_LEB128}. */
export const FAULT_LEB128: number = -1;
/** Result of {@linkcode readHeader} for a payload longer than {@linkcode MAX_PAYLOAD}. */
export const FAULT_TOO_LONG: number = -2;

/** The header of a tunnel frame: made once, and filled by {@linkcode readHeader} for each frame. */
export interface TunnelHeader {
  /** One of {@linkcode FRAME}, or a value that this version does not know. */
  type: number;
  /** Length of the payload, in bytes. */
  length: number;
}

const TYPE_LENGTH = 2;
const CONTINUES = 0x80;

/**
 * Reads the header of a tunnel frame. Allocates nothing.
 *
 * @param bytes The bytes that hold the frame
 * @param offset The offset of the frame in `bytes`
 * @param end The offset in `bytes` of the end of the received bytes
 * @param header The object to fill, which is unchanged unless the header was read to its end
 * @returns The length of the header in bytes, 3 to 5; 0 if more bytes are needed; or {@linkcode
 * FAULT_LEB128} or {@linkcode FAULT_TOO_LONG}, which are negative
 *
 * @example Usage
 * ```ts
 * import { encodeFrame, FRAME, readHeader } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeFrame(FRAME.PING, new Uint8Array(200));
 * const header = { type: 0, length: 0 };
 * assertEquals(readHeader(bytes, 0, bytes.length, header), 4);
 * assertEquals(header, { type: FRAME.PING, length: 200 });
 * assertEquals(readHeader(bytes, 0, 3, header), 0);
 * ```
 */
export function readHeader(
  bytes: Uint8Array,
  offset: number,
  end: number,
  header: TunnelHeader,
): number {
  let at = offset + TYPE_LENGTH;
  let length = 0;
  for (let i = 0; i < MAX_LEB128; i++) {
    if (at >= end) return 0;
    const byte = bytes[at++];
    length |= (byte & 0x7f) << (7 * i);
    if (byte < CONTINUES) {
      header.type = readUint16(bytes, offset);
      header.length = length;
      return length > MAX_PAYLOAD ? FAULT_TOO_LONG : at - offset;
    }
  }
  return FAULT_LEB128;
}

/**
 * Computes the length of a tunnel frame's header with the shortest length field. Allocates nothing.
 *
 * @param payloadLength The length of the payload in bytes, up to {@linkcode MAX_PAYLOAD}
 * @returns The length of the header in bytes, 3 to 5
 *
 * @example Usage
 * ```ts
 * import { headerLength } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(headerLength(127), 3);
 * assertEquals(headerLength(128), 4);
 * ```
 */
export function headerLength(payloadLength: number): number {
  if (payloadLength < 1 << 7) return TYPE_LENGTH + 1;
  return payloadLength < 1 << 14 ? TYPE_LENGTH + 2 : TYPE_LENGTH + 3;
}

/**
 * Writes the header of a tunnel frame, with the shortest length field. Allocates nothing.
 *
 * @param bytes The bytes to write to, with room for {@linkcode headerLength} bytes
 * @param offset The offset of the header in `bytes`
 * @param type One of {@linkcode FRAME}
 * @param length The length of the payload in bytes
 * @returns The number of bytes written
 * @throws {RangeError} If the length exceeds {@linkcode MAX_PAYLOAD}, for which the peer would end
 * the connection
 *
 * @example Usage
 * ```ts
 * import { FRAME, writeHeader } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(4);
 * assertEquals(writeHeader(bytes, 0, FRAME.SESSION, 1514), 4);
 * assertEquals(bytes, new Uint8Array([0x00, 0x03, 0xea, 0x0b]));
 * ```
 */
export function writeHeader(
  bytes: Uint8Array,
  offset: number,
  type: number,
  length: number,
): number {
  if (length > MAX_PAYLOAD) {
    throw new RangeError(
      `Cannot emit tunnel frame: ${length} bytes of payload exceed the maximum of ${MAX_PAYLOAD}`,
    );
  }
  writeUint16(bytes, offset, type);
  let at = offset + TYPE_LENGTH;
  let rest = length;
  while (rest >= CONTINUES) {
    bytes[at++] = (rest & 0x7f) | CONTINUES;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at - offset;
}

/**
 * Builds a whole tunnel frame. Copies the payload; the data path writes header and payload in place.
 *
 * @param type One of {@linkcode FRAME}
 * @param payload The payload
 * @returns The tunnel frame
 * @throws {RangeError} If the payload is longer than {@linkcode MAX_PAYLOAD}
 *
 * @example Usage
 * ```ts
 * import { encodeFrame, FRAME } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encodeFrame(FRAME.PONG, new Uint8Array([7])), new Uint8Array([0, 1, 1, 7]));
 * ```
 */
export function encodeFrame(type: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerLength(payload.length) + payload.length);
  const start = writeHeader(bytes, 0, type, payload.length);
  bytes.set(payload, start);
  return bytes;
}
