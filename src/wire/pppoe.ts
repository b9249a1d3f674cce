// The PPPoE header and whole discovery frames. Offsets are from the start of the Ethernet frame.

import { ETH_ALEN, ETH_HLEN, ETH_P_PPP_DISC, ETHERNET, readEtherType } from "./ethernet.ts";
import { emitTags, parseTags, type Tag, tagsLength } from "./tags.ts";
import { formatHex } from "./text.ts";
import { readUint16, writeUint16 } from "./uint16.ts";

/** Length of the PPPoE header, in bytes. */
export const PPPOE_HLEN = 6;

/** Length of the Ethernet and PPPoE headers together, in bytes; the payload starts there. */
export const PPPOE_FRAME_HLEN: number = ETH_HLEN + PPPOE_HLEN;

/** VER and TYPE, both 1, which is the only version that exists (RFC 2516, section 4). */
export const PPPOE_VERTYPE = 0x11;

/**
 * The fields of the header, each as [first byte, byte after the last], and the start of the payload.
 *
 * See RFC 2516, section 4.
 */
export const PPPOE = {
  verType: [14, 15],
  code: [15, 16],
  sessionId: [16, 18],
  length: [18, 20],
  payload: 20,
} as const;

/**
 * Values of the CODE field.
 *
 * See RFC 2516, section 5; RFC 5578 (PADG, PADC, PADQ); IANA, PPPoE Parameters (PADM, PADN).
 */
export const CODE = {
  SESSION: 0x00,
  PADO: 0x07,
  PADI: 0x09,
  PADG: 0x0a,
  PADC: 0x0b,
  PADQ: 0x0c,
  PADR: 0x19,
  PADS: 0x65,
  PADT: 0xa7,
  PADM: 0xd3,
  PADN: 0xd4,
} as const;

/** Result of {@linkcode frameLength} for a frame shorter than its headers. */
export const FAULT_SHORT: number = -1;
/** Result of {@linkcode frameLength} for a frame whose VER and TYPE are not both 1. */
export const FAULT_VERSION: number = -2;
/** Result of {@linkcode frameLength} for a frame shorter than its PPPoE length says. */
export const FAULT_LENGTH: number = -3;

/** A whole discovery frame. Each address is six bytes long. */
export interface DiscoveryPacket {
  /** Address of the receiver. */
  destination: Uint8Array;
  /** Address of the sender. */
  source: Uint8Array;
  /** One of {@linkcode CODE}, or a value from a later RFC. */
  code: number;
  /** Session id, 0 before there is a session. */
  sessionId: number;
  /** The tags in order, without End-Of-List. */
  tags: Tag[];
}

const VERTYPE = PPPOE.verType[0];
const CODE_AT = PPPOE.code[0];
const SESSION_ID = PPPOE.sessionId[0];
const LENGTH = PPPOE.length[0];
const PAYLOAD = PPPOE.payload;
const MAX_LENGTH = 0xffff;

const CODE_NAMES = new Map<number, string>(
  Object.entries(CODE).map(([name, code]) => [code, name]),
);

/**
 * Names a CODE for a log.
 *
 * @param code The value of the field
 * @returns The name, such as `PADI`, or a number such as `0x42` if the code is unknown
 *
 * @example Usage
 * ```ts
 * import { CODE, codeName } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(codeName(CODE.PADT), "PADT");
 * assertEquals(codeName(0x42), "0x42");
 * ```
 */
export function codeName(code: number): string {
  return CODE_NAMES.get(code) ?? formatHex(code, 2);
}

/**
 * Reads the CODE field. Allocates nothing.
 *
 * @param bytes The bytes that hold the frame
 * @param offset The offset of the frame in `bytes`
 * @returns The code
 *
 * @example Usage
 * ```ts
 * import { CODE, emitDiscovery, ETH_BROADCAST, parseMac, readCode } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const source = parseMac("02:00:00:00:00:01");
 * const padi = emitDiscovery({
 *   destination: ETH_BROADCAST,
 *   source,
 *   code: CODE.PADI,
 *   sessionId: 0,
 *   tags: [],
 * });
 * assertEquals(readCode(padi), CODE.PADI);
 * ```
 *
 * See RFC 2516, section 4.
 */
export function readCode(bytes: Uint8Array, offset = 0): number {
  return bytes[offset + CODE_AT];
}

