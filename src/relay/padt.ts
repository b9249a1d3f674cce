// The frame that ends a session.

import { CODE, emitDiscovery } from "../wire/mod.ts";

/** A PADT with no tags. */
export function padt(destination: Uint8Array, source: Uint8Array, sessionId: number): Uint8Array {
  return emitDiscovery({ destination, source, code: CODE.PADT, sessionId, tags: [] });
}
