// The access line that an intermediate agent names in a Vendor-Specific tag (TR-101).

import { TAG, type Tag } from "./tags.ts";
import { readUint16 } from "./uint16.ts";

/**
 * The access line that a TR-101 intermediate agent names; each text at most 63 characters of ISO
 * 8859-1 (by TR-101: of ASCII).
 */
export interface AccessLine {
  /** Agent circuit id: the port, as the access node names it. */
  circuitId?: string;
  /** Agent remote id: the line, as the operator names it. */
  remoteId?: string;
}

/** The longest text of an access line, in characters. */
export const LINE_ID_MAX = 63;

/** The Broadband Forum's enterprise number, 3561: whose tag TR-101 describes. */
const VENDOR_BBF = 0x00000de9;
const VENDOR_ID_LENGTH = 4;
const SUB_OPTION_HLEN = 2;
const CIRCUIT_ID = 1;
const REMOTE_ID = 2;

/**
 * Tells whether a tag is the Broadband Forum's Vendor-Specific one, whatever is in it.
 *
 * @param tag The tag.
 * @returns True when it is.
 *
 * @see Broadband Forum TR-101 issue 2 (PPPoE intermediate agent); RFC 4679, section 3.3
 *
 * @example Usage
 * ```ts
 * import { accessLineTag, isAccessLine, TAG, textTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isAccessLine(accessLineTag({ circuitId: "p1" })), true);
 * assertEquals(isAccessLine(textTag(TAG.VENDOR_SPECIFIC, "another")), false);
 * ```
 */
export function isAccessLine({ type, value }: Tag): boolean {
  return type === TAG.VENDOR_SPECIFIC && value.length >= VENDOR_ID_LENGTH &&
    readUint16(value, 0) * 0x10000 + readUint16(value, 2) === VENDOR_BBF;
}

/**
 * Reads the access line from a Vendor-Specific tag of the Broadband Forum. Other sub-options, such
 * as the line's rates, are passed over. Never throws.
 *
 * @param tag The tag.
 * @returns The texts that are there, one character a byte; `undefined` when the tag is another, a
 * sub-option runs over its end, or a text has more than 63 bytes.
 *
 * @see Broadband Forum TR-101 issue 2 (PPPoE intermediate agent); RFC 4679, section 3.3
 *
 * @example Usage
 * ```ts
 * import { accessLineTag, parseAccessLine } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const line = { circuitId: "olt7 eth 0/1:100", remoteId: "customer 42" };
 * assertEquals(parseAccessLine(accessLineTag(line)), line);
 * ```
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
 * @param line The texts; one that is `undefined` is left out.
 * @returns The tag.
 * @throws {RangeError} If a text has more than 63 characters, or one beyond U+00FF.
 *
 * @see Broadband Forum TR-101 issue 2 (PPPoE intermediate agent); RFC 4679, section 3.3
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
      `Cannot emit ${name}: ${text.length} characters are over ${LINE_ID_MAX}`,
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
