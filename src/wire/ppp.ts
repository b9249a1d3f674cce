// PPP inside a session frame: protocols, packets in the format of LCP, and whole session frames.

import { ETH_P_PPP_SES, ETHERNET, readEtherType } from "./ethernet.ts";
import { CODE, emitHeader, frameLength, PPPOE, readCode, readSessionId } from "./pppoe.ts";
import { formatHex } from "./text.ts";
import { readUint16, writeUint16 } from "./uint16.ts";

/**
 * Values of the PPP protocol field that occur on PPPoE.
 *
 * See IANA, PPP Numbers.
 */
export const PPP_PROTOCOL = {
  IPV4: 0x0021,
  MP: 0x003d,
  IPV6: 0x0057,
  CCP_DATA: 0x00fd,
  MPLS: 0x0281,
  IPCP: 0x8021,
  BRIDGE_CP: 0x8031,
  ECP: 0x8053,
  IPV6CP: 0x8057,
  CCP: 0x80fd,
  MPLSCP: 0x8281,
  LCP: 0xc021,
  PAP: 0xc023,
  LQR: 0xc025,
  CHAP: 0xc223,
  EAP: 0xc227,
} as const;

/**
 * Values of the CODE field of LCP and of the control protocols modelled on it.
 *
 * See RFC 1661, section 5; RFC 2153, section 2; RFC 1570, section 2; RFC 1962, section 3.
 */
export const LCP_CODE = {
  VENDOR_SPECIFIC: 0,
  CONFIGURE_REQUEST: 1,
  CONFIGURE_ACK: 2,
  CONFIGURE_NAK: 3,
  CONFIGURE_REJECT: 4,
  TERMINATE_REQUEST: 5,
  TERMINATE_ACK: 6,
  CODE_REJECT: 7,
  PROTOCOL_REJECT: 8,
  ECHO_REQUEST: 9,
  ECHO_REPLY: 10,
  DISCARD_REQUEST: 11,
  IDENTIFICATION: 12,
  TIME_REMAINING: 13,
  RESET_REQUEST: 14,
  RESET_ACK: 15,
} as const;

/** A packet in the format that LCP, the NCPs, PAP, CHAP and EAP share. */
export interface LcpPacket {
  /** One of {@linkcode LCP_CODE} for LCP and the NCPs. */
  code: number;
  /** Number by which a reply names its request, 0 to 255. */
  identifier: number;
  /** The bytes after the length field. */
  data: Uint8Array;
}

/** A whole session frame. Each address is six bytes long. */
export interface SessionPacket {
  /** Address of the receiver. */
  destination: Uint8Array;
  /** Address of the sender. */
  source: Uint8Array;
  /** Session id, 1 to 0xfffe. */
  sessionId: number;
  /** One of {@linkcode PPP_PROTOCOL}, or another value. */
  protocol: number;
  /**
   * The bytes after the PPP protocol field: at most 65533, or 65534 after a protocol field of one
   * byte.
   */
  payload: Uint8Array;
}

/**
 * The lowest PPP protocol that sets up or maintains a link. Those below carry data.
 *
 * See RFC 1661, section 2.
 */
export const FIRST_CONTROL_PROTOCOL = 0x8000;

const LCP_HLEN = 4;
/** Offset of the length field in a packet in the format of LCP. */
const LENGTH = 2;
const PROTOCOL_LENGTH = 2;
/** A bit that is set only in the last byte of a protocol, so in the first byte only if compressed. */
const LAST_BYTE = 0x01;
const MAX_LENGTH = 0xffff;

const PROTOCOL_NAMES = new Map<number, string>([
  [PPP_PROTOCOL.IPV4, "IPv4"],
  [PPP_PROTOCOL.MP, "MP"],
  [PPP_PROTOCOL.IPV6, "IPv6"],
  [PPP_PROTOCOL.CCP_DATA, "compressed"],
  [PPP_PROTOCOL.MPLS, "MPLS"],
  [PPP_PROTOCOL.IPCP, "IPCP"],
  [PPP_PROTOCOL.BRIDGE_CP, "BCP"],
  [PPP_PROTOCOL.ECP, "ECP"],
  [PPP_PROTOCOL.IPV6CP, "IPv6CP"],
  [PPP_PROTOCOL.CCP, "CCP"],
  [PPP_PROTOCOL.MPLSCP, "MPLSCP"],
  [PPP_PROTOCOL.LCP, "LCP"],
  [PPP_PROTOCOL.PAP, "PAP"],
  [PPP_PROTOCOL.LQR, "LQR"],
  [PPP_PROTOCOL.CHAP, "CHAP"],
  [PPP_PROTOCOL.EAP, "EAP"],
]);

const LCP_CODE_NAMES = new Map<number, string>(
  Object.entries(LCP_CODE).map(([name, code]) => [code, hyphenated(name)]),
);

