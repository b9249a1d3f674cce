// What is kept of a session, and the lines that tell how the sessions change. No I/O.

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

/** What is kept of a session: all that it takes to go on with it. */
export interface SessionRecord {
  /** Its number, which no other session of the same directory ever had. */
  serial: number;
  /** The program at the far end of the tunnel, by a key that only its owner reads. */
  peer: string;
  /** What that calls itself. */
  name: string;
  /** As in a session's key, see `SessionKey`. */
  nearMac: Uint8Array;
  farMac: Uint8Array;
  shownMac: Uint8Array;
  tunnelId: number;
  linkId: number;
  /** When it was opened, in whole ms since the epoch. */
  openedAtMs: number;
}

/** One line of a base or a segment. */
export type Change =
  | { type: "open"; record: SessionRecord }
  | { type: "close"; serial: number }
  /** A PADT that the link has not taken yet; `key` is the frame in hexadecimal. */
  | { type: "owe"; key: string; frame: Uint8Array }
  | { type: "paid"; key: string }
  /** A peer with sessions has no tunnel since then, in whole ms since the epoch; or has one again. */
  | { type: "away"; peer: string; sinceMs: number }
  | { type: "back"; peer: string }
  /** All that is live follows; what was before and is not in it has ended unnoticed. */
  | { type: "reset"; part: "begin" | "end" };

/** A session that is live. */
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

/** A session that has ended. */
export function encodeClose(serial: number): string {
  return `{"close":${serial}}\n`;
}

/** A PADT that the link has not taken yet. */
export function encodeOwe(frame: Uint8Array): string {
  return `{"owe":"${frame.toHex()}"}\n`;
}

/** A PADT that the link has taken, or that is given up. */
export function encodePaid(frame: Uint8Array): string {
  return `{"paid":"${frame.toHex()}"}\n`;
}

/** A peer that has no tunnel since then. */
export function encodeAway(peer: string, sinceMs: number): string {
  return `${JSON.stringify({ away: { remote: peer, since: new Date(sinceMs).toISOString() } })}\n`;
}

/** A peer that has a tunnel again. */
export function encodeBack(peer: string): string {
  return `${JSON.stringify({ back: peer })}\n`;
}

/** The beginning or the end of all that is live. */
export function encodeReset(part: "begin" | "end"): string {
  return `{"reset":"${part}"}\n`;
}

/**
 * Reads a line that one of the above wrote.
 *
 * @param line The line, without its end.
 * @returns What it says; undefined for anything wrong.
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
      return frame && { type, key: value as string, frame };
    }
    case "paid":
      return typeof value === "string" && parsePadt(value) ? { type, key: value } : undefined;
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

/** The object that a line of JSON is, with one field at least; undefined for anything else. */
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
  return Number.isSafeInteger(value) && (value as number) > 0;
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
  // Date.parse takes much more than ISO 8601.
  return Number.isNaN(ms) || new Date(ms).toISOString() !== value ? undefined : ms;
}

// It will be put on the link as it is: nothing else is to get there, whatever happened to the file.
function parsePadt(text: string): Uint8Array | undefined {
  const frame = parseHex(text);
  if (frame === undefined || frameLength(frame, 0, frame.length) < 0) return undefined;
  return readEtherType(frame) === ETH_P_PPP_DISC && readCode(frame) === CODE.PADT
    ? frame
    : undefined;
}
