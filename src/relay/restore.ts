// Takes up the sessions that an earlier run of the program left, or closes those that can't go on.

import { sameMac } from "../wire/mod.ts";
import type { Relay } from "./relay.ts";
import type { Session, SessionKey } from "./session.ts";

/** A session as an earlier run left it. */
export interface LeftSession extends Omit<SessionKey, "peer"> {
  /** The session's number, which no other one ever had. */
  readonly serial: number;
  /** The key of its peer; empty if nobody can come back for it. */
  readonly peer: string;
  /** The name of its peer. */
  readonly name: string;
  /** The time when it was opened, in ms since the epoch. */
  readonly openedAtMs: number;
}

/** The sessions that an earlier run left, and the times that decide about them. */
export interface LeftState {
  /** The sessions, in any order. */
  readonly sessions: readonly LeftSession[];
  /** The times since when peers have had no tunnel, in ms since the epoch, by their keys. */
  readonly away: ReadonlyMap<string, number>;
  /** The time for which no process was there to carry the sessions, in ms. */
  readonly silentMs: number;
}

/**
 * Takes up sessions. They are held until their peers come back or the grace time is over, which counts from
 * when each peer was last there. A session that nobody can come back for, or that its near station can no
 * longer reach, is closed with a PADT on the link. Of two sessions with the same addresses and id, the older
 * one is closed.
 *
 * @param relay A relay that has no session yet
 * @param left The state that the earlier run left
 * @param nowMs The time of the relay's clock, in ms
 * @param clockMs The time in ms since the epoch
 */
export function restore(
  relay: Relay,
  left: LeftState,
  nowMs: number,
  clockMs: number = Date.now(),
): void {
  const awayMs = (peer: string): number => {
    const awaySinceMs = left.away.get(peer) ?? Infinity;
    // If the clock was set back, the time since the last sign of life still counts in full.
    return Math.max(left.silentMs, clockMs - awaySinceMs);
  };
  const takeUp = ({ peer, name, openedAtMs, ...record }: LeftSession): Session => {
    const openedMs = nowMs - Math.max(0, clockMs - openedAtMs);
    const key = peer === "" ? undefined : peer;
    return relay.restore(
      { ...record, openedMs },
      { key, name, heldSinceMs: nowMs - awayMs(peer) },
      nowMs,
    );
  };
  // In the order in which they went away.
  const sessions = left.sessions.toSorted((a, b) => awayMs(b.peer) - awayMs(a.peer));
  const byLink = newest(sessions, ({ nearMac, shownMac, linkId }) => [nearMac, shownMac, linkId]);
  const byPeer = newest(
    sessions,
    ({ peer, farMac, nearMac, tunnelId }) => [peer, farMac, nearMac, tunnelId],
  );
  for (const one of sessions) {
    if (byLink.has(one) && byPeer.has(one)) continue;
    // Its near station takes a PADT for one of the newer session where it can't tell the two apart.
    relay.close(takeUp(one), "id-reused", { link: byLink.has(one), tunnel: false });
  }
  for (const one of sessions) {
    if (!byLink.has(one) || !byPeer.has(one)) continue;
    const session = takeUp(one);
    // An interface that is not promiscuous takes only what is for its own address.
    const deaf = relay.options.mac === "own" &&
      !sameMac(relay.linkMac, 0, session.shownMac, 0);
    const link = { link: true, tunnel: false };
    if (deaf) relay.close(session, "mac-changed", link);
    else if (one.peer === "") relay.close(session, "peer-unknown", link);
  }
}

/** Picks the newest session of each key. A journal on a full disk may lack the end of an older one. */
function newest(
  sessions: readonly LeftSession[],
  keyOf: (session: LeftSession) => unknown[],
): ReadonlySet<LeftSession> {
  const byKey = new Map<string, LeftSession>();
  for (const session of sessions) {
    const key = keyOf(session).join(" ");
    const known = byKey.get(key);
    if (known === undefined || known.serial < session.serial) byKey.set(key, session);
  }
  return new Set(byKey.values());
}
