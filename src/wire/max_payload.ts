// The PPP-Max-Payload tag, with which host and AC agree on an MTU above 1492 bytes (RFC 4638).

import { TAG, type Tag } from "./tags.ts";
import { writeUint16 } from "./uint16.ts";
import { readUint16Value, uint16Tag } from "./uint_tag.ts";

/**
 * Reads the MTU that a PPP-Max-Payload tag promises.
 *
 * @param tag The tag to read
 * @returns The maximum PPP payload in bytes, without the two bytes of the PPP protocol; `undefined`
 * if the tag has another type or its value is not two bytes long
 *
 * @example Usage
 * ```ts
 * import { maxPayloadTag, readMaxPayload } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(readMaxPayload(maxPayloadTag(1500)), 1500);
 * ```
 *
 * See RFC 4638 (PPP-Max-Payload tag).
 */
export function readMaxPayload(tag: Tag): number | undefined {
  return readUint16Value(tag, TAG.PPP_MAX_PAYLOAD);
}

/**
 * Makes a PPP-Max-Payload tag.
 *
 * @param bytes The maximum PPP payload in bytes, without the two bytes of the PPP protocol; 0 to
 * 65535
 * @returns The tag
 * @throws {RangeError} If the number is out of range
 *
 * @example Usage
 * ```ts
 * import { maxPayloadTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(maxPayloadTag(1500).value, new Uint8Array([0x05, 0xdc]));
 * ```
 *
 * See RFC 4638 (PPP-Max-Payload tag).
 */
export function maxPayloadTag(bytes: number): Tag {
  return uint16Tag(TAG.PPP_MAX_PAYLOAD, bytes);
}

/**
 * Lowers the promise of a PPP-Max-Payload tag in place if it exceeds what can be carried. Leaves a
 * tag of another type, or with a value that is not two bytes long, unchanged. Never throws.
 *
 * @param tag The tag whose value to change
 * @param most The maximum PPP payload that can be carried, in bytes, without the two bytes of the
 * PPP protocol
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
 *
 * See RFC 4638 (PPP-Max-Payload tag).
 */
export function lowerMaxPayload(tag: Tag, most: number): void {
  const promised = readMaxPayload(tag);
  if (promised !== undefined && promised > most) writeUint16(tag.value, 0, Math.max(0, most));
}
