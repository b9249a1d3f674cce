// Restores the sessions that an earlier run of the program left, and closes those that cannot continue.

import { sameMac } from "../wire/mod.ts";
import type { Relay } from "./relay.ts";
import type { Session, SessionKey } from "./session.ts";

/** A session as an earlier run left it. */
export interface LeftSession extends Omit<SessionKey, "peer"> {
  /** The session's number, which is never reused. */
  readonly serial: number;
  /** The key of its peer; empty if nobody can return for it. */
  readonly peer: string;
  /** The name of its peer. */
  readonly name: string;
  /** The time at which it was opened, in ms since the epoch. */
  readonly openedAtMs: number;
}

/** The sessions that an earlier run left, and the times on which their fate depends. */
export interface LeftState {
  /** The sessions, in any order. */
  readonly sessions: readonly LeftSession[];
  /** The times since which peers have had no tunnel, in ms since the epoch, by their keys. */
  readonly away: ReadonlyMap<string, number>;
  /** The time for which no process was running, in ms. */
  readonly silentMs: number;
}

/**
 * Restores sessions. They are held until their peers return or the grace time is over, which starts when each
 * peer was last present. A session that nobody can return for, or that its near station can no longer reach,
 * is closed with a PADT on the link. Of two sessions with the same addresses and id, the older one is closed.
 *
 * @param relay A relay without sessions
 * @param left The state that the earlier run left
 * @param nowMs The time in ms, by the relay's clock
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
  // Restore them in the order in which their peers left.
  const sessions = left.sessions.toSorted((a, b) => awayMs(b.peer) - awayMs(a.peer));
  const byLink = newest(sessions, ({ nearMac, shownMac, linkId }) => [nearMac, shownMac, linkId]);
  const byPeer = newest(
    sessions,
    ({ peer, farMac, nearMac, tunnelId }) => [peer, farMac, nearMac, tunnelId],
  );
  for (const one of sessions) {
    if (byLink.has(one) && byPeer.has(one)) continue;
    // A PADT on the link would end the newer session, if its near station cannot distinguish the two.
    relay.close(takeUp(one), "id-reused", { link: byLink.has(one), tunnel: false });
  }
  for (const one of sessions) {
    if (!byLink.has(one) || !byPeer.has(one)) continue;
    const session = takeUp(one);
    // An interface that is not promiscuous only receives frames for its own address.
    const deaf = relay.options.mac === "own" &&
      !sameMac(relay.linkMac, 0, session.shownMac, 0);
    const link = { link: true, tunnel: false };
    if (deaf) relay.close(session, "mac-changed", link);
    else if (one.peer === "") relay.close(session, "peer-unknown", link);
  }
}

/** Picks the newest session for each key. A journal on a full disk may lack the end of an older one. */
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
