// The payload of SESSION_LIST: the sender's sessions with its peer, so that both sides agree on them.
//
//     flags    u8; bit 0: the last part of the list
//     entries  each: address of the AC (6), address of the host (6), session id (u16)

import { readUint16, writeUint16 } from "./uint16.ts";

/** Maximum number of sessions in one frame. */
export const SESSION_LIST_MAX = 4096;

/** The identity of a session in the tunnel. */
export interface ListedSession {
  /** The AC's address, 6 bytes. */
  ac: Uint8Array;
  /** The host's address, 6 bytes. */
  host: Uint8Array;
  /** The id that the AC assigned, 1 to 65534. */
  sessionId: number;
}

/** One part of a list, which is the payload of one frame. */
export interface SessionList {
  /** True in the last part of the list. */
  last: boolean;
  /** The sessions in this part. */
  sessions: ListedSession[];
}

const LAST = 0x01;
const HLEN = 1;
const ENTRY = { ac: 0, host: 6, sessionId: 12, length: 14 } as const;

/**
 * Writes the payload of a SESSION_LIST frame.
 *
 * @param list One part of a list, with at most {@linkcode SESSION_LIST_MAX} sessions
 * @returns The payload
 * @throws {RangeError} If there are more sessions than that
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
 *
 * See docs/PROTOCOL.md.
 */
export function emitSessionList({ last, sessions }: SessionList): Uint8Array<ArrayBuffer> {
  if (sessions.length > SESSION_LIST_MAX) {
    throw new RangeError(
      `Cannot emit session list: ${sessions.length} sessions exceed the maximum of ${SESSION_LIST_MAX}`,
    );
  }
  const payload = new Uint8Array(HLEN + sessions.length * ENTRY.length);
  payload[0] = last ? LAST : 0;
  let at = HLEN;
  for (const { ac, host, sessionId } of sessions) {
    payload.set(ac, at + ENTRY.ac);
    payload.set(host, at + ENTRY.host);
    writeUint16(payload, at + ENTRY.sessionId, sessionId);
    at += ENTRY.length;
  }
  return payload;
}

/**
 * Reads the payload of a SESSION_LIST frame. Never throws.
 *
 * @param payload The payload; the returned addresses are views of it
 * @returns The part of the list; `undefined` if the payload has a partial entry or too many entries
 *
 * @example Usage
 * ```ts
 * import { parseSessionList } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseSessionList(new Uint8Array([1])), { last: true, sessions: [] });
 * assertEquals(parseSessionList(new Uint8Array([1, 2])), undefined);
 * ```
 *
 * See docs/PROTOCOL.md.
 */
export function parseSessionList(payload: Uint8Array): SessionList | undefined {
  const count = (payload.length - HLEN) / ENTRY.length;
  if (!Number.isInteger(count) || count < 0 || count > SESSION_LIST_MAX) return undefined;
  const sessions: ListedSession[] = [];
  for (let at = HLEN; at < payload.length; at += ENTRY.length) {
    sessions.push({
      ac: payload.subarray(at + ENTRY.ac, at + ENTRY.host),
      host: payload.subarray(at + ENTRY.host, at + ENTRY.sessionId),
      sessionId: readUint16(payload, at + ENTRY.sessionId),
    });
  }
  return { last: (payload[0] & LAST) !== 0, sessions };
}
