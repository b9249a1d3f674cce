// The status of all sides as one JSON document, which stays the same from version to version.

import type { Side } from "../../side.ts";

/** A side in the document. */
export interface SideDocument {
  side: Side | null;
  interface: string | null;
  /** Its name; null if it is unknown. */
  name: string | null;
  /** Its process; null if it is unknown. */
  pid: number | null;
  /** The address at which it was asked; null if there is none. */
  address: string | null;
  /** The reason why there is no status; null if there is one. */
  failure: string | null;
  /** The answer to `GET /api/status`, or null. */
  status: unknown;
}

/** The document. */
export interface StatusDocument {
  /** True if there is a side, and each does its job. */
  healthy: boolean;
  sides: SideDocument[];
}

/** Characters that can do something to a terminal, and those that no text should have. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Writes a value as JSON on one line that is safe for a terminal.
 *
 * @param value The value
 * @returns The text, without a line break
 */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    UNPRINTABLE,
    (character) =>
      Array.from(
        { length: character.length },
        (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`,
      ).join(""),
  );
}

/** Makes the document of some sides. */
export function documentOf(sides: SideDocument[]): StatusDocument {
  const isHealthy = ({ status }: SideDocument) =>
    (status as { healthy?: unknown } | null)?.healthy === true;
  return { healthy: sides.length > 0 && sides.every(isHealthy), sides };
}
