// The PPPoE header and whole discovery frames. Offsets count from the start of the Ethernet frame.

import { ETH_ALEN, ETH_HLEN, ETH_P_PPP_DISC, ETHERNET, readEtherType } from "./ethernet.ts";
import { emitTags, parseTags, type Tag, tagsLength } from "./tags.ts";

/** Length of the PPPoE header, in bytes. */
export const PPPOE_HLEN = 6;

/** Length of the Ethernet and the PPPoE header together, in bytes: where the payload starts. */
export const PPPOE_FRAME_HLEN: number = ETH_HLEN + PPPOE_HLEN;

/** VER and TYPE, both 1: the only ones that exist (RFC 2516, section 4). */
export const PPPOE_VERTYPE = 0x11;

/**
 * The fields of the header: name to [first byte, byte after the last], and where the payload
 * starts.
 *
 * @see RFC 2516, section 4
 */
export const PPPOE = {
  verType: [14, 15],
  code: [15, 16],
  sessionId: [16, 18],
  length: [18, 20],
  payload: 20,
} as const;

/**
 * The CODE field.
 *
 * @see RFC 2516, section 5; RFC 5578 (PADG, PADC, PADQ); IANA, PPPoE Parameters (PADM, PADN)
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

/** What {@linkcode frameLength} returns for a frame that is shorter than its headers. */
export const FAULT_SHORT: number = -1;
/** What {@linkcode frameLength} returns for a frame whose VER and TYPE are not both 1. */
export const FAULT_VERSION: number = -2;
/** What {@linkcode frameLength} returns for a frame that ends before its PPPoE length says. */
export const FAULT_LENGTH: number = -3;

/** A whole discovery frame. The addresses have six bytes each. */
export interface DiscoveryPacket {
  /** Where it goes. */
  destination: Uint8Array;
  /** Who sent it. */
  source: Uint8Array;
  /** One of {@linkcode CODE}, or what a later RFC adds. */
  code: number;
  /** 0 where there is no session yet. */
  sessionId: number;
  /** In their order; End-Of-List is not among them. */
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
 * @param code The value of the field.
 * @returns Its name, such as `PADI`; a number such as `0x42` when it has none.
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
  return CODE_NAMES.get(code) ?? `0x${code.toString(16).padStart(2, "0")}`;
}

/**
 * Reads the CODE field. Allocates nothing.
 *
 * @param bytes The bytes that hold the frame.
 * @param offset Where in them the frame starts.
 * @returns The code.
 *
 * @see RFC 2516, section 4
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
 */
export function readCode(bytes: Uint8Array, offset = 0): number {
  return bytes[offset + CODE_AT];
}

/**
 * Reads the SESSION_ID field. Allocates nothing.
 *
 * @param bytes The bytes that hold the frame.
 * @param offset Where in them the frame starts.
 * @returns The session id, 0 to 65535; 0 where the bytes are not there.
 *
 * @see RFC 2516, section 4
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
 */
export function readSessionId(bytes: Uint8Array, offset = 0): number {
  return (bytes[offset + SESSION_ID] << 8) | bytes[offset + SESSION_ID + 1];
}

/**
 * Writes the SESSION_ID field in place. Allocates nothing.
 *
 * @param bytes The bytes that hold the frame.
 * @param offset Where in them the frame starts.
 * @param id The session id, 0 to 65535.
 *
 * @see RFC 2516, section 4
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
 */
export function writeSessionId(bytes: Uint8Array, offset: number, id: number): void {
  bytes[offset + SESSION_ID] = id >>> 8;
  bytes[offset + SESSION_ID + 1] = id;
}

/**
 * Checks the PPPoE header and gives the length of the frame without what Ethernet padded. Trusts
 * the PPPoE length only as far as there are bytes, and looks at neither EtherType nor code.
 * Allocates nothing.
 *
 * @param bytes The bytes that hold the frame.
 * @param offset Where in them the frame starts.
 * @param length How many bytes were received.
 * @returns The length in bytes, 20 or more; or {@linkcode FAULT_SHORT}, {@linkcode FAULT_VERSION}
 * or {@linkcode FAULT_LENGTH}, which are negative.
 *
 * @see RFC 2516, section 4
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
 */
