// The program at the far end of a tunnel: whose sessions are whose, whichever tunnel carries them.

/** What stands for a tunnel where there is none. */
export const NO_TUNNEL = 0;

/**
 * A client, as the server knows it, or a server, as its client does. It outlives its tunnels: for a
 * grace time without one its sessions are held, and the next tunnel of the same one has them.
 */
export class Remote {
  /** Who it is, across tunnels; undefined where it can't be told, so that nothing is held for it. */
  readonly key: string | undefined;
  /** What it calls itself. */
  name: string;
  /** The tunnel that leads to it, or {@linkcode NO_TUNNEL}. */
  tunnel = NO_TUNNEL;
  /** How many sessions it has, which the session table counts. */
  sessions = 0;
  /** Since when there is no tunnel. */
  heldSinceMs: number;

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
