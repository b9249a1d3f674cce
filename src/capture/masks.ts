// Overwrites secrets in captured frames with zeros. No length changes, so every program still decodes the frames.
//
// Secrets are in the authentication protocols: passwords in PAP, the values by which a station proves that it knows
// its password in CHAP, MS-CHAP and EAP, from which the password can be guessed. Whatever is not known to be free of
// secrets is overwritten, so a damaged or unknown packet of these protocols shows only its header.

import { ETH_P_PPP_SES, PPP_PROTOCOL, PPPOE, readEtherType, readProtocol } from "../wire/mod.ts";
import { readUint16 } from "../wire/uint16.ts";

const PROTOCOL_LENGTH = 2;
/** The length of the header that LCP, PAP, CHAP and EAP share: code, identifier and length. */
const HLEN = 4;
const LCP_PROTOCOL_REJECT = 8;
const PAP = { REQUEST: 1, ACK: 2, NAK: 3 } as const;
const CHAP = { CHALLENGE: 1, RESPONSE: 2, SUCCESS: 3, FAILURE: 4 } as const;
const EAP = { REQUEST: 1, RESPONSE: 2, SUCCESS: 3, FAILURE: 4 } as const;
/** The first type of EAP that authenticates; those below are identity, notification and Nak (RFC 3748). */
const EAP_FIRST_METHOD = 4;
const EAP_MSCHAP_V2 = 26;
/** The lowest protocol of the link itself, such as LCP and those that authenticate (RFC 1661, section 2). */
const FIRST_LINK_PROTOCOL = 0xc000;
/** The depth to which rejected packets are followed; a rejected rejection is overwritten. */
const DEPTH = 2;

/**
 * Overwrites the secrets of a frame.
 *
 * @param bytes The memory with a copy of the frame, which is changed
 * @param offset The offset of the frame
 * @param length The number of bytes that are there
 */
export function maskSecrets(bytes: Uint8Array, offset: number, length: number): void {
  const payload = PPPOE.payload + PROTOCOL_LENGTH;
  if (length <= payload || readEtherType(bytes, offset) !== ETH_P_PPP_SES) return;
  maskPacket(bytes, readProtocol(bytes, offset), offset + payload, offset + length, DEPTH);
}

function maskPacket(
  bytes: Uint8Array,
  protocol: number,
  start: number,
  end: number,
  depth: number,
): void {
  switch (protocol) {
    case PPP_PROTOCOL.PAP:
      return maskPap(bytes, start, end);
    case PPP_PROTOCOL.CHAP:
      return maskChap(bytes, start, end);
    case PPP_PROTOCOL.EAP:
      return maskEap(bytes, start, end);
    case PPP_PROTOCOL.LCP: {
      // A station returns a packet of a protocol that it does not speak.
      if (end - start < HLEN + PROTOCOL_LENGTH || bytes[start] !== LCP_PROTOCOL_REJECT) return;
      const rejected = start + HLEN;
      const inner = rejected + PROTOCOL_LENGTH;
      if (depth === 0) return zero(bytes, inner, end);
      return maskPacket(bytes, readUint16(bytes, rejected), inner, end, depth - 1);
    }
    case PPP_PROTOCOL.LQR:
      return;
    default:
      // Others of this range authenticate too, such as SPAP, or have telephone numbers (CBCP).
      if (protocol >= FIRST_LINK_PROTOCOL) zero(bytes, start + HLEN, end);
  }
}

// Masks a PAP packet (RFC 1334, section 2.2).
function maskPap(bytes: Uint8Array, start: number, end: number): void {
  const data = start + HLEN;
  const last = lastOf(bytes, start, end);
  // Behind the packet there may be anything.
  zero(bytes, last, end);
  switch (bytes[start]) {
    case PAP.ACK:
    case PAP.NAK:
      return;
    case PAP.REQUEST: {
      const password = data + 1 + (data < last ? bytes[data] : 0);
      // The length of the password stays.
      if (password < last) return zero(bytes, password + 1, last);
    }
  }
  zero(bytes, data, last);
}

// Masks a CHAP packet (RFC 1994, section 4; RFC 2759, sections 5 to 7).
function maskChap(bytes: Uint8Array, start: number, end: number): void {
  const data = start + HLEN;
  const last = lastOf(bytes, start, end);
  zero(bytes, last, end);
  switch (bytes[start]) {
    case CHAP.CHALLENGE:
    case CHAP.FAILURE:
      return;
    case CHAP.SUCCESS:
      return maskProof(bytes, data, last);
    case CHAP.RESPONSE: {
      const value = data + 1;
      const name = value + (data < last ? bytes[data] : 0);
      if (data < last && name <= last) return zero(bytes, value, name);
    }
  }
  zero(bytes, data, last);
}

// Masks the message of a success with MS-CHAP-V2, "S=" and the proof of the AC; others are texts.
function maskProof(bytes: Uint8Array, start: number, end: number): void {
  if (end - start > 2 && bytes[start] === 0x53 && bytes[start + 1] === 0x3d) {
    zero(bytes, start + 2, end);
  }
}

// Masks an EAP packet (RFC 3748, section 4).
function maskEap(bytes: Uint8Array, start: number, end: number): void {
  const data = start + HLEN;
  const last = lastOf(bytes, start, end);
  zero(bytes, last, end);
  const code = bytes[start];
  if (code === EAP.SUCCESS || code === EAP.FAILURE) return;
  const isKnown = code === EAP.REQUEST || code === EAP.RESPONSE;
  if (!isKnown || data >= last) return zero(bytes, data, last);
  const type = bytes[data];
  if (type < EAP_FIRST_METHOD) return;
  if (code === EAP.RESPONSE || type === EAP_MSCHAP_V2) zero(bytes, data + 1, last);
}

// Returns the end of a packet by its own length field; the end of the header if the field is wrong.
function lastOf(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < HLEN) return end;
  const last = start + readUint16(bytes, start + 2);
  return last < start + HLEN || last > end ? start + HLEN : last;
}

function zero(bytes: Uint8Array, start: number, end: number): void {
  if (start < end) bytes.fill(0, start, end);
}