/**
 * Names a PPP protocol for a log.
 *
 * @param protocol The value of the field
 * @returns The name, such as `LCP`, or a number such as `0x1234` if the protocol is not in {@linkcode
 * PPP_PROTOCOL}
 *
 * @example Usage
 * ```ts
 * import { PPP_PROTOCOL, protocolName } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(protocolName(PPP_PROTOCOL.IPV6CP), "IPv6CP");
 * assertEquals(protocolName(0x1234), "0x1234");
 * ```
 *
 * See IANA, PPP Numbers.
 */
export function protocolName(protocol: number): string {
  return PROTOCOL_NAMES.get(protocol) ?? formatHex(protocol, 4);
}

/**
 * Names a code of LCP or of an NCP for a log.
 *
 * @param code The value of the field
 * @returns The name as the RFC spells it, or a number such as `0x42` if the code is unknown
 *
 * @example Usage
 * ```ts
 * import { LCP_CODE, lcpCodeName } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(lcpCodeName(LCP_CODE.ECHO_REQUEST), "Echo-Request");
 * assertEquals(lcpCodeName(0x42), "0x42");
 * ```
 *
 * See RFC 1661, section 5.
 */
export function lcpCodeName(code: number): string {
  return LCP_CODE_NAMES.get(code) ?? formatHex(code, 2);
}

/**
 * Reads the PPP protocol of a session frame without checking the length of the frame. If host and AC
 * agreed on protocol field compression, the protocol of a data frame may be one byte with its low bit
 * set.
 *
 * @param bytes The bytes that hold the frame, at least 22 of them
 * @param offset The offset of the frame in `bytes`
 * @returns The protocol, which does not depend on the compression
 *
 * @example Usage
 * ```ts
 * import { emitSession, parseMac, PPP_PROTOCOL, readProtocol } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = emitSession({
 *   destination: parseMac("02:00:00:00:00:01"),
 *   source: parseMac("02:00:00:00:00:02"),
 *   sessionId: 1,
 *   protocol: PPP_PROTOCOL.LCP,
 *   payload: new Uint8Array(4),
 * });
 * assertEquals(readProtocol(frame), PPP_PROTOCOL.LCP);
 * ```
 *
 * See RFC 2516, section 6; RFC 1661, section 6.5.
 */
export function readProtocol(bytes: Uint8Array, offset = 0): number {
  const first = bytes[offset + PPPOE.payload];
  return (first & LAST_BYTE) !== 0 ? first : readUint16(bytes, offset + PPPOE.payload);
}

/**
 * Checks whether the PPP protocol of a session frame is compressed to one byte.
 *
 * @param frame The Ethernet frame, at least 21 bytes
 * @returns True if the first byte of the protocol is also the last
 *
 * @example Usage
 * ```ts
 * import { emitSession, ETH_ALEN, hasCompressedProtocol, PPP_PROTOCOL } from "pppoe-proxy";
 * import { assertFalse } from "@std/assert";
 *
 * const frame = emitSession({
 *   destination: new Uint8Array(ETH_ALEN),
 *   source: new Uint8Array(ETH_ALEN),
 *   sessionId: 1,
 *   protocol: PPP_PROTOCOL.IPV4,
 *   payload: new Uint8Array(20),
 * });
 * assertFalse(hasCompressedProtocol(frame));
 * ```
 *
 * See RFC 1661, section 6.5.
 */
export function hasCompressedProtocol(frame: Uint8Array): boolean {
  return (frame[PPPOE.payload] & LAST_BYTE) !== 0;
}

/**
 * Checks whether a PPP protocol sets up or maintains a link (LCP, authentication, NCPs). Its packets
 * must not wait behind data.
 *
 * @param protocol The protocol, or the first two bytes at its place; a compressed protocol is all in
 * the first byte and always carries data
 * @returns True if it is at least {@linkcode FIRST_CONTROL_PROTOCOL} and not compressed
 *
 * @example Usage
 * ```ts
 * import { isControlProtocol, PPP_PROTOCOL } from "pppoe-proxy";
 * import { assert, assertFalse } from "@std/assert";
 *
 * assert(isControlProtocol(PPP_PROTOCOL.LCP));
 * assertFalse(isControlProtocol(PPP_PROTOCOL.IPV4));
 * ```
 *
 * See RFC 1661, sections 2 (the ranges of the protocol field) and 6.5.
 */
export function isControlProtocol(protocol: number): boolean {
  return protocol >= FIRST_CONTROL_PROTOCOL && (protocol & (LAST_BYTE << 8)) === 0;
}

/**
 * Parses a packet in the format of LCP. Never throws.
 *
 * @param bytes The bytes after the PPP protocol field; padding after the packet is ignored
 * @returns The packet, whose data is a view of `bytes`; `undefined` if the length field is less than
 * 4 or more than the number of bytes
 *
 * @example Usage
 * ```ts
 * import { LCP_CODE, parseLcp } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseLcp(new Uint8Array([5, 1, 0, 5, 0xaa, 0x00])), {
 *   code: LCP_CODE.TERMINATE_REQUEST,
 *   identifier: 1,
 *   data: new Uint8Array([0xaa]),
 * });
 * ```
 *
 * See RFC 1661, section 5.
 */
