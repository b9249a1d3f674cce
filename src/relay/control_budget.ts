// Budgets of PPP control frames: how many of them go ahead of data, for each session and for each host.
//
// A session has a budget in each direction, and so have all sessions of a host together. A control frame within
// both goes in the control lane. One beyond them is treated as data: it is not dropped for that alone, but it
// waits as data does. No host has a use for thousands of them a second, so those of a station that floods are
// dropped from there on; otherwise it could fill the tunnel with them.

import { Budget } from "../budget.ts";
import { readUint48 } from "../wire/uint16.ts";

/**
 * The control frames per second of a session in one direction, and the most at once. A dial takes fewer than 50
 * frames (LCP, authentication and two or three NCPs, with repeats), or about 80 with EAP-TLS. Later come echoes,
 * about one a second, or a hundred where somebody measures with them.
 */
const SESSION_PER_SECOND = 150;
const SESSION_BURST = 200;
/** The same for all sessions of one host, which has few sessions except in a lab. */
const HOST_PER_SECOND = 2 * SESSION_PER_SECOND;
const HOST_BURST = 10 * SESSION_BURST;

/** The control frames of a host per second that are treated as data, and the most at once. */
const EXCESS_PER_SECOND = 5000;
const EXCESS_BURST = 10_000;

/** The fate of a control frame. */
export const FATE = {
  /** It goes ahead of data. */
  AHEAD: 0,
  /** It is treated as data. */
  AS_DATA: 1,
  /** It is one of too many, and is dropped. */
  DROPPED: 2,
} as const;
/** One of {@linkcode FATE}. */
export type Fate = typeof FATE[keyof typeof FATE];

/** The budgets of both directions. */
class Budgets {
  readonly fromLink: Budget;
  readonly fromTunnel: Budget;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.fromLink = new Budget(perSecond, burst, nowMs);
    this.fromTunnel = new Budget(perSecond, burst, nowMs);
  }
}

/** The budgets of a host, which its sessions share. */
class HostBudgets extends Budgets {
  sessions = 0;
  /** The budgets of what is treated as data. */
  readonly excess: Budgets;

  constructor(nowMs: number) {
    super(HOST_PER_SECOND, HOST_BURST, nowMs);
    this.excess = new Budgets(EXCESS_PER_SECOND, EXCESS_BURST, nowMs);
  }
}

/** The budgets of a session, and those of its host. */
export class SessionBudgets {
  readonly #own: Budgets;
  readonly #host: HostBudgets;

  constructor(host: HostBudgets, nowMs: number) {
    this.#own = new Budgets(SESSION_PER_SECOND, SESSION_BURST, nowMs);
    this.#host = host;
  }

  /** Takes from the budgets for a control frame from the link, and returns the frame's fate. */
  payFromLink(nowMs: number): Fate {
    const host = this.#host;
    return pay(this.#own.fromLink, host.fromLink, host.excess.fromLink, nowMs);
  }

  /** Takes from the budgets for a control frame from the tunnel. */
  payFromTunnel(nowMs: number): Fate {
    const host = this.#host;
    return pay(this.#own.fromTunnel, host.fromTunnel, host.excess.fromTunnel, nowMs);
  }
}

function pay(own: Budget, host: Budget, excess: Budget, nowMs: number): Fate {
  if (own.left(nowMs) >= 1 && host.left(nowMs) >= 1) {
    own.spend(1);
    host.spend(1);
    return FATE.AHEAD;
  }
  if (excess.left(nowMs) < 1) return FATE.DROPPED;
  excess.spend(1);
  return FATE.AS_DATA;
}

/** The number of hosts without a session that are remembered, beside as many as have one. */
const IDLE_HOSTS = 64;

/** The budgets of all hosts of one peer. */
export class PeerBudgets {
  /** The budgets of each host, by its address as a number. */
  readonly #hosts = new Map<number, HostBudgets>();
  #sessions = 0;

  /** The number of hosts that are remembered. */
  get size(): number {
    return this.#hosts.size;
  }

  /** Returns the budgets of a new session. */
  enter(hostMac: Uint8Array, nowMs: number): SessionBudgets {
    const key = readUint48(hostMac, 0);
    let host = this.#hosts.get(key);
    if (host === undefined) {
      if (this.#hosts.size >= 2 * this.#sessions + IDLE_HOSTS) this.#sweep();
      host = new HostBudgets(nowMs);
      this.#hosts.set(key, host);
    }
    host.sessions++;
    this.#sessions++;
    return new SessionBudgets(host, nowMs);
  }

  /** Notes the end of a session. Its host is remembered, so that it gains nothing by dialling again. */
  leave(hostMac: Uint8Array): void {
    const host = this.#hosts.get(readUint48(hostMac, 0));
    if (host === undefined) return;
    host.sessions--;
    this.#sessions--;
  }

  #sweep(): void {
    for (const [key, host] of this.#hosts) if (host.sessions === 0) this.#hosts.delete(key);
  }
}
