// PPP-Max-Payload, by which host and AC agree on more than 1492 bytes (RFC 4638).

import { TAG, type Tag } from "./tags.ts";
import { writeUint16 } from "./uint16.ts";
import { readUint16Value, uint16Tag } from "./uint_tag.ts";

/**
 * Reads the MTU that a PPP-Max-Payload tag promises.
 *
 * @param tag The tag.
 * @returns The PPP payload in bytes, without the two of the PPP protocol; `undefined` when the tag
 * is another or has not two bytes.
 *
 * @see RFC 4638 (PPP-Max-Payload tag)
 *
 * @example Usage
 * ```ts
 * import { maxPayloadTag, readMaxPayload } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(readMaxPayload(maxPayloadTag(1500)), 1500);
 * ```
 */
export function readMaxPayload(tag: Tag): number | undefined {
  return readUint16Value(tag, TAG.PPP_MAX_PAYLOAD);
}

/**
 * Makes a PPP-Max-Payload tag.
 *
 * @param bytes The PPP payload in bytes, 0 to 65535, without the two of the PPP protocol.
 * @returns The tag.
 * @throws {RangeError} If the number is not one of these.
 *
 * @see RFC 4638 (PPP-Max-Payload tag)
 *
 * @example Usage
 * ```ts
 * import { maxPayloadTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(maxPayloadTag(1500).value, new Uint8Array([0x05, 0xdc]));
 * ```
 */
export function maxPayloadTag(bytes: number): Tag {
  return uint16Tag(TAG.PPP_MAX_PAYLOAD, bytes);
}

/**
 * Lowers what a PPP-Max-Payload tag promises, in place, where it is more than can be carried. A tag
 * that is another or has not two bytes is left as it is. Never throws.
 *
 * @param tag The tag, whose value is written to.
 * @param most What can be carried: the PPP payload in bytes, without the two of the PPP protocol.
 *
 * @see RFC 4638 (PPP-Max-Payload tag)
 *
 * @example Usage
 * ```ts
 * import { lowerMaxPayload, maxPayloadTag, readMaxPayload } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const tag = maxPayloadTag(1500);
 * lowerMaxPayload(tag, 1492);
 * assertEquals(readMaxPayload(tag), 1492);
 * lowerMaxPayload(tag, 1500);
 * assertEquals(readMaxPayload(tag), 1492);
 * ```
 */
export function lowerMaxPayload(tag: Tag, most: number): void {
  const promised = readMaxPayload(tag);
  if (promised !== undefined && promised > most) writeUint16(tag.value, 0, Math.max(0, most));
}
