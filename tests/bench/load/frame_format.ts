// The bench's own frames: a session frame whose payload says which it is and when it was sent.
//
//     Ethernet | PPPoE | PPP protocol | (LCP header) | magic | session | sequence | sec | nsec | filler
//
// The five words are in the machine's byte order. Both ends lay a frame so that the words are aligned:
// they are read and written as words of a Uint32Array.

import { ETH_P_PPP_SES, LCP_CODE, PPP_PROTOCOL } from "../../../src/wire/mod.ts";

/** What the sink tells apart, each with a ring of its own. */
export type FrameKind = "data" | "control";

/** What a kind of frame looks like. */
export interface FrameFormat {
  protocol: number;
  /** Where the words start, from the frame's first byte. */
  wordsAt: number;
}

const PPP_PAYLOAD_AT = 22;
const LCP_HEADER_AND_MAGIC_NUMBER = 8;

/** Both kinds: IPv4's protocol number, and LCP's with an Echo-Request around the words. */
export const FORMAT: Record<FrameKind, FrameFormat> = {
  data: { protocol: PPP_PROTOCOL.IPV4, wordsAt: PPP_PAYLOAD_AT },
  control: {
    protocol: PPP_PROTOCOL.LCP,
    wordsAt: PPP_PAYLOAD_AT + LCP_HEADER_AND_MAGIC_NUMBER,
  },
};

/** Ethernet's least. */
export const CONTROL_FRAME_BYTES = 60;

/** The words, by their number. */
export const WORD = { magic: 0, session: 1, sequence: 2, sec: 3, nsec: 4 } as const;

/** In the word of the session: the frame counts, it is not of the warm-up. */
export const COUNTED = 0x8000_0000;

const MAGIC = 0x70b0_0000;

/** A magic of the trial's own, so that a straggler of the one before is known as such. */
export function magicOf(trial: number): number {
  return (MAGIC | trial & 0xffff) >>> 0;
}

/** Whether these are the bench's frames at all. */
export function isMagic(word: number): boolean {
  return (word & 0xffff_0000) >>> 0 === MAGIC;
}

/** Where the session id is, from the frame's first byte. */
export const SESSION_ID_AT = 16;

/** Writes all of a frame but its session and its words. */
export function layFrame(
  frame: Uint8Array,
  kind: FrameKind,
  destination: Uint8Array,
  source: Uint8Array,
): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  crypto.getRandomValues(frame);
  frame.set(destination, 0);
  frame.set(source, 6);
  view.setUint16(12, ETH_P_PPP_SES);
  view.setUint16(14, 0x1100);
  view.setUint16(18, frame.length - 20);
  view.setUint16(20, FORMAT[kind].protocol);
  if (kind === "control") {
    view.setUint8(22, LCP_CODE.ECHO_REQUEST);
    view.setUint16(24, frame.length - PPP_PAYLOAD_AT);
    view.setUint32(26, 0);
  }
}
