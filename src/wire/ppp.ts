// PPP inside a session frame: protocols, packets of the LCP form, and whole session frames.

import { ETH_P_PPP_SES, ETHERNET, readEtherType } from "./ethernet.ts";
import { CODE, emitHeader, frameLength, PPPOE, readCode, readSessionId } from "./pppoe.ts";

/**
 * The PPP protocol field, those that are met on PPPoE.
 *
 * @see IANA, PPP Numbers
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
 * The CODE field of LCP, and of the control protocols that are built like it.
 *
 * @see RFC 1661, section 5; RFC 2153, section 2; RFC 1570, section 2; RFC 1962, section 3
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

/** A packet of the form that LCP, the NCPs, PAP, CHAP and EAP share. */
export interface LcpPacket {
  /** For LCP and the NCPs one of {@linkcode LCP_CODE}. */
  code: number;
  /** By which an answer names its request, 0 to 255. */
  identifier: number;
  /** What follows the length. */
  data: Uint8Array;
}

/** A whole session frame. The addresses have six bytes each. */
export interface SessionPacket {
  /** Where it goes. */
  destination: Uint8Array;
  /** Who sent it. */
  source: Uint8Array;
  /** 1 to 0xfffe. */
  sessionId: number;
  /** One of {@linkcode PPP_PROTOCOL}, or another. */
  protocol: number;
  /** What follows the PPP protocol field, 65533 bytes at most; 65534 behind one of one byte. */
  payload: Uint8Array;
}

const LCP_HLEN = 4;
const PROTOCOL_LENGTH = 2;
/** Set in the last byte of every protocol, so in the first one of a compressed protocol only. */
const LAST_BYTE = 0x01;
const FIRST_CONTROL_PROTOCOL = 0x8000;

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
 * @param protocol The value of the field.
 * @returns Its name, such as `LCP`; a number such as `0x1234` when it has none here.
 *
 * @see IANA, PPP Numbers
 *
 * @example Usage
 * ```ts
 * import { PPP_PROTOCOL, protocolName } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(protocolName(PPP_PROTOCOL.IPV6CP), "IPv6CP");
 * assertEquals(protocolName(0x1234), "0x1234");
 * ```
 */
export function protocolName(protocol: number): string {
  return PROTOCOL_NAMES.get(protocol) ?? `0x${protocol.toString(16).padStart(4, "0")}`;
}

/**
 * Names a code of LCP, or of an NCP, for a log.
 *
 * @param code The value of the field.
 * @returns Its name as the RFC spells it; a number such as `0x42` when it has none.
 *
 * @see RFC 1661, section 5
 *
 * @example Usage
 * ```ts
 * import { LCP_CODE, lcpCodeName } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(lcpCodeName(LCP_CODE.ECHO_REQUEST), "Echo-Request");
 * assertEquals(lcpCodeName(0x42), "0x42");
 * ```
 */
export function lcpCodeName(code: number): string {
  return LCP_CODE_NAMES.get(code) ?? `0x${code.toString(16).padStart(2, "0")}`;
}

/**
 * Reads the PPP protocol of a session frame, without a look at its length. Where host and AC have
 * agreed on protocol field compression, that of a data frame may have one byte, with its low bit set.
 *
 * @param bytes Where the frame lies, 22 bytes of it at least.
 * @param offset Where it starts.
 * @returns The protocol, the same whether it has one byte or two.
 *
 * @see RFC 2516, section 6; RFC 1661, section 6.5
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
 */
export function readProtocol(bytes: Uint8Array, offset = 0): number {
  const first = bytes[offset + PPPOE.payload];
  return (first & LAST_BYTE) !== 0 ? first : (first << 8) | bytes[offset + PPPOE.payload + 1];
}

/**
 * Says whether a session frame has a PPP protocol of one byte.
 *
 * @param frame The whole Ethernet frame, 21 bytes of it at least.
 * @returns Whether the first byte of the protocol is its last one, too.
 *
 * @see RFC 1661, section 6.5
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
 */
export function hasCompressedProtocol(frame: Uint8Array): boolean {
  return (frame[PPPOE.payload] & LAST_BYTE) !== 0;
}

