// What may be a discovery frame, and whose: the first look at what comes from a link or a tunnel.

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
import { DROP } from "../drop.ts";

/** A discovery frame is never fragmented, and fits an Ethernet of 1500 bytes (RFC 2516, section 5). */
export const DISCOVERY_FRAME_MAX = 1514;

// What each kind of station sends outside a session, and within one (RFC 2516, RFC 5578).
const HOST_CODES: ReadonlySet<number> = new Set([CODE.PADI, CODE.PADR]);
const AC_CODES: ReadonlySet<number> = new Set([CODE.PADO, CODE.PADS]);
const EITHER_SESSION_CODES: ReadonlySet<number> = new Set([
  CODE.PADT,
  CODE.PADG,
  CODE.PADC,
  CODE.PADQ,
]);
const AC_SESSION_CODES: ReadonlySet<number> = new Set([CODE.PADM, CODE.PADN]);

/** Whether a code is of the dialogue that opens a session, and not of a session that is open. */
export function opensSession(code: number): boolean {
  return HOST_CODES.has(code) || AC_CODES.has(code);
}

/** The frame as a packet that this kind of station may send from such an address; or a drop reason. */
export function checkDiscovery(frame: Uint8Array, fromHost: boolean): DiscoveryPacket | number {
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
  // RFC 2516, section 5: only PADS, and what belongs to a session, has a session id.
  if (opens && code !== CODE.PADS && sessionId !== 0) return DROP.malformed;
  if (!isUnicastMac(packet.source)) return DROP["bad-address"];
  if (code !== CODE.PADI && !isUnicastMac(packet.destination)) return DROP["bad-address"];
  return packet;
}

/**
 * Makes of a session's frame what goes on: without Host-Uniq, since each side of the server knows a discovery
 * by another one, and a session is known by neither; some stations put theirs into a PADT all the same. A
 * PADT goes on without the tag that names a cause too, which only a program may name. Of a PADT whose payload
 * can't be read only the header goes on.
 *
 * @param packet The frame before its addresses and id were rewritten
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
