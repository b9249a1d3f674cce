// A peer: the program at the other end of a tunnel, which owns sessions, whichever tunnel carries them.

import { countedAs } from "../net/ip.ts";
import { PeerBudgets } from "./control_budget.ts";
import type { Session } from "./session.ts";

/** The number that represents no tunnel. */
export const NO_TUNNEL = 0;

/**
 * A client as the server knows it, or a server as its client knows it. It outlives its tunnels: without a
 * tunnel its sessions are held for the grace time, and its next tunnel continues them.
 */
export class Peer {
  /** The identity across tunnels; undefined if it is unknown, so that no sessions are held for the peer. */
  readonly key: string | undefined;
  /** The name that it gives itself. */
  name: string;
  /** The tunnel that leads to it, or {@linkcode NO_TUNNEL}. */
  tunnel = NO_TUNNEL;
  /** The maximum number of its sessions; undefined if that of all peers applies. 0: no limit. */
  maxSessions: number | undefined = undefined;
  /** Its sessions, which the session table keeps up to date. */
  readonly sessions = new Set<Session>();
  /** The budgets of its hosts' control frames. */
  readonly budgets = new PeerBudgets();
  /** The time since which it has had no tunnel. */
  heldSinceMs: number;
  /** The number of sessions that its list may still contain; undefined if no list is expected. */
  listDue: number | undefined = undefined;
  #address = "";
  #countedAs = "";

  /** Makes a peer without a tunnel. */
  constructor(key: string | undefined, name: string, nowMs: number) {
    this.key = key;
    this.name = name;
    this.heldSinceMs = nowMs;
  }

  /** The last IP address of the peer, without the port; empty if there is none. */
  get address(): string {
    return this.#address;
  }

  set address(address: string) {
    this.#address = address;
    this.#countedAs = countedAs(address);
  }

  /** The address as it is counted in the limits of an address. */
  get countedAs(): string {
    return this.#countedAs;
  }

  /** True if it has no tunnel, so that its sessions are held. */
  get held(): boolean {
    return this.tunnel === NO_TUNNEL;
  }
}