export function frameLength(bytes: Uint8Array, offset: number, length: number): number {
  if (length < PAYLOAD) return FAULT_SHORT;
  if (bytes[offset + VERTYPE] !== PPPOE_VERTYPE) return FAULT_VERSION;
  const whole = PAYLOAD + ((bytes[offset + LENGTH] << 8) | bytes[offset + LENGTH + 1]);
  return whole > length ? FAULT_LENGTH : whole;
}

/**
 * Does what {@linkcode frameLength} does, for a discovery frame. A PADT needs no payload, and stations
 * put all sorts of things there: one whose PPPoE length goes beyond the frame ends with its header.
 *
 * @param bytes The bytes that hold the frame.
 * @param offset Where in them the frame starts.
 * @param length How many bytes were received.
 * @returns What {@linkcode frameLength} returns; 20 for such a PADT.
 *
 * @see RFC 2516, section 5.5
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
 */
export function discoveryLength(bytes: Uint8Array, offset: number, length: number): number {
  const whole = frameLength(bytes, offset, length);
  return whole === FAULT_LENGTH && readCode(bytes, offset) === CODE.PADT ? PAYLOAD : whole;
}

/**
 * Takes a discovery frame apart. Never throws.
 *
 * @param frame The whole Ethernet frame; padding after it is cut.
 * @returns The packet, its addresses and tag values parts of `frame` (copy what must outlive it);
 * `undefined` when the EtherType is another, the frame is short or of another version, or a tag
 * runs over the end. A PADT whose payload can't be read has no tags: it needs none.
 *
 * @see RFC 2516, sections 4 and 5
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
 * Puts a discovery frame together. It is not padded to Ethernet's 60 bytes: the kernel or the card
 * does that.
 *
 * @param packet What to write.
 * @returns The whole Ethernet frame.
 * @throws {RangeError} If an address has not six bytes, or the tags need more than 65535.
 *
 * @see RFC 2516, sections 4 and 5
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
 */
export function emitDiscovery(packet: DiscoveryPacket): Uint8Array<ArrayBuffer> {
  const { destination, source, code, sessionId, tags } = packet;
  const length = tagsLength(tags);
  if (length > MAX_LENGTH) {
    throw new RangeError(`Cannot emit ${codeName(code)}: ${length} bytes of tags are over 65535`);
  }
  const frame = new Uint8Array(PAYLOAD + length);
  emitHeader(frame, destination, source, ETH_P_PPP_DISC, code, sessionId, length);
  emitTags(tags, frame, PAYLOAD);
  return frame;
}

/**
 * Writes the Ethernet and the PPPoE header at the start of `frame`.
 *
 * @param frame Where to write: 20 bytes or more.
 * @param destination Six bytes.
 * @param source Six bytes.
 * @param etherType {@linkcode ETH_P_PPP_DISC} or {@linkcode ETH_P_PPP_SES}.
 * @param code One of {@linkcode CODE}.
 * @param sessionId 0 to 65535.
 * @param length Of the payload, in bytes, 0 to 65535.
 * @throws {RangeError} If an address has not six bytes.
 *
 * @see RFC 2516, section 4
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
      `Cannot emit ${codeName(code)}: A MAC address has ${ETH_ALEN} bytes, not ${
        destination.length === ETH_ALEN ? source.length : destination.length
      }`,
    );
  }
  frame.set(destination, ETHERNET.destination[0]);
  frame.set(source, ETHERNET.source[0]);
  frame[ETHERNET.etherType[0]] = etherType >>> 8;
  frame[ETHERNET.etherType[0] + 1] = etherType;
  frame[VERTYPE] = PPPOE_VERTYPE;
  frame[CODE_AT] = code;
  writeSessionId(frame, 0, sessionId);
  frame[LENGTH] = length >>> 8;
  frame[LENGTH + 1] = length;
}
