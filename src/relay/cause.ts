// The causes for which a session ends, their texts, and the tag by which one program tells the other.
//
// A session ends once at each side, and both sides report the same cause. A side that ends a session by
// itself sends a PADT into the tunnel with a Generic-Error, `pppoe-proxy: CAUSE`, which the other side
// removes before the frame goes to its link. A side also removes such a tag from the frames of stations, so
// that no station can name a cause. The causes can differ only if there is no tunnel.

import { TAG, type Tag, textTag } from "../wire/mod.ts";

/** The text of each cause for the log, and whether a PADT in a tunnel may name the cause. */
const CAUSES = {
  /** The host sent a PADT. */
  "host-padt": { text: "PADT from the host", told: false },
  /** The AC sent a PADT. */
  "ac-padt": { text: "PADT from the AC", told: false },
  /** The host used to answer LCP echo, and no longer does; the detail is the time since then. */
  "host-silent": { text: "the host answered LCP echo before, but not", told: true },
  /** The AC used to answer LCP echo, and no longer does; the detail is the time since then. */
  "ac-silent": { text: "the AC answered LCP echo before, but not", told: true },
  /** One of the stations sent nothing for too long. */
  "idle": { text: "idle", told: true },
  /** One of the programs was stopped. */
  "shutdown": { text: "shutdown", told: true },
  /** An operator asked for it. */
  "closed-by-operator": { text: "closed by an operator", told: true },
  /** The client left for another server. */
  "moved": { text: "moved to another server", told: true },
  /** The client's key was removed, or its address is no longer allowed. */
  "not-allowed": { text: "its client is no longer allowed", told: true },
  /** An interface no longer has the address that the session's near station knows. */
  "mac-changed": { text: "the interface's MAC address changed", told: true },
  /** The address of the host belongs to an AC. */
  "ac-has-address": { text: "an AC has the host's address", told: true },
  /** The address of the host belongs to a host of another client. */
  "host-has-address": {
    text: "a host of another client has the same address as its host",
    told: true,
  },
  /** The AC gave the session id to another session. */
  "id-reused": { text: "the AC gave its session id to another session", told: true },
  /** The AC granted the session to a host that was not waiting for it. */
  "unclaimed": { text: "its host was not waiting for it", told: true },
  /** The host already has a session for every possible id. */
  "no-id-left": { text: "its host already uses every session id", told: true },
  /** The tunnel ended, and no other one can replace it. */
  "tunnel-lost": { text: "the tunnel is gone", told: false },
  /** The peer was absent for longer than the grace time. */
  "peer-lost": { text: "the other side did not come back", told: false },
  /** The peer was absent, and sessions are not held for so many absent peers. */
  "peer-crowded-out": { text: "too many other clients are away as well", told: false },
  /** The peer returned without the session, which ended there while there was no tunnel. */
  "ended-while-away": { text: "the other side no longer has it", told: false },
  /** An earlier run left the session, and its peer cannot be identified. */
  "peer-unknown": { text: "nobody can come back for it", told: false },
} as const;

/** The name of a cause, for machines. */
export type Cause = keyof typeof CAUSES;

/** All causes. */
export const SESSION_CAUSES = Object.keys(CAUSES) as readonly Cause[];

/** The end of a session. */
export interface SessionEnd {
  /** The cause, which is the same at both sides. */
  readonly cause: Cause;
  /** A detail that only this side knows, such as `180 s`. */
  readonly detail?: string;
  /** True if the peer ended the session and told the cause. */
  readonly byPeer?: true;
}

/**
 * Describes the end of a session for the log.
 *
 * @param end The end of a session
 * @returns The description, such as `idle` or `shutdown, as reported by the peer`
 */
export function describeEnd({ cause, detail, byPeer }: SessionEnd): string {
  let { text }: { text: string } = CAUSES[cause];
  if (cause === "host-silent" || cause === "ac-silent") {
    text += detail === undefined ? " any more" : ` for the last ${detail}`;
  } else if (detail !== undefined) text += ` (${detail})`;
  return byPeer ? `${text}, as reported by the peer` : text;
}

const MARK = "pppoe-proxy: ";
const MARK_BYTES = new TextEncoder().encode(MARK);

/** Makes the tag by which a PADT tells the peer a cause. */
export function causeTag(cause: Cause): Tag {
  return textTag(TAG.GENERIC_ERROR, `${MARK}${cause}`);
}

/** Returns true if a PADT's tag has the form of {@linkcode causeTag}, even if the cause is unknown. */
export function isCauseTag({ type, value }: Tag): boolean {
  return type === TAG.GENERIC_ERROR && MARK_BYTES.every((byte, index) => value[index] === byte);
}

/**
 * Reads the cause that a peer tells.
 *
 * @param tags The tags of a PADT from a tunnel
 * @returns The cause; undefined if there is none, or one that a peer may not tell, because a station sent the PADT
 */
export function causeFrom(tags: readonly Tag[]): Cause | undefined {
  const tag = tags.find(isCauseTag);
  if (tag === undefined) return undefined;
  const name = new TextDecoder().decode(tag.value.subarray(MARK_BYTES.length));
  return SESSION_CAUSES.find((cause) => cause === name && CAUSES[cause].told);
}
