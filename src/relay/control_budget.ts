// Budgets of PPP control frames: how many of them go ahead of data, for each session and for each host.
//
// A session has a budget in each direction, and so have all sessions of a host together. A control frame within
// both goes in the control lane. One beyond them is treated as data: it is not dropped for that alone, but it
// waits as data does, so that a station that sends any number of them delays its own frames and not those of others.

import { readUint16 } from "../wire/uint16.ts";
import { Budget } from "./budget.ts";

/**
 * The control frames per second of a session in one direction, and the most at once. A dial takes fewer than 50
 * frames (LCP, authentication and two or three NCPs, with repeats), or about 80 with EAP-TLS. Later come echoes,
 * about one a second.
 */
const SESSION_PER_SECOND = 20;
const SESSION_BURST = 100;
/** The same for all sessions of one host, which has few sessions except in a lab. */
const HOST_PER_SECOND = 10 * SESSION_PER_SECOND;
const HOST_BURST = 10 * SESSION_BURST;

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
}

/** The budgets of a session, and those of its host. */
export class SessionBudgets {
  readonly #own: Budgets;
  readonly #host: Budgets;

  constructor(host: Budgets, nowMs: number) {
    this.#own = new Budgets(SESSION_PER_SECOND, SESSION_BURST, nowMs);
    this.#host = host;
  }

  /** Takes from the budgets for a control frame from the link; returns false if there is too little. */
  payFromLink(nowMs: number): boolean {
    return pay(this.#own.fromLink, this.#host.fromLink, nowMs);
  }

  /** Takes from the budgets for a control frame from the tunnel. */
  payFromTunnel(nowMs: number): boolean {
    return pay(this.#own.fromTunnel, this.#host.fromTunnel, nowMs);
  }
}

function pay(own: Budget, host: Budget, nowMs: number): boolean {
  if (own.left(nowMs) < 1 || host.left(nowMs) < 1) return false;
  own.spend(1);
  host.spend(1);
  return true;
}

/** The number of hosts without a session that are remembered, beside as many as have one. */
const IDLE_HOSTS = 64;

/** The budgets of all hosts of one peer. */
export class PeerBudgets {
  readonly #hosts = new Map<number, HostBudgets>();
  #sessions = 0;

  /** The number of hosts that are remembered. */
  get size(): number {
    return this.#hosts.size;
  }

  /** Returns the budgets of a new session. */
  enter(hostMac: Uint8Array, nowMs: number): SessionBudgets {
    const key = keyOf(hostMac);
    let host = this.#hosts.get(key);
    if (host === undefined) {
      if (this.#hosts.size >= 2 * this.#sessions + IDLE_HOSTS) this.#sweep();
      host = new HostBudgets(HOST_PER_SECOND, HOST_BURST, nowMs);
      this.#hosts.set(key, host);
    }
    host.sessions++;
    this.#sessions++;
    return new SessionBudgets(host, nowMs);
  }

  /** Notes the end of a session. Its host is remembered, so that it gains nothing by dialling again. */
  leave(hostMac: Uint8Array): void {
    const host = this.#hosts.get(keyOf(hostMac));
    if (host === undefined) return;
    host.sessions--;
    this.#sessions--;
  }

  #sweep(): void {
    for (const [key, host] of this.#hosts) if (host.sessions === 0) this.#hosts.delete(key);
  }
}

// Returns an address as a number.
function keyOf(mac: Uint8Array): number {
  return (readUint16(mac, 0) * 0x1_0000 + readUint16(mac, 2)) * 0x1_0000 + readUint16(mac, 4);
}
