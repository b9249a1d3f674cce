// Refusals: PADOs and PADSs that tell a host why it gets no offer or session.

import { CODE, emitDiscovery, findTag, TAG, textTag } from "../../wire/mod.ts";
import type { DiscoveryPacket } from "../../wire/mod.ts";
import { NO_SESSION_ID } from "../session.ts";

/** The tags of a request that the answer must return (RFC 2516, sections 5.2 and 5.4, and appendix A). */
const RETURNED: ReadonlySet<number> = new Set([
  TAG.SERVICE_NAME,
  TAG.HOST_UNIQ,
  TAG.RELAY_SESSION_ID,
]);

/** Returns true if an answer to a PADI is an error, and not an offer. */
export function isRefusal({ code, tags }: DiscoveryPacket): boolean {
  return code === CODE.PADO && findTag(tags, TAG.GENERIC_ERROR) !== undefined;
}

/**
 * Makes a refusal from an answer or a request: a PADO without AC-Name, which no host accepts as an offer, or a
 * PADS with session id 0. Both have a Generic-Error (RFC 2516, appendix A).
 *
 * @param packet The frame that the host would get or has sent, with the addresses of the refusal and the tags
 * that the host knows
 * @param why The text of the Generic-Error
 * @returns The frame
 */
export function refusal(packet: DiscoveryPacket, why: string): Uint8Array {
  const returned = packet.tags.filter(({ type }) => RETURNED.has(type));
  const offers = packet.code === CODE.PADI || packet.code === CODE.PADO;
  return emitDiscovery({
    ...packet,
    code: offers ? CODE.PADO : CODE.PADS,
    sessionId: NO_SESSION_ID,
    tags: [...returned, textTag(TAG.GENERIC_ERROR, why)],
  });
}
