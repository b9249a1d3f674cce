// The PADT, which ends a session.

import { CODE, emitDiscovery } from "../wire/mod.ts";
import { type Cause, causeTag } from "./cause.ts";

/**
 * Makes a PADT.
 *
 * @param cause The cause to tell a peer in a PADT that this program sends into a tunnel; without it there are
 * no tags
 */
export function padt(
  destination: Uint8Array,
  source: Uint8Array,
  sessionId: number,
  cause?: Cause,
): Uint8Array {
  const tags = cause === undefined ? [] : [causeTag(cause)];
  return emitDiscovery({ destination, source, code: CODE.PADT, sessionId, tags });
}
