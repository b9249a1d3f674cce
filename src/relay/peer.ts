// A peer, the program at the other end of a tunnel: it owns sessions, whichever tunnel carries them.

import type { Session } from "./session.ts";

/** The number that stands for no tunnel. */
export const NO_TUNNEL = 0;

/**
 * A client, as the server knows it, or a server, as its client does. It outlives its tunnels: for a grace
 * time without one its sessions are held, and its next tunnel carries them on.
 */
export class Peer {
  /** The identity across tunnels; undefined if it can't be told, so that nothing is held for it. */
  readonly key: string | undefined;
  /** The name that it gives itself. */
  name: string;
  /** The tunnel that leads to it, or {@linkcode NO_TUNNEL}. */
  tunnel = NO_TUNNEL;
  /** The IP address that it last came from, without the port; empty if there is none. */
  address = "";
  /** Its sessions, which the session table keeps up to date. */
  readonly sessions = new Set<Session>();
  /** The time since when it has had no tunnel. */
  heldSinceMs: number;
  /** The number of sessions that its list may still name; undefined if no list is expected. */
  listDue: number | undefined = undefined;

  /** Makes a peer that has no tunnel yet. */
  constructor(key: string | undefined, name: string, nowMs: number) {
    this.key = key;
    this.name = name;
    this.heldSinceMs = nowMs;
  }

  /** True if it has no tunnel, so that its sessions are held. */
  get held(): boolean {
    return this.tunnel === NO_TUNNEL;
  }
}