/**
 * Reads the SESSION_ID field. Allocates nothing.
 *
 * @param bytes The bytes that hold the frame
 * @param offset The offset of the frame in `bytes`
 * @returns The session id, 0 to 65535; 0 if it lies beyond the end of `bytes`
 *
 * @example Usage
 * ```ts
 * import { readSessionId, writeSessionId } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = new Uint8Array(60);
 * writeSessionId(frame, 0, 0x1234);
 * assertEquals(readSessionId(frame), 0x1234);
 * ```
 *
 * See RFC 2516, section 4.
 */
export function readSessionId(bytes: Uint8Array, offset = 0): number {
  return readUint16(bytes, offset + SESSION_ID);
}

/**
 * Writes the SESSION_ID field in place. Allocates nothing.
 *
 * @param bytes The bytes that hold the frame
 * @param offset The offset of the frame in `bytes`
 * @param id The session id, 0 to 65535
 *
 * @example Usage
 * ```ts
 * import { PPPOE, writeSessionId } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = new Uint8Array(60);
 * writeSessionId(frame, 0, 0x1234);
 * assertEquals(frame.subarray(...PPPOE.sessionId), new Uint8Array([0x12, 0x34]));
 * ```
 *
 * See RFC 2516, section 4.
 */
export function writeSessionId(bytes: Uint8Array, offset: number, id: number): void {
  writeUint16(bytes, offset + SESSION_ID, id);
}

/**
 * Checks the PPPoE header and computes the length of the frame without Ethernet padding. Trusts the
 * PPPoE length only within the received bytes, and ignores EtherType and code. Allocates nothing.
 *
 * @param bytes The bytes that hold the frame
 * @param offset The offset of the frame in `bytes`
 * @param length The number of bytes received
 * @returns The length in bytes, at least 20; or {@linkcode FAULT_SHORT}, {@linkcode FAULT_VERSION}
 * or {@linkcode FAULT_LENGTH}, which are negative
 *
 * @example Usage
 * ```ts
 * import { FAULT_SHORT, frameLength } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = new Uint8Array(60);
 * frame.set([0x11, 0x09, 0, 0, 0, 4, 0x01, 0x01, 0, 0], 14);
 * assertEquals(frameLength(frame, 0, frame.length), 24);
 * assertEquals(frameLength(frame, 0, 19), FAULT_SHORT);
 * ```
 *
 * See RFC 2516, section 4.
 */
export function frameLength(bytes: Uint8Array, offset: number, length: number): number {
  if (length < PAYLOAD) return FAULT_SHORT;
  if (bytes[offset + VERTYPE] !== PPPOE_VERTYPE) return FAULT_VERSION;
  const whole = PAYLOAD + readUint16(bytes, offset + LENGTH);
  return whole > length ? FAULT_LENGTH : whole;
}

/**
 * Does the same as {@linkcode frameLength} for a discovery frame. A PADT needs no payload, and
 * stations put all kinds of bytes there, so a PADT whose PPPoE length exceeds the frame is taken to
 * end with its header.
 *
 * @param bytes The bytes that hold the frame
 * @param offset The offset of the frame in `bytes`
 * @param length The number of bytes received
 * @returns The result of {@linkcode frameLength}, or 20 for such a PADT
 *
 * @example Usage
 * ```ts
 * import { discoveryLength, FAULT_LENGTH, frameLength } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const padt = new Uint8Array(60);
 * padt.set([0x88, 0x63, 0x11, 0xa7, 0x00, 0x2a, 0xff, 0xff], 12);
 * assertEquals(frameLength(padt, 0, padt.length), FAULT_LENGTH);
 * assertEquals(discoveryLength(padt, 0, padt.length), 20);
 * ```
 *
 * See RFC 2516, section 5.5.
 */
export function discoveryLength(bytes: Uint8Array, offset: number, length: number): number {
  const whole = frameLength(bytes, offset, length);
  return whole === FAULT_LENGTH && readCode(bytes, offset) === CODE.PADT ? PAYLOAD : whole;
}

/**
 * Parses a discovery frame. Never throws.
 *
 * @param frame The Ethernet frame, possibly with padding
 * @returns The packet, whose addresses and tag values are views of `frame` (copy those that must
 * outlive it); `undefined` if the EtherType is not that of discovery, the frame is too short or has
 * another version, or a tag extends beyond the end. A PADT with an unreadable payload is returned
 * without tags, because it needs none.
 *
 * @example Usage
 * ```ts
 * import { CODE, parseDiscovery } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = new Uint8Array(60);
 * frame.set([0x88, 0x63, 0x11, 0xa7, 0x00, 0x2a, 0, 0], 12);
 * assertEquals(parseDiscovery(frame)?.code, CODE.PADT);
 * assertEquals(parseDiscovery(frame)?.sessionId, 42);
 * assertEquals(parseDiscovery(frame.subarray(0, 19)), undefined);
 * ```
 *
 * See RFC 2516, sections 4 and 5.
 */
