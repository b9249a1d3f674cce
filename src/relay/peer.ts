// The program at the far end of a tunnel: whose sessions are whose, whichever tunnel carries them.

import type { Session } from "./session.ts";

/** What stands for a tunnel where there is none. */
export const NO_TUNNEL = 0;

/**
 * A client, as the server knows it, or a server, as its client does. It outlives its tunnels: for a
 * grace time without one its sessions are held, and the next tunnel of the same one has them.
 */
export class Peer {
  /** Who it is, across tunnels; undefined where it can't be told, so that nothing is held for it. */
  readonly key: string | undefined;
  /** What it calls itself. */
  name: string;
  /** The tunnel that leads to it, or {@linkcode NO_TUNNEL}. */
  tunnel = NO_TUNNEL;
  /** The address that it last came from, without the port; empty where there is none. */
  address = "";
  /** Its sessions, which the session table keeps up to date. */
  readonly sessions = new Set<Session>();
  /** Since when there is no tunnel. */
  heldSinceMs: number;
  /** How many sessions the list that it owes may still name; under 0 where none is to come. */
  listDue = -1;

  constructor(key: string | undefined, name: string, nowMs: number) {
    this.key = key;
    this.name = name;
    this.heldSinceMs = nowMs;
  }

  /** Whether its sessions wait for it to come back. */
  get held(): boolean {
    return this.tunnel === NO_TUNNEL;
  }
}
