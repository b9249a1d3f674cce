// LCP echoes, by which a session's stations ask each other for a sign of life (RFC 1661, section 5.8).

import { LCP_CODE, PPP_PROTOCOL, PPPOE, readProtocol } from "../wire/mod.ts";
import { readUint16 } from "../wire/uint16.ts";

/** The length of the PPP protocol, in front of the LCP packet. */
export const PROTOCOL_BYTES = 2;
/** The offset of the length in an LCP packet, after code and identifier. */
const LCP_LENGTH_AT = 2;
/** The minimum length of an LCP echo: code, identifier, length and a magic number. */
const ECHO_MIN_BYTES = 8;
/** The number of LCP Echo-Requests that a station must leave unanswered before it counts as dead. */
const UNANSWERED_MIN = 3;
/** The time to answer the last of these, in ms; it matters only if they are rare. */
const ANSWER_MS = 5000;

/** The result of {@linkcode readEcho} for a frame that is not an LCP echo. */
export const NO_ECHO = 0;

/**
 * Reads the code of an LCP echo. Checks each length, because the buffer may extend beyond the frame. Allocates
 * nothing.
 *
 * @param frame The bytes that hold a session frame
 * @param offset The offset of the frame in these bytes
 * @returns `LCP_CODE.ECHO_REQUEST` or `LCP_CODE.ECHO_REPLY` for a complete echo, otherwise
 * {@linkcode NO_ECHO}
 */
export function readEcho(frame: Uint8Array, offset: number): number {
  if (readProtocol(frame, offset) !== PPP_PROTOCOL.LCP) return NO_ECHO;
  const length = readUint16(frame, offset + PPPOE.length[0]) - PROTOCOL_BYTES;
  if (length < ECHO_MIN_BYTES) return NO_ECHO;
  const at = offset + PPPOE.payload + PROTOCOL_BYTES;
  const code = frame[at];
  if (code !== LCP_CODE.ECHO_REQUEST && code !== LCP_CODE.ECHO_REPLY) return NO_ECHO;
  const lcpLength = readUint16(frame, at + LCP_LENGTH_AT);
  return lcpLength >= ECHO_MIN_BYTES && lcpLength <= length ? code : NO_ECHO;
}

/** The record of one station's answers to the LCP echoes of a session. */
export class EchoRecord {
  /** True if the station is known to have answered before. Some never do. */
  #answers = false;
  /** The number of Echo-Requests since this station last sent anything, up to {@linkcode UNANSWERED_MIN}. */
  #asked = 0;
  /** The times of the first and the last of these. */
  #firstMs = 0;
  #lastMs = 0;

  /** Notes a frame of this station. */
  sent(echo: number): void {
    if (echo === LCP_CODE.ECHO_REPLY) this.#answers = true;
    this.#asked = 0;
  }

  /** Notes an Echo-Request of the other station. */
  wasAsked(nowMs: number): void {
    if (this.#asked === UNANSWERED_MIN) return;
    if (this.#asked++ === 0) this.#firstMs = nowMs;
    this.#lastMs = nowMs;
  }

  /** Forgets the Echo-Requests, but not that the station answers. */
  forgetQuestions(): void {
    this.#asked = 0;
  }

  /** Returns true if the station used to answer, and has left enough Echo-Requests unanswered for this time. */
  isDead(nowMs: number, forMs: number): boolean {
    return this.#answers && this.#asked === UNANSWERED_MIN && this.silentMs(nowMs) >= forMs &&
      nowMs - this.#lastMs >= Math.min(forMs, ANSWER_MS);
  }

  /** Returns the time for which the oldest Echo-Request has been unanswered, in ms. */
  silentMs(nowMs: number): number {
    return nowMs - this.#firstMs;
  }
}