export function parseLcp(bytes: Uint8Array): LcpPacket | undefined {
  if (bytes.length < LCP_HLEN) return undefined;
  const length = readUint16(bytes, LENGTH);
  if (length < LCP_HLEN || length > bytes.length) return undefined;
  return { code: bytes[0], identifier: bytes[1], data: bytes.subarray(LCP_HLEN, length) };
}

/**
 * Builds a packet in the format of LCP.
 *
 * @param packet The packet
 * @returns The bytes after the PPP protocol field
 * @throws {RangeError} If the data is longer than 65531 bytes
 *
 * @example Usage
 * ```ts
 * import { emitLcp, LCP_CODE } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const data = new Uint8Array(4);
 * assertEquals(
 *   emitLcp({ code: LCP_CODE.ECHO_REQUEST, identifier: 1, data }),
 *   new Uint8Array([9, 1, 0, 8, 0, 0, 0, 0]),
 * );
 * ```
 *
 * See RFC 1661, section 5.
 */
export function emitLcp(packet: LcpPacket): Uint8Array<ArrayBuffer> {
  const length = LCP_HLEN + packet.data.length;
  if (length > MAX_LENGTH) {
    throw new RangeError(
      `Cannot emit ${
        lcpCodeName(packet.code)
      }: ${length} bytes exceed the maximum of ${MAX_LENGTH}`,
    );
  }
  const bytes = new Uint8Array(length);
  bytes[0] = packet.code;
  bytes[1] = packet.identifier;
  writeUint16(bytes, LENGTH, length);
  bytes.set(packet.data, LCP_HLEN);
  return bytes;
}

/**
 * Parses a session frame. Made for tests and the lab; the data path reads the fields in place. Never
 * throws.
 *
 * @param frame The Ethernet frame, possibly with padding
 * @returns The packet, whose addresses and payload are views of `frame`; `undefined` if the EtherType
 * or the code is not that of a session frame, the frame is too short or has another version, or it
 * has no PPP protocol
 *
 * @example Usage
 * ```ts
 * import { emitSession, ETH_ALEN, parseSession, PPP_PROTOCOL } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const packet = {
 *   destination: new Uint8Array(ETH_ALEN),
 *   source: new Uint8Array(ETH_ALEN),
 *   sessionId: 1,
 *   protocol: PPP_PROTOCOL.IPV4,
 *   payload: new Uint8Array([0x45]),
 * };
 * assertEquals(parseSession(emitSession(packet)), packet);
 * ```
 *
 * See RFC 2516, section 6.
 */
export function parseSession(frame: Uint8Array): SessionPacket | undefined {
  const length = frameLength(frame, 0, frame.length);
  if (length <= PPPOE.payload) return undefined;
  const payload = PPPOE.payload + (hasCompressedProtocol(frame) ? 1 : PROTOCOL_LENGTH);
  if (length < payload) return undefined;
  if (readEtherType(frame) !== ETH_P_PPP_SES || readCode(frame) !== CODE.SESSION) return undefined;
  return {
    destination: frame.subarray(...ETHERNET.destination),
    source: frame.subarray(...ETHERNET.source),
    sessionId: readSessionId(frame),
    protocol: readProtocol(frame),
    payload: frame.subarray(payload, length),
  };
}

/**
 * Builds a session frame. Made for tests and the lab. Does not pad the frame to Ethernet's 60 bytes,
 * and never compresses the PPP protocol.
 *
 * @param packet The packet
 * @returns The whole Ethernet frame
 * @throws {RangeError} If an address is not six bytes long or the payload is longer than 65533 bytes
 *
 * @example Usage
 * ```ts
 * import { emitSession, ETH_ALEN, PPP_PROTOCOL, printFrame } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = emitSession({
 *   destination: new Uint8Array(ETH_ALEN),
 *   source: new Uint8Array(ETH_ALEN),
 *   sessionId: 1,
 *   protocol: PPP_PROTOCOL.IPV4,
 *   payload: new Uint8Array(40),
 * });
 * assertEquals(printFrame(frame), "SES sid=0x0001 00:00:00:00:00:00 > 00:00:00:00:00:00 IPv4 len=40");
 * ```
 *
 * See RFC 2516, section 6.
 */
export function emitSession(packet: SessionPacket): Uint8Array<ArrayBuffer> {
  const { destination, source, sessionId, protocol, payload } = packet;
  const length = PROTOCOL_LENGTH + payload.length;
  if (length > MAX_LENGTH) {
    throw new RangeError(
      `Cannot emit session frame: ${length} bytes exceed the maximum of ${MAX_LENGTH}`,
    );
  }
  const frame = new Uint8Array(PPPOE.payload + length);
  emitHeader(frame, destination, source, ETH_P_PPP_SES, CODE.SESSION, sessionId, length);
  writeUint16(frame, PPPOE.payload, protocol);
  frame.set(payload, PPPOE.payload + PROTOCOL_LENGTH);
  return frame;
}

/** Converts `ECHO_REQUEST` to `Echo-Request`. */
function hyphenated(name: string): string {
  return name.toLowerCase().replace(/(^|_)([a-z])/g, (_, gap, first) => {
    return (gap === "_" ? "-" : "") + first.toUpperCase();
  });
}