export function parseDiscovery(frame: Uint8Array): DiscoveryPacket | undefined {
  const length = discoveryLength(frame, 0, frame.length);
  if (length < 0 || readEtherType(frame) !== ETH_P_PPP_DISC) return undefined;
  const code = readCode(frame);
  const tags = parseTags(frame.subarray(PAYLOAD, length)) ?? (code === CODE.PADT ? [] : undefined);
  if (tags === undefined) return undefined;
  return {
    destination: frame.subarray(...ETHERNET.destination),
    source: frame.subarray(...ETHERNET.source),
    code,
    sessionId: readSessionId(frame),
    tags,
  };
}

/**
 * Builds a discovery frame. Does not pad it to Ethernet's 60 bytes: the kernel or the network card
 * does that.
 *
 * @param packet The packet
 * @returns The whole Ethernet frame
 * @throws {RangeError} If an address is not six bytes long or the tags need more than 65535 bytes
 *
 * @example Usage
 * ```ts
 * import { CODE, emitDiscovery, ETH_BROADCAST, parseMac, printFrame, TAG, textTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const padi = emitDiscovery({
 *   destination: ETH_BROADCAST,
 *   source: parseMac("02:00:00:00:00:01"),
 *   code: CODE.PADI,
 *   sessionId: 0,
 *   tags: [textTag(TAG.SERVICE_NAME, "")],
 * });
 * assertEquals(
 *   printFrame(padi),
 *   'PADI sid=0x0000 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff Service-Name=""',
 * );
 * ```
 *
 * See RFC 2516, sections 4 and 5.
 */
export function emitDiscovery(packet: DiscoveryPacket): Uint8Array<ArrayBuffer> {
  const { destination, source, code, sessionId, tags } = packet;
  const length = tagsLength(tags);
  if (length > MAX_LENGTH) {
    throw new RangeError(
      `Cannot emit ${codeName(code)}: ${length} bytes of tags exceed the maximum of ${MAX_LENGTH}`,
    );
  }
  const frame = new Uint8Array(PAYLOAD + length);
  emitHeader(frame, destination, source, ETH_P_PPP_DISC, code, sessionId, length);
  emitTags(tags, frame, PAYLOAD);
  return frame;
}

/**
 * Writes the Ethernet and PPPoE headers at the start of `frame`.
 *
 * @param frame The bytes to write to, at least 20
 * @param destination The address of the receiver, six bytes
 * @param source The address of the sender, six bytes
 * @param etherType {@linkcode ETH_P_PPP_DISC} or {@linkcode ETH_P_PPP_SES}
 * @param code One of {@linkcode CODE}
 * @param sessionId The session id, 0 to 65535
 * @param length The length of the payload in bytes, 0 to 65535
 * @throws {RangeError} If an address is not six bytes long
 *
 * @example Usage
 * ```ts
 * import { CODE, emitHeader, ETH_ALEN, ETH_P_PPP_DISC, parseDiscovery, PPPOE } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const address = new Uint8Array(ETH_ALEN);
 * const frame = new Uint8Array(PPPOE.payload);
 * emitHeader(frame, address, address, ETH_P_PPP_DISC, CODE.PADT, 42, 0);
 * assertEquals(parseDiscovery(frame)?.sessionId, 42);
 * ```
 *
 * See RFC 2516, section 4.
 */
export function emitHeader(
  frame: Uint8Array,
  destination: Uint8Array,
  source: Uint8Array,
  etherType: number,
  code: number,
  sessionId: number,
  length: number,
): void {
  if (destination.length !== ETH_ALEN || source.length !== ETH_ALEN) {
    throw new RangeError(
      `Cannot emit ${codeName(code)}: A MAC address is ${ETH_ALEN} bytes long, not ${
        destination.length === ETH_ALEN ? source.length : destination.length
      }`,
    );
  }
  frame.set(destination, ETHERNET.destination[0]);
  frame.set(source, ETHERNET.source[0]);
  writeUint16(frame, ETHERNET.etherType[0], etherType);
  frame[VERTYPE] = PPPOE_VERTYPE;
  frame[CODE_AT] = code;
  writeSessionId(frame, 0, sessionId);
  writeUint16(frame, LENGTH, length);
}
