// LCP echoes, by which a session's stations ask each other for a sign of life (RFC 1661, section 5.8).

import { LCP_CODE, PPP_PROTOCOL, PPPOE, readProtocol } from "../wire/mod.ts";
import { readUint16 } from "../wire/uint16.ts";

/** The length of the PPP protocol, in front of the LCP packet. */
export const PROTOCOL_BYTES = 2;
/** The place of the length in an LCP packet, behind code and identifier. */
const LCP_LENGTH_AT = 2;
/** The minimum length of an LCP echo: code, identifier, length and a magic number. */
const ECHO_MIN_BYTES = 8;
/** The number of LCP Echo-Requests that a station has to leave unanswered before it is taken for dead. */
const UNANSWERED_MIN = 3;
/** The time that the last of these is given for its answer, in ms, if questions come seldom. */
const ANSWER_MS = 5000;

/** The result of {@linkcode readEcho} for a frame that is no LCP echo. */
export const NO_ECHO = 0;

/**
 * Reads the code of an LCP echo. The buffer may go on behind the frame, so each length is checked. Allocates
 * nothing.
 *
 * @param frame The bytes that hold a session frame
 * @param offset The place of the frame in them
 * @returns `LCP_CODE.ECHO_REQUEST` or `LCP_CODE.ECHO_REPLY` if a whole echo is there, else
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

/** The echoes of a session as one of its stations answers them. */
export class EchoRecord {
  /** True if the station has ever answered, as far as is known: some never do. */
  #answers = false;
  /** The other station's questions since this one last sent anything, up to {@linkcode UNANSWERED_MIN}. */
  #asked = 0;
  /** The times of the first and the last of them. */
  #firstMs = 0;
  #lastMs = 0;

  /** Notes a frame of this station. */
  sent(echo: number): void {
    if (echo === LCP_CODE.ECHO_REPLY) this.#answers = true;
    this.#asked = 0;
  }

  /** Notes a question of the other station. */
  wasAsked(nowMs: number): void {
    if (this.#asked === UNANSWERED_MIN) return;
    if (this.#asked++ === 0) this.#firstMs = nowMs;
    this.#lastMs = nowMs;
  }

  /** Forgets the questions, but not that the station answers. */
  forgetQuestions(): void {
    this.#asked = 0;
  }

  /** Tells if the station used to answer, and has left enough questions unanswered for this time. */
  isDead(nowMs: number, forMs: number): boolean {
    return this.#answers && this.#asked === UNANSWERED_MIN && this.silentMs(nowMs) >= forMs &&
      nowMs - this.#lastMs >= Math.min(forMs, ANSWER_MS);
  }

  /** Gives the time for which the oldest question has had no answer, in ms. */
  silentMs(nowMs: number): number {
    return nowMs - this.#firstMs;
  }
}
