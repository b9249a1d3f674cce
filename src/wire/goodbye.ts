// The payload of GOODBYE: why one side ends the connection. A reason (u16), then text (UTF-8).

import { decodePrintable } from "./text.ts";

/** The reasons. One that is not known is treated as SHUTDOWN. */
export const REASON = {
  SHUTDOWN: 1,
  VERSION: 2,
  PROTOCOL: 3,
  TIMEOUT: 4,
  NOT_ALLOWED: 5,
  FULL: 6,
  REPLACED: 7,
  INTERNAL: 8,
  RESTART: 9,
} as const;

/** Why one side ends the connection. */
export interface Goodbye {
  /** One of {@linkcode REASON}, or one that this version does not know. */
  reason: number;
  /** For the other side's log. */
  text: string;
}

const REASON_LENGTH = 2;
const MAX_TEXT = 256;

const REASON_NAMES = new Map<number, string>(
  Object.entries(REASON).map(([name, reason]) => [reason, name]),
);

/**
 * Names a reason for a log.
 *
 * @param reason The value of the field.
 * @returns Its name; a number such as `0x0042` when it has none.
 *
 * @example Usage
 * ```ts
 * import { REASON, reasonName } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(reasonName(REASON.FULL), "FULL");
 * assertEquals(reasonName(0x42), "0x0042");
 * ```
 */
export function reasonName(reason: number): string {
  return REASON_NAMES.get(reason) ?? `0x${reason.toString(16).padStart(4, "0")}`;
}

/**
 * Writes the payload of a GOODBYE.
 *
 * @param goodbye Why; text beyond 256 bytes of UTF-8 is cut, between two characters.
 * @returns The payload.
 *
 * @see docs/PROTOCOL.md
 *
 * @example Usage
 * ```ts
 * import { emitGoodbye, REASON } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(emitGoodbye({ reason: REASON.FULL, text: "2" }), new Uint8Array([0, 6, 0x32]));
 * ```
 */
export function emitGoodbye(goodbye: Goodbye): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(REASON_LENGTH + MAX_TEXT);
  payload[0] = goodbye.reason >>> 8;
  payload[1] = goodbye.reason;
  const { written } = new TextEncoder().encodeInto(goodbye.text, payload.subarray(REASON_LENGTH));
  return payload.slice(0, REASON_LENGTH + written);
}

/**
 * Reads the payload of a GOODBYE. Never throws.
 *
 * @param payload The payload; text beyond 256 bytes is cut.
 * @returns Why, with U+FFFD in the text for each character that does not print; `undefined` when
 * there is no reason.
 *
 * @see docs/PROTOCOL.md
 *
 * @example Usage
 * ```ts
 * import { parseGoodbye, REASON } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const payload = new Uint8Array([0, 1, 0x1b, 0x63]);
 * assertEquals(parseGoodbye(payload), { reason: REASON.SHUTDOWN, text: "\ufffdc" });
 * ```
 */
export function parseGoodbye(payload: Uint8Array): Goodbye | undefined {
  if (payload.length < REASON_LENGTH) return undefined;
  return {
    reason: (payload[0] << 8) | payload[1],
    text: decodePrintable(payload.subarray(REASON_LENGTH, REASON_LENGTH + MAX_TEXT)),
  };
}

/**
 * Says a goodbye in words, for a log.
 *
 * @param goodbye What {@linkcode parseGoodbye} gave.
 * @returns The reason's name and the text.
 *
 * @example Usage
 * ```ts
 * import { describeGoodbye, REASON } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(describeGoodbye({ reason: REASON.NOT_ALLOWED, text: "ask" }), "goodbye (not allowed): ask");
 * ```
 */
export function describeGoodbye(goodbye: Goodbye | undefined): string {
  if (goodbye === undefined) return "a goodbye that cannot be read";
  const reason = reasonName(goodbye.reason).toLowerCase().replaceAll("_", " ");
  return goodbye.text === "" ? `goodbye (${reason})` : `goodbye (${reason}): ${goodbye.text}`;
}
