// The tags of discovery packets: the list itself, and the values that have a structure.

/**
 * The TAG_TYPE field.
 *
 * @see RFC 2516, appendix A; RFC 4638; RFC 5578; IANA, PPPoE Parameters
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

/** One tag. */
export interface Tag {
  /** One of {@linkcode TAG}, or what a later RFC adds. */
  type: number;
  /** 0 to 65535 bytes, without the tag's own header. */
  value: Uint8Array;
}

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

/** Credits that a Credits tag carries, each 0 to 65535, in units of the credit scale factor. */
export interface Credits {
  /** Forward Credit Notification: what the peer is granted on top. */
  fcn: number;
  /** Backward Credit Notification: what the sender still has. */
  bcn: number;
}

/** What a data rate of {@linkcode LinkMetrics} counts in: 0 kbps, 1 Mbps, 2 Gbps, 3 Tbps. */
export type RateUnit = 0 | 1 | 2 | 3;

/** The link quality that a Metrics tag reports. */
export interface LinkMetrics {
  /** Whether the link can only receive. */
  receiveOnly: boolean;
  /** Relative link quality, 0 to 100 percent. */
  relativeLinkQuality: number;
  /** Resources left, such as battery, 0 to 100 percent. */
  resource: number;
  /** In milliseconds, 0 to 65535. */
  latencyMs: number;
  /** Current data rate, 0 to 65535 of its unit. */
  currentDataRate: number;
  /** That unit. */
  currentDataRateUnit: RateUnit;
  /** Maximum data rate, 0 to 65535 of its unit. */
  maximumDataRate: number;
  /** That unit. */
  maximumDataRateUnit: RateUnit;
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
 * Takes the payload of a discovery packet apart. Stops at End-Of-List, which is not among the
 * result. Never throws.
 *
 * @param payload The bytes after the PPPoE header, as many as the PPPoE length says.
 * @returns The tags in their order, each value a part of `payload`; `undefined` when one runs over
 * the end.
 *
 * @see RFC 2516, section 4 and appendix A
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
 * Writes tags one after the other, with no End-Of-List behind them.
 *
 * @param tags The tags, in their order.
 * @param into Where to write them.
 * @param offset Where in it the first goes.
 * @returns The bytes written.
 * @throws {RangeError} If they do not fit, or a value has more than 65535 bytes; nothing is written
 * then.
 *
 * @see RFC 2516, section 4
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
 */
export function emitTags(tags: readonly Tag[], into: Uint8Array, offset: number): number {
  const length = tagsLength(tags);
  if (offset + length > into.length) {
    throw new RangeError(
      `Cannot emit tags: ${length} bytes do not fit in ${Math.max(0, into.length - offset)}`,
    );
  }
  for (const { type, value } of tags) {
    if (value.length > MAX_VALUE) {
      throw new RangeError(
        `Cannot emit ${tagName(type)}: ${value.length} bytes are over ${MAX_VALUE}`,
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
 * Says how many bytes {@linkcode emitTags} writes.
 *
 * @param tags The tags.
 * @returns The length with each tag's header, in bytes.
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
 * @param tags The tags to look through.
 * @param type One of {@linkcode TAG}.
 * @returns The tag, or `undefined` when there is none.
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
 * @param type The value of the field.
 * @returns Its name as the RFC spells it, with hyphens for blanks; a number such as `0x1234` when
 * it has none.
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
  return TAG_NAMES.get(type) ?? `0x${type.toString(16).padStart(4, "0")}`;
}

/**
 * Makes a tag whose value is text.
 *
 * @param type One of {@linkcode TAG}.
 * @param text The text; it is written as UTF-8.
 * @returns The tag.
 *
 * @see RFC 2516, appendix A
 *
 * @example Usage
 * ```ts
 * import { TAG, textTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(textTag(TAG.AC_NAME, "ac").value, new Uint8Array([0x61, 0x63]));
 * ```
 */
export function textTag(type: number, text: string): Tag {
  return { type, value: new TextEncoder().encode(text) };
}

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

/** The Broadband Forum's enterprise number, 3561: whose tag TR-101 describes. */
const VENDOR_BBF = 0x00000de9;
const VENDOR_ID_LENGTH = 4;
const SUB_OPTION_HLEN = 2;
const CIRCUIT_ID = 1;
const REMOTE_ID = 2;
const MAX_LINE_ID = 63;

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
  const { type, value } = tag;
  if (type !== TAG.VENDOR_SPECIFIC || value.length < VENDOR_ID_LENGTH) return undefined;
  if (readUint16(value, 0) * 0x10000 + readUint16(value, 2) !== VENDOR_BBF) return undefined;
  const line: AccessLine = {};
  let offset = VENDOR_ID_LENGTH;
  while (offset < value.length) {
    const start = offset + SUB_OPTION_HLEN;
    if (start > value.length) return undefined;
    const subOption = value[offset];
    const end = start + value[offset + 1];
    if (end > value.length) return undefined;
    if (subOption === CIRCUIT_ID || subOption === REMOTE_ID) {
      if (end - start > MAX_LINE_ID) return undefined;
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
  if (text.length > MAX_LINE_ID) {
    throw new RangeError(
      `Cannot emit ${name}: ${text.length} characters are over ${MAX_LINE_ID}`,
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

/**
 * Reads a Credits tag.
 *
 * @param tag The tag.
 * @returns The credits; `undefined` when the tag is another or has not four bytes.
 *
 * @see RFC 5578 (Credits tag)
 *
 * @example Usage
 * ```ts
 * import { creditsTag, parseCredits } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseCredits(creditsTag({ fcn: 256, bcn: 3 })), { fcn: 256, bcn: 3 });
 * ```
 */
export function parseCredits(tag: Tag): Credits | undefined {
  const { type, value } = tag;
  if (type !== TAG.CREDITS || value.length !== 4) return undefined;
  return { fcn: readUint16(value, 0), bcn: readUint16(value, 2) };
}

/**
 * Makes a Credits tag.
 *
 * @param credits The credits, each 0 to 65535.
 * @returns The tag.
 * @throws {RangeError} If a number is not one of these.
 *
 * @see RFC 5578 (Credits tag)
 *
 * @example Usage
 * ```ts
 * import { creditsTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(creditsTag({ fcn: 256, bcn: 3 }).value, new Uint8Array([1, 0, 0, 3]));
 * ```
 */
export function creditsTag(credits: Credits): Tag {
  checkUint(TAG.CREDITS, credits.fcn, 0xffff);
  checkUint(TAG.CREDITS, credits.bcn, 0xffff);
  const value = new Uint8Array(4);
  writeUint16(value, 0, credits.fcn);
  writeUint16(value, 2, credits.bcn);
  return { type: TAG.CREDITS, value };
}

/** The fields of the value of a Metrics tag: name to [first byte, byte after the last]. */
const METRICS = {
  flags: [0, 2],
  relativeLinkQuality: [2, 3],
  resource: [3, 4],
  latency: [4, 6],
  currentDataRate: [6, 8],
  maximumDataRate: [8, 10],
} as const;
const METRICS_LENGTH = 10;
// In the flags: 11 reserved bits, two for the unit of the maximum, two for that of the current
// rate, receive only.
const MDR_UNIT_SHIFT = 3;
const CDR_UNIT_SHIFT = 1;
const RECEIVE_ONLY = 1;

/**
 * Reads a Metrics tag.
 *
 * @param tag The tag.
 * @returns The metrics; `undefined` when the tag is another, has not ten bytes, or a percentage is
 * over 100.
 *
 * @see RFC 5578 (Metrics tag)
 *
 * @example Usage
 * ```ts
 * import { parseLinkMetrics, TAG } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const value = new Uint8Array([0, 0, 100, 90, 0, 20, 0x03, 0xe8, 0x07, 0xd0]);
 * assertEquals(parseLinkMetrics({ type: TAG.METRICS, value })?.latencyMs, 20);
 * assertEquals(parseLinkMetrics({ type: TAG.METRICS, value })?.maximumDataRate, 2000);
 * ```
 */
export function parseLinkMetrics(tag: Tag): LinkMetrics | undefined {
  const { type, value } = tag;
  if (type !== TAG.METRICS || value.length !== METRICS_LENGTH) return undefined;
  const flags = readUint16(value, METRICS.flags[0]);
  const relativeLinkQuality = value[METRICS.relativeLinkQuality[0]];
  const resource = value[METRICS.resource[0]];
  if (relativeLinkQuality > 100 || resource > 100) return undefined;
  return {
    receiveOnly: (flags & RECEIVE_ONLY) !== 0,
    relativeLinkQuality,
    resource,
    latencyMs: readUint16(value, METRICS.latency[0]),
    currentDataRate: readUint16(value, METRICS.currentDataRate[0]),
    currentDataRateUnit: ((flags >>> CDR_UNIT_SHIFT) & 3) as RateUnit,
    maximumDataRate: readUint16(value, METRICS.maximumDataRate[0]),
    maximumDataRateUnit: ((flags >>> MDR_UNIT_SHIFT) & 3) as RateUnit,
  };
}

/**
 * Makes a Metrics tag.
 *
 * @param metrics What to report.
 * @returns The tag.
 * @throws {RangeError} If a number is not in the range that {@linkcode LinkMetrics} gives.
 *
 * @see RFC 5578 (Metrics tag)
 *
 * @example Usage
 * ```ts
 * import { linkMetricsTag, parseLinkMetrics } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const metrics = {
 *   receiveOnly: false,
 *   relativeLinkQuality: 100,
 *   resource: 90,
 *   latencyMs: 20,
 *   currentDataRate: 1000,
 *   currentDataRateUnit: 0,
 *   maximumDataRate: 2,
 *   maximumDataRateUnit: 1,
 * } as const;
 * assertEquals(parseLinkMetrics(linkMetricsTag(metrics)), metrics);
 * ```
 */
export function linkMetricsTag(metrics: LinkMetrics): Tag {
  checkUint(TAG.METRICS, metrics.relativeLinkQuality, 100);
  checkUint(TAG.METRICS, metrics.resource, 100);
  checkUint(TAG.METRICS, metrics.latencyMs, 0xffff);
  checkUint(TAG.METRICS, metrics.currentDataRate, 0xffff);
  checkUint(TAG.METRICS, metrics.currentDataRateUnit, 3);
  checkUint(TAG.METRICS, metrics.maximumDataRate, 0xffff);
  checkUint(TAG.METRICS, metrics.maximumDataRateUnit, 3);
  const value = new Uint8Array(METRICS_LENGTH);
  writeUint16(
    value,
    METRICS.flags[0],
    (metrics.maximumDataRateUnit << MDR_UNIT_SHIFT) |
      (metrics.currentDataRateUnit << CDR_UNIT_SHIFT) |
      (metrics.receiveOnly ? RECEIVE_ONLY : 0),
  );
  value[METRICS.relativeLinkQuality[0]] = metrics.relativeLinkQuality;
  value[METRICS.resource[0]] = metrics.resource;
  writeUint16(value, METRICS.latency[0], metrics.latencyMs);
  writeUint16(value, METRICS.currentDataRate[0], metrics.currentDataRate);
  writeUint16(value, METRICS.maximumDataRate[0], metrics.maximumDataRate);
  return { type: TAG.METRICS, value };
}

/**
 * Reads a Sequence Number tag.
 *
 * @param tag The tag.
 * @returns The number; `undefined` when the tag is another or has not two bytes.
 *
 * @see RFC 5578 (Sequence Number tag)
 *
 * @example Usage
 * ```ts
 * import { readSequenceNumber, sequenceNumberTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(readSequenceNumber(sequenceNumberTag(7)), 7);
 * ```
 */
export function readSequenceNumber(tag: Tag): number | undefined {
  return readUint16Value(tag, TAG.SEQUENCE_NUMBER);
}

/**
 * Makes a Sequence Number tag, by which a PADC names the PADG that it answers.
 *
 * @param sequenceNumber 0 to 65535.
 * @returns The tag.
 * @throws {RangeError} If the number is not one of these.
 *
 * @see RFC 5578 (Sequence Number tag)
 *
 * @example Usage
 * ```ts
 * import { sequenceNumberTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sequenceNumberTag(7).value, new Uint8Array([0, 7]));
 * ```
 */
export function sequenceNumberTag(sequenceNumber: number): Tag {
  return uint16Tag(TAG.SEQUENCE_NUMBER, sequenceNumber);
}

/**
 * Reads a Credit Scale Factor tag.
 *
 * @param tag The tag.
 * @returns How many bytes one credit is; `undefined` when the tag is another or has not two bytes.
 *
 * @see RFC 5578 (Credit Scale Factor tag)
 *
 * @example Usage
 * ```ts
 * import { creditScaleFactorTag, readCreditScaleFactor } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(readCreditScaleFactor(creditScaleFactorTag(64)), 64);
 * ```
 */
export function readCreditScaleFactor(tag: Tag): number | undefined {
  return readUint16Value(tag, TAG.CREDIT_SCALE_FACTOR);
}

/**
 * Makes a Credit Scale Factor tag.
 *
 * @param bytesPerCredit 0 to 65535.
 * @returns The tag.
 * @throws {RangeError} If the number is not one of these.
 *
 * @see RFC 5578 (Credit Scale Factor tag)
 *
 * @example Usage
 * ```ts
 * import { creditScaleFactorTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(creditScaleFactorTag(64).value, new Uint8Array([0, 64]));
 * ```
 */
export function creditScaleFactorTag(bytesPerCredit: number): Tag {
  return uint16Tag(TAG.CREDIT_SCALE_FACTOR, bytesPerCredit);
}

function readUint16Value(tag: Tag, type: number): number | undefined {
  return tag.type === type && tag.value.length === 2 ? readUint16(tag.value, 0) : undefined;
}

function uint16Tag(type: number, number: number): Tag {
  checkUint(type, number, 0xffff);
  const value = new Uint8Array(2);
  writeUint16(value, 0, number);
  return { type, value };
}

function checkUint(type: number, number: number, max: number): void {
  if (!Number.isInteger(number) || number < 0 || number > max) {
    throw new RangeError(`Cannot emit ${tagName(type)}: ${number} is not in 0 to ${max}`);
  }
}

function readUint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}

function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}
