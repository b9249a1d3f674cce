// The first check of a discovery frame: its format, and whether this kind of station may send it.

import {
  CODE,
  emitDiscovery,
  ETH_P_PPP_DISC,
  isUnicastMac,
  parseDiscovery,
  readEtherType,
  TAG,
} from "../../wire/mod.ts";
import type { DiscoveryPacket } from "../../wire/mod.ts";
import { isCauseTag } from "../cause.ts";
import { DROP, type Drop } from "../drop.ts";
import { NO_SESSION_ID } from "../session.ts";

/** The maximum length of a discovery frame, which is never fragmented (RFC 2516, section 5). */
export const DISCOVERY_FRAME_MAX = 1514;

// The codes that each kind of station sends outside of a session and within one (RFC 2516, RFC 5578).
const HOST_CODES: ReadonlySet<number> = new Set([CODE.PADI, CODE.PADR]);
const AC_CODES: ReadonlySet<number> = new Set([CODE.PADO, CODE.PADS]);
const EITHER_SESSION_CODES: ReadonlySet<number> = new Set([
  CODE.PADT,
  CODE.PADG,
  CODE.PADC,
  CODE.PADQ,
]);
const AC_SESSION_CODES: ReadonlySet<number> = new Set([CODE.PADM, CODE.PADN]);

/** Returns true if a code belongs to the discovery that opens a session, not to an open session. */
export function opensSession(code: number): boolean {
  return HOST_CODES.has(code) || AC_CODES.has(code);
}

/** Returns true for the codes of such a discovery that only a host sends. */
export function isHostCode(code: number): boolean {
  return HOST_CODES.has(code);
}

/** Parses a frame; returns a drop reason if this kind of station may not send it, or an address is impossible. */
export function checkDiscovery(frame: Uint8Array, fromHost: boolean): DiscoveryPacket | Drop {
  if (readEtherType(frame) !== ETH_P_PPP_DISC) return DROP["not-pppoe"];
  const packet = parseDiscovery(frame);
  if (packet === undefined) return DROP.malformed;
  if (frame.length > DISCOVERY_FRAME_MAX) {
    if (packet.code !== CODE.PADT) return DROP["frame-too-large"];
    packet.tags = [];
  }
  const { code, sessionId } = packet;
  const opens = opensSession(code);
  const known = opens || EITHER_SESSION_CODES.has(code) || AC_SESSION_CODES.has(code);
  if (!known) return DROP.malformed;
  if (fromHost ? AC_CODES.has(code) || AC_SESSION_CODES.has(code) : HOST_CODES.has(code)) {
    return DROP["wrong-direction"];
  }
  // RFC 2516, section 5: only PADS, and frames of a session, have a session id.
  if (opens && code !== CODE.PADS && sessionId !== NO_SESSION_ID) return DROP.malformed;
  if (!isUnicastMac(packet.source)) return DROP["bad-address"];
  if (code !== CODE.PADI && !isUnicastMac(packet.destination)) return DROP["bad-address"];
  return packet;
}

/**
 * Makes the frame to forward for a discovery frame of a session. It removes the Host-Uniq, which some stations
 * put into a PADT: on each side of the server it has a different value, and a session does not need it. It
 * also removes a tag that names a cause, which only a program may add. Of a PADT with an unreadable payload,
 * only the header is forwarded.
 *
 * @param packet The frame before its addresses and id were rewritten
 * @param frame The frame after the rewriting
 * @returns The frame to forward
 */
export function forwarded(packet: DiscoveryPacket, frame: Uint8Array): Uint8Array {
  const isPadt = packet.code === CODE.PADT;
  const tags = packet.tags.filter((tag) =>
    tag.type !== TAG.HOST_UNIQ && !(isPadt && isCauseTag(tag))
  );
  const readable = packet.tags.length > 0 || !isPadt;
  if (readable && tags.length === packet.tags.length) return frame;
  return emitDiscovery({ ...parseDiscovery(frame)!, tags });
}
