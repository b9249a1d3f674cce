// PPP-Max-Payload, by which host and AC agree on more than 1492 bytes (RFC 4638).

import { TAG, type Tag } from "./tags.ts";
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
