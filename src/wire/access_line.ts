// The Vendor-Specific tag in which a TR-101 intermediate agent names the access line.

import { TAG, type Tag } from "./tags.ts";
import { readUint32 } from "./uint16.ts";

/**
 * An access line as a TR-101 intermediate agent names it. Each text has at most 63 characters of
 * ISO 8859-1; TR-101 itself allows only ASCII.
 */
export interface AccessLine {
  /** Agent Circuit ID: the access node's name for the port. */
  circuitId?: string;
  /** Agent Remote ID: the operator's name for the line. */
  remoteId?: string;
}

/** Maximum length of a text of an access line, in characters. */
export const LINE_ID_MAX = 63;

/** Enterprise number 3561: the Broadband Forum, which published TR-101. */
const VENDOR_BBF = 0x00000de9;
const VENDOR_ID_LENGTH = 4;
const SUB_OPTION_HLEN = 2;
const CIRCUIT_ID = 1;
const REMOTE_ID = 2;

/**
 * Checks whether a tag is a Vendor-Specific tag of the Broadband Forum, without reading its content.
 *
 * @param tag The tag to check
 * @returns True if it is
 *
 * @example Usage
 * ```ts
 * import { accessLineTag, isAccessLine, TAG, textTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isAccessLine(accessLineTag({ circuitId: "p1" })), true);
 * assertEquals(isAccessLine(textTag(TAG.VENDOR_SPECIFIC, "another")), false);
 * ```
 *
 * See Broadband Forum TR-101 issue 2 (PPPoE intermediate agent); RFC 4679, section 3.3.
 */
export function isAccessLine({ type, value }: Tag): boolean {
  return type === TAG.VENDOR_SPECIFIC && value.length >= VENDOR_ID_LENGTH &&
    readUint32(value, 0) === VENDOR_BBF;
}

/**
 * Reads the access line from a Vendor-Specific tag of the Broadband Forum. Skips other sub-options,
 * such as the line's rates. Never throws.
 *
 * @param tag The tag to read
 * @returns The texts found, one character per byte; `undefined` if the tag has another type or
 * vendor, a sub-option extends beyond its end, or a text is longer than 63 bytes
 *
 * @example Usage
 * ```ts
 * import { accessLineTag, parseAccessLine } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const line = { circuitId: "olt7 eth 0/1:100", remoteId: "customer 42" };
 * assertEquals(parseAccessLine(accessLineTag(line)), line);
 * ```
 *
 * See Broadband Forum TR-101 issue 2 (PPPoE intermediate agent); RFC 4679, section 3.3.
 */
export function parseAccessLine(tag: Tag): AccessLine | undefined {
  if (!isAccessLine(tag)) return undefined;
  const { value } = tag;
  const line: AccessLine = {};
  let offset = VENDOR_ID_LENGTH;
  while (offset < value.length) {
    const start = offset + SUB_OPTION_HLEN;
    if (start > value.length) return undefined;
    const subOption = value[offset];
    const end = start + value[offset + 1];
    if (end > value.length) return undefined;
    if (subOption === CIRCUIT_ID || subOption === REMOTE_ID) {
      if (end - start > LINE_ID_MAX) return undefined;
      const text = String.fromCharCode(...value.subarray(start, end));
      if (subOption === CIRCUIT_ID) line.circuitId ??= text;
      else line.remoteId ??= text;
    }
    offset = end;
  }
  return line;
}

/**
 * Makes a Vendor-Specific tag of the Broadband Forum that names an access line.
 *
 * @param line The texts; those that are `undefined` are left out
 * @returns The tag
 * @throws {RangeError} If a text is longer than 63 characters or has a character above U+00FF
 *
 * @example Usage
 * ```ts
 * import { accessLineTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   accessLineTag({ circuitId: "p1" }).value,
 *   new Uint8Array([0x00, 0x00, 0x0d, 0xe9, 1, 2, 0x70, 0x31]),
 * );
 * ```
 *
 * See Broadband Forum TR-101 issue 2 (PPPoE intermediate agent); RFC 4679, section 3.3.
 */
export function accessLineTag(line: AccessLine): Tag {
  const value = [0x00, 0x00, 0x0d, 0xe9];
  pushSubOption(value, CIRCUIT_ID, "circuit id", line.circuitId);
  pushSubOption(value, REMOTE_ID, "remote id", line.remoteId);
  return { type: TAG.VENDOR_SPECIFIC, value: Uint8Array.from(value) };
}

function pushSubOption(
  value: number[],
  subOption: number,
  name: string,
  text: string | undefined,
): void {
  if (text === undefined) return;
  if (text.length > LINE_ID_MAX) {
    throw new RangeError(
      `Cannot emit ${name}: ${text.length} characters exceed the maximum of ${LINE_ID_MAX}`,
    );
  }
  value.push(subOption, text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i);
    if (byte > 0xff) {
      throw new RangeError(`Cannot emit ${name}: Character ${i + 1} does not fit in one byte`);
    }
    value.push(byte);
  }
}
