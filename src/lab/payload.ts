// The numbered payloads that the lab sends through a session, so that every byte can be checked.

/** Bytes before the pattern: stream (u16), length of the whole (u16), number (u32), big endian. */
export const PAYLOAD_HLEN = 8;

/** What {@linkcode checkPayload} found. */
export interface CheckedPayload {
  /** Whose payload it is: the session id at its sender. */
  stream: number;
  /** Its place in the stream. */
  number: number;
  /** Whether length and every byte are as they were sent. */
  intact: boolean;
}

/**
 * Makes payload `number` of `stream`: a header that names both, then bytes that follow from them.
 *
 * @param stream Any u16; the lab uses the session id at the sender.
 * @param number Any u32.
 * @param length Bytes in all, at least {@linkcode PAYLOAD_HLEN}.
 * @returns The payload.
 * @throws {RangeError} If `length` has no room for the header or does not fit in 16 bits.
 */
export function makePayload(stream: number, number: number, length: number): Uint8Array {
  if (length < PAYLOAD_HLEN || length > 0xffff) {
    throw new RangeError(
      `Cannot make a payload of ${length} bytes: it takes ${PAYLOAD_HLEN}..65535`,
    );
  }
  const payload = new Uint8Array(length);
  const view = new DataView(payload.buffer);
  view.setUint16(0, stream);
  view.setUint16(2, length);
  view.setUint32(4, number);
  let state = seed(stream, number);
  for (let i = PAYLOAD_HLEN; i < length; i++) {
    state = step(state);
    payload[i] = state >>> 24;
  }
  return payload;
}

/**
 * Checks a payload that came back, byte for byte.
 *
 * @param payload What came, padding cut off.
 * @returns What it says it is and whether all of it is right; `undefined` when it is too short to say.
 */
export function checkPayload(payload: Uint8Array): CheckedPayload | undefined {
  if (payload.length < PAYLOAD_HLEN) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const stream = view.getUint16(0);
  const number = view.getUint32(4);
  let intact = view.getUint16(2) === payload.length;
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

// A linear congruential generator: its high byte is far from regular, and the same everywhere.
function step(state: number): number {
  return (Math.imul(state, 1664525) + 1013904223) | 0;
}
