// The payload of SESSION_LIST: the sessions that the sender has for its peer, so that both have the same.
//
//     flags    u8; bit 0: the last of the list
//     entries  each: address of the AC (6), address of the host (6), session id (u16)

/** How many sessions one frame names at most. */
export const SESSION_LIST_MAX = 4096;

/** One session, by what it is known by in the tunnel. */
export interface ListedSession {
  /** The AC's address, 6 bytes. */
  ac: Uint8Array;
  /** The host's address, 6 bytes. */
  host: Uint8Array;
  /** The id that the AC gave, 1 to 65534. */
  sessionId: number;
}

/** A part of a list. */
export interface SessionList {
  /** Whether no other part follows. */
  last: boolean;
  /** The sessions of this part. */
  sessions: ListedSession[];
}

const LAST = 0x01;
const HLEN = 1;
const ENTRY = { ac: 0, host: 6, sessionId: 12, length: 14 } as const;

/**
 * Writes the payload of a SESSION_LIST frame.
 *
 * @param list At most {@linkcode SESSION_LIST_MAX} sessions.
 * @returns The payload.
 * @throws {RangeError} If there are more sessions.
 *
 * @see docs/PROTOCOL.md
 *
 * @example Usage
 * ```ts
 * import { emitSessionList, parseMac, parseSessionList } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const ac = parseMac("02:00:00:00:00:ac");
 * const host = parseMac("02:00:00:00:00:01");
 * const list = { last: true, sessions: [{ ac, host, sessionId: 7 }] };
 * assertEquals(parseSessionList(emitSessionList(list)), list);
 * ```
 */
export function emitSessionList({ last, sessions }: SessionList): Uint8Array<ArrayBuffer> {
  if (sessions.length > SESSION_LIST_MAX) {
    throw new RangeError(
      `Cannot emit session list: ${sessions.length} sessions are over ${SESSION_LIST_MAX}`,
    );
  }
  const payload = new Uint8Array(HLEN + sessions.length * ENTRY.length);
  payload[0] = last ? LAST : 0;
  let at = HLEN;
  for (const { ac, host, sessionId } of sessions) {
    payload.set(ac, at + ENTRY.ac);
    payload.set(host, at + ENTRY.host);
    payload[at + ENTRY.sessionId] = sessionId >>> 8;
    payload[at + ENTRY.sessionId + 1] = sessionId;
    at += ENTRY.length;
  }
  return payload;
}

/**
 * Reads the payload of a SESSION_LIST frame. Never throws.
 *
 * @param payload The payload. What is returned points into it.
 * @returns The list; `undefined` when it has not whole entries or too many.
 *
 * @see docs/PROTOCOL.md
 *
 * @example Usage
 * ```ts
 * import { parseSessionList } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseSessionList(new Uint8Array([1])), { last: true, sessions: [] });
 * assertEquals(parseSessionList(new Uint8Array([1, 2])), undefined);
 * ```
 */
export function parseSessionList(payload: Uint8Array): SessionList | undefined {
  const count = (payload.length - HLEN) / ENTRY.length;
  if (!Number.isInteger(count) || count < 0 || count > SESSION_LIST_MAX) return undefined;
  const sessions: ListedSession[] = [];
  for (let at = HLEN; at < payload.length; at += ENTRY.length) {
    sessions.push({
      ac: payload.subarray(at + ENTRY.ac, at + ENTRY.host),
      host: payload.subarray(at + ENTRY.host, at + ENTRY.sessionId),
      sessionId: (payload[at + ENTRY.sessionId] << 8) | payload[at + ENTRY.sessionId + 1],
    });
  }
  return { last: (payload[0] & LAST) !== 0, sessions };
}
