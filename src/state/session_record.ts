// The record of a session, and the lines that describe changes of the sessions. No I/O.
//
// Some names in the lines differ from those in the code, because the lines must stay readable for
// other versions: `owe` is an undelivered PADT, `paid` a delivered one, `remote` a peer's key,
// `peerMac` the near station and `facingMac` the shown address.

import { isSessionId } from "../relay/mod.ts";
import {
  CODE,
  ETH_P_PPP_DISC,
  formatMac,
  frameLength,
  parseMac,
  readCode,
  readEtherType,
} from "../wire/mod.ts";
import { parseHex } from "./hex.ts";

/**
 * The highest number of a session or a segment that is believed. A higher one is damage, and the numbers after
 * it could not be told apart, or would be too long for the name of a file.
 */
export const NUMBER_MAX: number = 2 ** 48;

/** The record of a session, with everything needed to continue it. */
export interface SessionRecord {
  /** Number of the session, unique among all that the state directory ever had. */
  serial: number;
  /** Key of the peer, which only the owner of the record interprets. */
  peer: string;
  /** Name of the peer. */
  name: string;
  /** Addresses and ids as in `SessionKey`. */
  nearMac: Uint8Array;
  farMac: Uint8Array;
  shownMac: Uint8Array;
  tunnelId: number;
  linkId: number;
  /** Time at which the session was opened, in whole ms since the epoch. */
  openedAtMs: number;
}

/** A change, which is one line of a base or a segment. */
export type Change =
  /** A session is live. */
  | { type: "open"; record: SessionRecord }
  /** A session has ended. */
  | { type: "close"; serial: number }
  /** The link has not taken a PADT yet; `key` is the frame in hexadecimal. */
  | { type: "undelivered"; key: string; frame: Uint8Array }
  /** The link has taken the PADT, or it was given up. */
  | { type: "delivered"; key: string }
  /** A peer with sessions lost its tunnel at a time, in whole ms since the epoch. */
  | { type: "away"; peer: string; sinceMs: number }
  /** A peer has a tunnel again. */
  | { type: "back"; peer: string }
  /** The whole live state is between the two parts. Everything else has ended unrecorded. */
  | { type: "reset"; part: "begin" | "end" };

/** Writes the line of a live session. */
export function encodeOpen(record: SessionRecord): string {
  const { serial, peer, name, nearMac, farMac, shownMac, tunnelId, linkId } = record;
  const open = {
    serial,
    remote: peer,
    name,
    peerMac: formatMac(nearMac),
    farMac: formatMac(farMac),
    facingMac: formatMac(shownMac),
    tunnelId,
    linkId,
    openedAt: new Date(record.openedAtMs).toISOString(),
  };
  return `${JSON.stringify({ open })}\n`;
}

/** Writes the line of a session that has ended. */
export function encodeClose(serial: number): string {
  return `{"close":${serial}}\n`;
}

/** Writes the line of an undelivered PADT. */
export function encodeUndelivered(frame: Uint8Array): string {
  return `{"owe":"${frame.toHex()}"}\n`;
}

/** Writes the line of a PADT that the link has taken, or that was given up. */
export function encodeDelivered(frame: Uint8Array): string {
  return `{"paid":"${frame.toHex()}"}\n`;
}

/** Writes the line of a peer that lost its tunnel at a time, in ms since the epoch. */
export function encodeAway(peer: string, sinceMs: number): string {
  return `${JSON.stringify({ away: { remote: peer, since: new Date(sinceMs).toISOString() } })}\n`;
}

/** Writes the line of a peer that has a tunnel again. */
export function encodeBack(peer: string): string {
  return `${JSON.stringify({ back: peer })}\n`;
}

/** Writes the line before or after the whole live state. */
export function encodeReset(part: "begin" | "end"): string {
  return `{"reset":"${part}"}\n`;
}

/**
 * Reads a line that one of the functions above wrote.
 *
 * @param line The line, without the line break
 * @returns The change, or undefined if the line is invalid
 */
export function parseLine(line: string): Change | undefined {
  const fields = parseObject(line);
  if (fields === undefined) return undefined;
  const [[type, value], ...more] = Object.entries(fields);
  if (more.length > 0) return undefined;
  switch (type) {
    case "open": {
      const record = parseRecord(value);
      return record && { type, record };
    }
    case "close":
      return isSerial(value) ? { type, serial: value } : undefined;
    case "owe": {
      const frame = typeof value === "string" ? parsePadt(value) : undefined;
      return frame && { type: "undelivered", key: value as string, frame };
    }
    case "paid":
      return typeof value === "string" && parsePadt(value)
        ? { type: "delivered", key: value }
        : undefined;
    case "away": {
      if (!isObject(value) || typeof value.remote !== "string") return undefined;
      const sinceMs = readTime(value.since);
      return sinceMs === undefined ? undefined : { type, peer: value.remote, sinceMs };
    }
    case "back":
      return typeof value === "string" ? { type, peer: value } : undefined;
    case "reset":
      return value === "begin" || value === "end" ? { type, part: value } : undefined;
  }
}

/** Parses a line of JSON. Returns undefined unless it is an object with at least one field. */
export function parseObject(line: string): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isObject(value) && Object.keys(value).length > 0 ? value : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseRecord(value: unknown): SessionRecord | undefined {
  if (!isObject(value)) return undefined;
  const { serial, remote: peer, name, tunnelId, linkId } = value;
  const nearMac = readMac(value.peerMac);
  const farMac = readMac(value.farMac);
  const shownMac = readMac(value.facingMac);
  const openedAtMs = readTime(value.openedAt);
  if (!isSerial(serial) || typeof peer !== "string" || typeof name !== "string") return undefined;
  if (!nearMac || !farMac || !shownMac || openedAtMs === undefined) return undefined;
  if (!isId(tunnelId) || !isId(linkId)) return undefined;
  return { serial, peer, name, nearMac, farMac, shownMac, tunnelId, linkId, openedAtMs };
}

function isSerial(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= NUMBER_MAX;
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && isSessionId(value as number);
}

function readMac(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  try {
    return parseMac(value);
  } catch {
    return undefined;
  }
}

function readTime(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const ms = Date.parse(value);
  // Date.parse accepts much more than ISO 8601.
  return Number.isNaN(ms) || new Date(ms).toISOString() !== value ? undefined : ms;
}

/**
 * Parses a PADT, and nothing else. The frame will be sent to the link unchanged, so a damaged file must
 * not be able to put other frames there.
 */
function parsePadt(text: string): Uint8Array | undefined {
  const frame = parseHex(text);
  if (frame === undefined || frameLength(frame, 0, frame.length) < 0) return undefined;
  return readEtherType(frame) === ETH_P_PPP_DISC && readCode(frame) === CODE.PADT
    ? frame
    : undefined;
}
