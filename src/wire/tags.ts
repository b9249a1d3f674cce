// The tags of discovery packets, each a type, a length and a value.

import { formatHex } from "./text.ts";
import { readUint16, writeUint16 } from "./uint16.ts";

/**
 * Values of the TAG_TYPE field.
 *
 * See RFC 2516, appendix A; RFC 4638; RFC 5578; IANA, PPPoE Parameters.
 */
export const TAG = {
  END_OF_LIST: 0x0000,
  SERVICE_NAME: 0x0101,
  AC_NAME: 0x0102,
  HOST_UNIQ: 0x0103,
  AC_COOKIE: 0x0104,
  VENDOR_SPECIFIC: 0x0105,
  CREDITS: 0x0106,
  METRICS: 0x0107,
  SEQUENCE_NUMBER: 0x0108,
  CREDIT_SCALE_FACTOR: 0x0109,
  RELAY_SESSION_ID: 0x0110,
  HURL: 0x0111,
  MOTM: 0x0112,
  PPP_MAX_PAYLOAD: 0x0120,
  IP_ROUTE_ADD: 0x0121,
  SERVICE_NAME_ERROR: 0x0201,
  AC_SYSTEM_ERROR: 0x0202,
  GENERIC_ERROR: 0x0203,
} as const;

/** A tag. */
export interface Tag {
  /** One of {@linkcode TAG}, or a value from a later RFC. */
  type: number;
  /** The bytes after the tag's header, at most 65535. */
  value: Uint8Array;
}

const TAG_HLEN = 4;
const MAX_VALUE = 0xffff;

const TAG_NAMES = new Map<number, string>([
  [TAG.END_OF_LIST, "End-Of-List"],
  [TAG.SERVICE_NAME, "Service-Name"],
  [TAG.AC_NAME, "AC-Name"],
  [TAG.HOST_UNIQ, "Host-Uniq"],
  [TAG.AC_COOKIE, "AC-Cookie"],
  [TAG.VENDOR_SPECIFIC, "Vendor-Specific"],
  [TAG.CREDITS, "Credits"],
  [TAG.METRICS, "Metrics"],
  [TAG.SEQUENCE_NUMBER, "Sequence-Number"],
  [TAG.CREDIT_SCALE_FACTOR, "Credit-Scale-Factor"],
  [TAG.RELAY_SESSION_ID, "Relay-Session-Id"],
  [TAG.HURL, "HURL"],
  [TAG.MOTM, "MOTM"],
  [TAG.PPP_MAX_PAYLOAD, "PPP-Max-Payload"],
  [TAG.IP_ROUTE_ADD, "IP-Route-Add"],
  [TAG.SERVICE_NAME_ERROR, "Service-Name-Error"],
  [TAG.AC_SYSTEM_ERROR, "AC-System-Error"],
  [TAG.GENERIC_ERROR, "Generic-Error"],
]);

/**
 * Parses the payload of a discovery packet up to End-Of-List, which is not part of the result. Never
 * throws.
 *
 * @param payload The bytes after the PPPoE header, as many as the PPPoE length says
 * @returns The tags in order, with values that are views of `payload`; `undefined` if a tag extends
 * beyond the end
 *
 * @example Usage
 * ```ts
 * import { parseTags, TAG } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseTags(new Uint8Array([0x01, 0x03, 0, 1, 0xaa])), [
 *   { type: TAG.HOST_UNIQ, value: new Uint8Array([0xaa]) },
 * ]);
 * assertEquals(parseTags(new Uint8Array([0x01, 0x03, 0, 2, 0xaa])), undefined);
 * ```
 *
 * See RFC 2516, section 4 and appendix A.
 */
export function parseTags(payload: Uint8Array): Tag[] | undefined {
  const tags: Tag[] = [];
  let offset = 0;
  while (offset < payload.length) {
    if (offset + TAG_HLEN > payload.length) return undefined;
    const type = readUint16(payload, offset);
    if (type === TAG.END_OF_LIST) break;
    const end = offset + TAG_HLEN + readUint16(payload, offset + 2);
    if (end > payload.length) return undefined;
    tags.push({ type, value: payload.subarray(offset + TAG_HLEN, end) });
    offset = end;
  }
  return tags;
}

