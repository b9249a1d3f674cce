// The first line of a base: whose sessions it has, and what is in it. No I/O.

import type { Side } from "../relay/mod.ts";
import { parseObject } from "./session_record.ts";

const VERSION = 1;

/** What a base says of itself. */
export interface Header {
  mode: Side;
  interface: string;
  /** The last segment whose changes are in it: one that is still there has nothing to add. */
  through: number;
  /** The highest serial number ever given, though that session may have ended. */
  lastSerial: number;
}

/** Writes a header as one line. */
export function encodeHeader(header: Header): string {
  const { mode, interface: name, through, lastSerial } = header;
  return `${JSON.stringify({ version: VERSION, mode, interface: name, through, lastSerial })}\n`;
}

/**
 * Reads a header.
 *
 * @param line The line, without its end.
 * @returns What it says; the version alone when it is a later one; undefined for anything wrong.
 */
export function parseHeader(line: string): Header | { laterVersion: number } | undefined {
  const fields = parseObject(line);
  if (fields === undefined) return undefined;
  const { version, mode, interface: name, through, lastSerial } = fields;
  if (!isCount(version)) return undefined;
  if (version > VERSION) return { laterVersion: version };
  if (version !== VERSION || !isCount(through) || !isCount(lastSerial)) return undefined;
  if (mode !== "server" && mode !== "client" || typeof name !== "string") return undefined;
  return { mode, interface: name, through, lastSerial };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
