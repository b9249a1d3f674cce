// The benchmark's session frames, whose payload has a number and the time of sending.
//
//     Ethernet | PPPoE | PPP protocol | (LCP header) | magic | session | sequence | sec | nsec | filler
//
// The five words are in the machine's byte order. Both ends place frames so that these words are aligned
// and can be accessed through a Uint32Array.

import { ETH_P_PPP_SES, LCP_CODE, PPP_PROTOCOL } from "../../../src/wire/mod.ts";

/** A kind of frame. A sink receives one kind, with a ring of its own. */
export type FrameKind = "data" | "control";

/** The format of a kind of frame. */
export interface FrameFormat {
  protocol: number;
  /** Offset of the words in the frame. */
  wordsAt: number;
}

const PPP_PAYLOAD_AT = 22;
const LCP_HEADER_AND_MAGIC_NUMBER = 8;

/** The formats: IPv4 without a header, and an LCP Echo-Request around the words. */
export const FORMAT: Record<FrameKind, FrameFormat> = {
  data: { protocol: PPP_PROTOCOL.IPV4, wordsAt: PPP_PAYLOAD_AT },
  control: {
    protocol: PPP_PROTOCOL.LCP,
    wordsAt: PPP_PAYLOAD_AT + LCP_HEADER_AND_MAGIC_NUMBER,
  },
};

/** Length of a control frame, which is Ethernet's minimum. */
export const CONTROL_FRAME_BYTES = 60;

/** Indexes of the words. */
export const WORD = { magic: 0, session: 1, sequence: 2, sec: 3, nsec: 4 } as const;

/** A bit in the session word, set in frames that count, and clear during the warm-up. */
export const COUNTED = 0x8000_0000;

const MAGIC = 0x70b0_0000;

/** Returns the magic number of a trial, by which late frames of an earlier trial are recognized. */
export function magicOf(trial: number): number {
  return (MAGIC | trial & 0xffff) >>> 0;
}

/** Checks whether a word is the magic number of any trial. */
export function isMagic(word: number): boolean {
  return (word & 0xffff_0000) >>> 0 === MAGIC;
}

/** Offset of the session id in a frame. */
export const SESSION_ID_AT = 16;

/** Writes a frame except for the session id and the words. */
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
