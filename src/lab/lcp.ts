// The part of LCP that the lab supports: Echo-Request and Echo-Reply (RFC 1661, section 5.8).

import {
  emitLcp,
  emitSession,
  LCP_CODE,
  parseLcp,
  PPP_PROTOCOL,
  type SessionPacket,
} from "../wire/mod.ts";

const MAGIC_NUMBER_LENGTH = 4;

/**
 * Answers an Echo-Request.
 *
 * @param request A received session packet
 * @returns The frame with the Echo-Reply, or `undefined` if the packet is not an Echo-Request
 */
export function answerEcho(request: SessionPacket): Uint8Array | undefined {
  if (request.protocol !== PPP_PROTOCOL.LCP) return undefined;
  const lcp = parseLcp(request.payload);
  if (lcp?.code !== LCP_CODE.ECHO_REQUEST || lcp.data.length < MAGIC_NUMBER_LENGTH) {
    return undefined;
  }
  // No magic number was negotiated, so ours is zero (RFC 1661, section 6.4).
  const data = lcp.data.slice().fill(0, 0, MAGIC_NUMBER_LENGTH);
  return emitSession({
    destination: request.source,
    source: request.destination,
    sessionId: request.sessionId,
    protocol: PPP_PROTOCOL.LCP,
    payload: emitLcp({ code: LCP_CODE.ECHO_REPLY, identifier: lcp.identifier, data }),
  });
}

/** Makes an Echo-Request, to be sent as the payload of an LCP frame. */
export function makeEchoRequest(identifier: number): Uint8Array {
  const data = new Uint8Array(MAGIC_NUMBER_LENGTH);
  return emitLcp({ code: LCP_CODE.ECHO_REQUEST, identifier, data });
}
