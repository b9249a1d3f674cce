// The numbered payloads that the lab sends through a session and checks byte for byte.

import { readUint16, readUint32, writeUint16, writeUint32 } from "../wire/uint16.ts";

/** Length of the header, in bytes. A pattern follows it. */
export const PAYLOAD_HLEN = 8;

/** Offsets of the big-endian fields of the header: stream (u16), length of the whole (u16), number (u32). */
const HEADER = { stream: 0, length: 2, number: 4 } as const;

/** The result of {@linkcode checkPayload}. */
export interface CheckedPayload {
  /** Number of the stream: the session id at the sender. */
  stream: number;
  /** Position in the stream. */
  number: number;
  /** True if the length and every byte are as sent. */
  intact: boolean;
}

/**
 * Makes payload `number` of `stream`: a header with both numbers, then a pattern computed from them.
 *
 * @param stream The number of the stream, any u16; the lab uses the session id at the sender
 * @param number The position in the stream, any u32
 * @param length The length of the whole in bytes, at least {@linkcode PAYLOAD_HLEN}
 * @returns The payload
 * @throws {RangeError} If `length` is too short for the header or does not fit into 16 bits
 */
export function makePayload(stream: number, number: number, length: number): Uint8Array {
  if (length < PAYLOAD_HLEN || length > 0xffff) {
    throw new RangeError(
      `Cannot make a payload of ${length} bytes: the length must be ${PAYLOAD_HLEN} to 65535`,
    );
  }
  const payload = new Uint8Array(length);
  writeUint16(payload, HEADER.stream, stream);
  writeUint16(payload, HEADER.length, length);
  writeUint32(payload, HEADER.number, number);
  let state = seed(stream, number);
  for (let i = PAYLOAD_HLEN; i < length; i++) {
    state = step(state);
    payload[i] = state >>> 24;
  }
  return payload;
}

/**
 * Checks a returned payload byte for byte.
 *
 * @param payload The received payload, without padding
 * @returns The result, or `undefined` if the payload is too short to have a header
 */
export function checkPayload(payload: Uint8Array): CheckedPayload | undefined {
  if (payload.length < PAYLOAD_HLEN) return undefined;
  const stream = readUint16(payload, HEADER.stream);
  const number = readUint32(payload, HEADER.number);
  let intact = readUint16(payload, HEADER.length) === payload.length;
  let state = seed(stream, number);
  for (let i = PAYLOAD_HLEN; intact && i < payload.length; i++) {
    state = step(state);
    intact = payload[i] === state >>> 24;
  }
  return { stream, number, intact };
}

function seed(stream: number, number: number): number {
  return Math.imul(stream + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b);
}

/** Advances a linear congruential generator, whose high byte is irregular enough for the pattern. */
function step(state: number): number {
  return (Math.imul(state, 1664525) + 1013904223) | 0;
}