/**
 * Says whether a PPP protocol sets a link up or keeps it alive (LCP, authentication, NCPs) and so
 * must not wait behind data.
 *
 * @param protocol The protocol, or the first two bytes where it is: the first is all of a compressed
 * one, which is always data.
 * @returns Whether it is 0x8000 or above, and not compressed.
 *
 * @see RFC 1661, sections 2 (the ranges of the protocol field) and 6.5
 *
 * @example Usage
 * ```ts
 * import { isControlProtocol, PPP_PROTOCOL } from "pppoe-proxy";
 * import { assert, assertFalse } from "@std/assert";
 *
 * assert(isControlProtocol(PPP_PROTOCOL.LCP));
 * assertFalse(isControlProtocol(PPP_PROTOCOL.IPV4));
 * ```
 */
export function isControlProtocol(protocol: number): boolean {
  return protocol >= FIRST_CONTROL_PROTOCOL && (protocol & (LAST_BYTE << 8)) === 0;
}

/**
 * Takes a packet of the LCP form apart. Never throws.
 *
 * @param bytes What follows the PPP protocol field; padding after the packet is cut.
 * @returns The packet, its data a part of `bytes`; `undefined` when its length is under 4 or over
 * what is there.
 *
 * @see RFC 1661, section 5
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
 */
export function parseLcp(bytes: Uint8Array): LcpPacket | undefined {
  if (bytes.length < LCP_HLEN) return undefined;
  const length = (bytes[2] << 8) | bytes[3];
  if (length < LCP_HLEN || length > bytes.length) return undefined;
  return { code: bytes[0], identifier: bytes[1], data: bytes.subarray(LCP_HLEN, length) };
}

/**
 * Puts a packet of the LCP form together.
 *
 * @param packet What to write.
 * @returns What follows the PPP protocol field.
 * @throws {RangeError} If the data has more than 65531 bytes.
 *
 * @see RFC 1661, section 5
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
 */
export function emitLcp(packet: LcpPacket): Uint8Array<ArrayBuffer> {
  const length = LCP_HLEN + packet.data.length;
  if (length > 0xffff) {
    throw new RangeError(`Cannot emit ${lcpCodeName(packet.code)}: ${length} bytes are over 65535`);
  }
  const bytes = new Uint8Array(length);
  bytes[0] = packet.code;
  bytes[1] = packet.identifier;
  bytes[2] = length >>> 8;
  bytes[3] = length;
  bytes.set(packet.data, LCP_HLEN);
  return bytes;
}

/**
 * Takes a session frame apart, for tests and the lab; the data path reads its fields in place.
 * Never throws.
 *
 * @param frame The whole Ethernet frame; padding after it is cut.
 * @returns The packet, its addresses and payload parts of `frame`; `undefined` when EtherType or
 * code are others, the frame is short or of another version, or it has no PPP protocol.
 *
 * @see RFC 2516, section 6
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
 * Puts a session frame together, for tests and the lab. It is not padded to Ethernet's 60 bytes, and
 * its PPP protocol always has two bytes.
 *
 * @param packet What to write.
 * @returns The whole Ethernet frame.
 * @throws {RangeError} If an address has not six bytes, or the payload has more than 65533.
 *
 * @see RFC 2516, section 6
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
 */
export function emitSession(packet: SessionPacket): Uint8Array<ArrayBuffer> {
  const { destination, source, sessionId, protocol, payload } = packet;
  const length = PROTOCOL_LENGTH + payload.length;
  if (length > 0xffff) {
    throw new RangeError(`Cannot emit session frame: ${length} bytes are over 65535`);
  }
  const frame = new Uint8Array(PPPOE.payload + length);
  emitHeader(frame, destination, source, ETH_P_PPP_SES, CODE.SESSION, sessionId, length);
  frame[PPPOE.payload] = protocol >>> 8;
  frame[PPPOE.payload + 1] = protocol;
  frame.set(payload, PPPOE.payload + PROTOCOL_LENGTH);
  return frame;
}

/** ECHO_REQUEST to Echo-Request. */
function hyphenated(name: string): string {
  return name.toLowerCase().replace(/(^|_)([a-z])/g, (_, gap, first) => {
    return (gap === "_" ? "-" : "") + first.toUpperCase();
  });
}
