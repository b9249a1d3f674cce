// The first look at a discovery frame: may a station of this kind send it?

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

/** The maximum length of a discovery frame: it is never fragmented (RFC 2516, section 5). */
export const DISCOVERY_FRAME_MAX = 1514;

// The codes that each kind of station sends outside a session, and within one (RFC 2516, RFC 5578).
const HOST_CODES: ReadonlySet<number> = new Set([CODE.PADI, CODE.PADR]);
const AC_CODES: ReadonlySet<number> = new Set([CODE.PADO, CODE.PADS]);
const EITHER_SESSION_CODES: ReadonlySet<number> = new Set([
  CODE.PADT,
  CODE.PADG,
  CODE.PADC,
  CODE.PADQ,
]);
const AC_SESSION_CODES: ReadonlySet<number> = new Set([CODE.PADM, CODE.PADN]);

/** Tells if a code belongs to the dialogue that opens a session, not to a session that is open. */
export function opensSession(code: number): boolean {
  return HOST_CODES.has(code) || AC_CODES.has(code);
}

/** Parses a frame that this kind of station may send from such an address; gives it, or a drop reason. */
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
 * Gives the frame that goes on for a frame of a session. It has no Host-Uniq, since each side of the server
 * knows a discovery by a different one, and a session by none; some stations still put theirs into a PADT. A
 * PADT has no tag that names a cause either, which only a program may do. Of a PADT whose payload can't be
 * read, only the header goes on.
 *
 * @param packet The frame before its addresses and id were rewritten
 * @param frame The frame after that
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
