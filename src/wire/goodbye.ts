// The payload of GOODBYE, with which a side ends the connection: a reason (u16), then text (UTF-8).

import { decodePrintable, formatHex, quote } from "./text.ts";
import { readUint16, writeUint16 } from "./uint16.ts";

/** The reasons for a GOODBYE. An unknown reason is treated as SHUTDOWN. */
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

/** The content of a GOODBYE. */
export interface Goodbye {
  /** One of {@linkcode REASON}, or a value that this version does not know. */
  reason: number;
  /** Text for the peer's log. */
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
 * @param reason The value of the field
 * @returns The name, or a number such as `0x0042` if the reason is unknown
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
  return REASON_NAMES.get(reason) ?? formatHex(reason, 4);
}

/**
 * Writes the payload of a GOODBYE.
 *
 * @param goodbye The reason and the text; text beyond 256 bytes of UTF-8 is cut between two characters
 * @returns The payload
 *
 * @example Usage
 * ```ts
 * import { emitGoodbye, REASON } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(emitGoodbye({ reason: REASON.FULL, text: "2" }), new Uint8Array([0, 6, 0x32]));
 * ```
 *
 * See docs/PROTOCOL.md.
 */
export function emitGoodbye(goodbye: Goodbye): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(REASON_LENGTH + MAX_TEXT);
  writeUint16(payload, 0, goodbye.reason);
  const { written } = new TextEncoder().encodeInto(goodbye.text, payload.subarray(REASON_LENGTH));
  return payload.slice(0, REASON_LENGTH + written);
}

/**
 * Reads the payload of a GOODBYE. Never throws.
 *
 * @param payload The payload; text beyond 256 bytes is cut
 * @returns The reason and the text, with U+FFFD for each unprintable character; `undefined` if the
 * payload is too short to hold a reason
 *
 * @example Usage
 * ```ts
 * import { parseGoodbye, REASON } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const payload = new Uint8Array([0, 1, 0x1b, 0x63]);
 * assertEquals(parseGoodbye(payload), { reason: REASON.SHUTDOWN, text: "\ufffdc" });
 * ```
 *
 * See docs/PROTOCOL.md.
 */
export function parseGoodbye(payload: Uint8Array): Goodbye | undefined {
  if (payload.length < REASON_LENGTH) return undefined;
  return {
    reason: readUint16(payload, 0),
    text: decodePrintable(payload.subarray(REASON_LENGTH, REASON_LENGTH + MAX_TEXT)),
  };
}

/**
 * Describes a goodbye for a log.
 *
 * @param goodbye The result of {@linkcode parseGoodbye}
 * @returns The name of the reason, and the text in quotes, since the peer can write anything there
 *
 * @example Usage
 * ```ts
 * import { describeGoodbye, REASON } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const goodbye = { reason: REASON.NOT_ALLOWED, text: "ask" };
 * assertEquals(describeGoodbye(goodbye), 'goodbye (not allowed): "ask"');
 * ```
 */
export function describeGoodbye(goodbye: Goodbye | undefined): string {
  if (goodbye === undefined) return "an unreadable goodbye";
  const reason = reasonName(goodbye.reason).toLowerCase().replaceAll("_", " ");
  return goodbye.text === ""
    ? `goodbye (${reason})`
    : `goodbye (${reason}): ${quote(goodbye.text)}`;
}
