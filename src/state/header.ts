// The first line of a base, which describes the base. No I/O.

import type { Side } from "../side.ts";
import { NUMBER_MAX, parseObject } from "./session_record.ts";

const VERSION = 1;

/** The description of a base. */
export interface Header {
  /** The side that wrote the base. */
  side: Side;
  /** Name of the link's interface. */
  interface: string;
  /** The last segment whose changes are in the base. It and earlier ones have nothing to add. */
  through: number;
  /** The highest serial number ever assigned, even if its session has ended. */
  lastSerial: number;
}

/** Writes a header as a line. Its field for the side is called `mode` in all versions. */
export function encodeHeader(header: Header): string {
  const { side, interface: name, through, lastSerial } = header;
  const fields = { version: VERSION, mode: side, interface: name, through, lastSerial };
  return `${JSON.stringify(fields)}\n`;
}

/**
 * Reads a header.
 *
 * @param line The line, without the line break
 * @returns The header; only its version if that is a later one; undefined if the line is invalid
 */
export function parseHeader(line: string): Header | { laterVersion: number } | undefined {
  const fields = parseObject(line);
  if (fields === undefined) return undefined;
  const { version, mode: side, interface: name, through, lastSerial } = fields;
  if (!isCount(version)) return undefined;
  if (version > VERSION) return { laterVersion: version };
  if (version !== VERSION || !isCount(through) || !isCount(lastSerial)) return undefined;
  if (side !== "server" && side !== "client" || typeof name !== "string") return undefined;
  return { side, interface: name, through, lastSerial };
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= NUMBER_MAX;
}
