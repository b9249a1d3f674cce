// The payload of STATE: what one side tells the other about itself.
//
//     link      u8; 0: the sender's interface is down, 1: it is up
//     problems  u8 each: the codes of the sender's problems (docs/PROTOCOL.md)

/** Maximum number of problems in one frame. */
export const STATE_PROBLEMS_MAX = 32;

/** The state of one side. */
export interface PeerState {
  /** True if its interface is up. */
  linkUp: boolean;
  /** The codes of its problems. */
  problems: number[];
}

/**
 * Writes the payload of a STATE frame.
 *
 * @param state The state, with codes from 0 to 255; those beyond {@linkcode STATE_PROBLEMS_MAX} are left out
 * @returns The payload
 *
 * @example Usage
 * ```ts
 * import { emitState, parseState } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const state = { linkUp: false, problems: [1, 7] };
 * assertEquals(parseState(emitState(state)), state);
 * ```
 *
 * See docs/PROTOCOL.md.
 */
export function emitState({ linkUp, problems }: PeerState): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(linkUp ? 1 : 0, ...problems.slice(0, STATE_PROBLEMS_MAX));
}

/**
 * Reads the payload of a STATE frame. Never throws.
 *
 * @param payload The payload
 * @returns The state, with at most {@linkcode STATE_PROBLEMS_MAX} codes; undefined if the payload is empty
 *
 * @example Usage
 * ```ts
 * import { parseState } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseState(Uint8Array.of(1, 2)), { linkUp: true, problems: [2] });
 * assertEquals(parseState(new Uint8Array(0)), undefined);
 * ```
 *
 * See docs/PROTOCOL.md.
 */
export function parseState(payload: Uint8Array): PeerState | undefined {
  if (payload.length === 0) return undefined;
  return { linkUp: payload[0] !== 0, problems: [...payload.subarray(1, 1 + STATE_PROBLEMS_MAX)] };
}