/**
 * Writes tags one after the other, without an End-Of-List. Writes all of them or, if it throws, none.
 *
 * @param tags The tags in order
 * @param into The bytes to write to
 * @param offset The offset in `into` of the first tag
 * @returns The number of bytes written
 * @throws {RangeError} If the tags do not fit or a value is longer than 65535 bytes
 *
 * @example Usage
 * ```ts
 * import { emitTags, TAG, textTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const into = new Uint8Array(8);
 * assertEquals(emitTags([textTag(TAG.AC_NAME, "ac")], into, 1), 6);
 * assertEquals(into, new Uint8Array([0, 0x01, 0x02, 0, 2, 0x61, 0x63, 0]));
 * ```
 *
 * See RFC 2516, section 4.
 */
export function emitTags(tags: readonly Tag[], into: Uint8Array, offset: number): number {
  const length = tagsLength(tags);
  if (offset + length > into.length) {
    throw new RangeError(
      `Cannot emit tags: ${length} bytes do not fit into ${Math.max(0, into.length - offset)}`,
    );
  }
  for (const { type, value } of tags) {
    if (value.length > MAX_VALUE) {
      throw new RangeError(
        `Cannot emit ${tagName(type)}: ${value.length} bytes exceed the maximum of ${MAX_VALUE}`,
      );
    }
  }
  let at = offset;
  for (const { type, value } of tags) {
    writeUint16(into, at, type);
    writeUint16(into, at + 2, value.length);
    into.set(value, at + TAG_HLEN);
    at += TAG_HLEN + value.length;
  }
  return length;
}

/**
 * Computes the number of bytes that {@linkcode emitTags} writes.
 *
 * @param tags The tags
 * @returns The length in bytes, including each tag's header
 *
 * @example Usage
 * ```ts
 * import { TAG, tagsLength, textTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(tagsLength([textTag(TAG.SERVICE_NAME, ""), textTag(TAG.AC_NAME, "ac")]), 10);
 * ```
 */
export function tagsLength(tags: readonly Tag[]): number {
  let length = 0;
  for (const { value } of tags) length += TAG_HLEN + value.length;
  return length;
}

/**
 * Finds the first tag of a type.
 *
 * @param tags The tags to search
 * @param type One of {@linkcode TAG}
 * @returns The tag, or `undefined` if there is none
 *
 * @example Usage
 * ```ts
 * import { findTag, TAG, textTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const tags = [textTag(TAG.SERVICE_NAME, ""), textTag(TAG.AC_NAME, "ac")];
 * assertEquals(findTag(tags, TAG.AC_NAME), tags[1]);
 * assertEquals(findTag(tags, TAG.HOST_UNIQ), undefined);
 * ```
 */
export function findTag(tags: readonly Tag[], type: number): Tag | undefined {
  return tags.find((tag) => tag.type === type);
}

/**
 * Names a tag type for a log.
 *
 * @param type The value of the field
 * @returns The name as the RFC spells it, with hyphens for spaces, or a number such as `0x1234` if
 * the type is unknown
 *
 * @example Usage
 * ```ts
 * import { TAG, tagName } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(tagName(TAG.HOST_UNIQ), "Host-Uniq");
 * assertEquals(tagName(0x1234), "0x1234");
 * ```
 */
export function tagName(type: number): string {
  return TAG_NAMES.get(type) ?? formatHex(type, 4);
}

/**
 * Makes a tag whose value is text.
 *
 * @param type One of {@linkcode TAG}
 * @param text The text, to be encoded as UTF-8
 * @returns The tag
 *
 * @example Usage
 * ```ts
 * import { TAG, textTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(textTag(TAG.AC_NAME, "ac").value, new Uint8Array([0x61, 0x63]));
 * ```
 *
 * See RFC 2516, appendix A.
 */
export function textTag(type: number, text: string): Tag {
  return { type, value: new TextEncoder().encode(text) };
}
