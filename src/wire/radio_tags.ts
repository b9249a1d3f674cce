// Tags for radio links: credits, metrics and sequence numbers (RFC 5578).

import { TAG, type Tag } from "./tags.ts";
import { readUint16, writeUint16 } from "./uint16.ts";
import { checkUint, readUint16Value, uint16Tag } from "./uint_tag.ts";

/** The credits in a Credits tag, each 0 to 65535, in units of the credit scale factor. */
export interface Credits {
  /** Forward Credit Notification: additional credits granted to the receiver. */
  fcn: number;
  /** Backward Credit Notification: credits that the sender has left. */
  bcn: number;
}

/** The unit of a data rate of {@linkcode LinkMetrics}: 0 kbps, 1 Mbps, 2 Gbps, 3 Tbps. */
export type RateUnit = 0 | 1 | 2 | 3;

/** The link quality that a Metrics tag reports. */
export interface LinkMetrics {
  /** True if the link can only receive. */
  receiveOnly: boolean;
  /** Relative link quality, 0 to 100 percent. */
  relativeLinkQuality: number;
  /** Remaining resources, such as battery, 0 to 100 percent. */
  resource: number;
  /** Latency in milliseconds, 0 to 65535. */
  latencyMs: number;
  /** Current data rate, 0 to 65535. */
  currentDataRate: number;
  /** Unit of the current data rate. */
  currentDataRateUnit: RateUnit;
  /** Maximum data rate, 0 to 65535. */
  maximumDataRate: number;
  /** Unit of the maximum data rate. */
  maximumDataRateUnit: RateUnit;
}

/**
 * Reads a Credits tag.
 *
 * @param tag The tag to read
 * @returns The credits; `undefined` if the tag has another type or its value is not four bytes long
 *
 * @example Usage
 * ```ts
 * import { creditsTag, parseCredits } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseCredits(creditsTag({ fcn: 256, bcn: 3 })), { fcn: 256, bcn: 3 });
 * ```
 *
 * See RFC 5578 (Credits tag).
 */
export function parseCredits(tag: Tag): Credits | undefined {
  const { type, value } = tag;
  if (type !== TAG.CREDITS || value.length !== 4) return undefined;
  return { fcn: readUint16(value, 0), bcn: readUint16(value, 2) };
}

/**
 * Makes a Credits tag.
 *
 * @param credits The credits, each 0 to 65535
 * @returns The tag
 * @throws {RangeError} If a number is out of range
 *
 * @example Usage
 * ```ts
 * import { creditsTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(creditsTag({ fcn: 256, bcn: 3 }).value, new Uint8Array([1, 0, 0, 3]));
 * ```
 *
 * See RFC 5578 (Credits tag).
 */
export function creditsTag(credits: Credits): Tag {
  checkUint(TAG.CREDITS, credits.fcn, 0xffff);
  checkUint(TAG.CREDITS, credits.bcn, 0xffff);
  const value = new Uint8Array(4);
  writeUint16(value, 0, credits.fcn);
  writeUint16(value, 2, credits.bcn);
  return { type: TAG.CREDITS, value };
}

/** The fields of the value of a Metrics tag, each as [first byte, byte after the last]. */
const METRICS = {
  flags: [0, 2],
  relativeLinkQuality: [2, 3],
  resource: [3, 4],
  latency: [4, 6],
  currentDataRate: [6, 8],
  maximumDataRate: [8, 10],
} as const;
const METRICS_LENGTH = 10;
// Flags: 11 reserved bits, two for the unit of the maximum rate, two for the unit of the current
// rate, and one for receive only.
const MDR_UNIT_SHIFT = 3;
const CDR_UNIT_SHIFT = 1;
const RECEIVE_ONLY = 1;

/**
 * Reads a Metrics tag.
 *
 * @param tag The tag to read
 * @returns The metrics; `undefined` if the tag has another type, its value is not ten bytes long, or
 * a percentage exceeds 100
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
 *
 * See RFC 5578 (Metrics tag).
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
 * @param metrics The metrics
 * @returns The tag
 * @throws {RangeError} If a number is out of the range given in {@linkcode LinkMetrics}
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
 *
 * See RFC 5578 (Metrics tag).
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
 * @param tag The tag to read
 * @returns The number; `undefined` if the tag has another type or its value is not two bytes long
 *
 * @example Usage
 * ```ts
 * import { readSequenceNumber, sequenceNumberTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(readSequenceNumber(sequenceNumberTag(7)), 7);
 * ```
 *
 * See RFC 5578 (Sequence Number tag).
 */
export function readSequenceNumber(tag: Tag): number | undefined {
  return readUint16Value(tag, TAG.SEQUENCE_NUMBER);
}

/**
 * Makes a Sequence Number tag, with which a PADC names the PADG that it answers.
 *
 * @param sequenceNumber The number, 0 to 65535
 * @returns The tag
 * @throws {RangeError} If the number is out of range
 *
 * @example Usage
 * ```ts
 * import { sequenceNumberTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sequenceNumberTag(7).value, new Uint8Array([0, 7]));
 * ```
 *
 * See RFC 5578 (Sequence Number tag).
 */
export function sequenceNumberTag(sequenceNumber: number): Tag {
  return uint16Tag(TAG.SEQUENCE_NUMBER, sequenceNumber);
}

/**
 * Reads a Credit Scale Factor tag.
 *
 * @param tag The tag to read
 * @returns The number of bytes per credit; `undefined` if the tag has another type or its value is
 * not two bytes long
 *
 * @example Usage
 * ```ts
 * import { creditScaleFactorTag, readCreditScaleFactor } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(readCreditScaleFactor(creditScaleFactorTag(64)), 64);
 * ```
 *
 * See RFC 5578 (Credit Scale Factor tag).
 */
export function readCreditScaleFactor(tag: Tag): number | undefined {
  return readUint16Value(tag, TAG.CREDIT_SCALE_FACTOR);
}

/**
 * Makes a Credit Scale Factor tag.
 *
 * @param bytesPerCredit The number of bytes per credit, 0 to 65535
 * @returns The tag
 * @throws {RangeError} If the number is out of range
 *
 * @example Usage
 * ```ts
 * import { creditScaleFactorTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(creditScaleFactorTag(64).value, new Uint8Array([0, 64]));
 * ```
 *
 * See RFC 5578 (Credit Scale Factor tag).
 */
export function creditScaleFactorTag(bytesPerCredit: number): Tag {
  return uint16Tag(TAG.CREDIT_SCALE_FACTOR, bytesPerCredit);
}
