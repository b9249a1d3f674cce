// Discovery frames and session lists from the relay into tunnels.

import { Budget } from "../budget.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import { DROP } from "../relay/mod.ts";
import type { OutboxLane } from "../tunnel/outbox.ts";
import { CODE, FRAME, readCode } from "../wire/mod.ts";
import type { Tunnels } from "./tunnels.ts";

/**
 * The PADIs per second that a client sends to its server, and as many PADRs, and the most at once. A server takes
 * 2500 by default, and reads a client that sends far more slowly, with all its sessions.
 */
const DIALS_PER_SECOND = 2200;
const DIALS_BURST = 2000;

/** Queues the relay's frames for tunnels. */
export class ToTunnels {
  readonly #tunnels: Tunnels;
  readonly #counters: Counters;
  readonly #padis: Budget;
  readonly #padrs: Budget;

  constructor(tunnels: Tunnels, counters: Counters, nowMs: number) {
    this.#tunnels = tunnels;
    this.#counters = counters;
    this.#padis = new Budget(DIALS_PER_SECOND, DIALS_BURST, nowMs);
    this.#padrs = new Budget(DIALS_PER_SECOND, DIALS_BURST, nowMs);
  }

  /** Returns the name of a tunnel's peer; empty if there is no such tunnel. */
  nameOf(tunnel: number): string {
    return this.#tunnels.get(tunnel)?.name ?? "";
  }

  /** Queues a discovery frame, or counts it as dropped. */
  discovery(tunnel: number, frame: Uint8Array, nowMs: number): void {
    const channel = this.#tunnels.get(tunnel)?.channel;
    const flow = FRAMES.discoveryFromLink;
    this.#counters.offer(flow);
    if (channel === undefined) return this.#counters.drop(DROP["no-tunnel"], flow);
    const code = readCode(frame);
    const lane = laneOf(code);
    const { length } = frame;
    const budget = code === CODE.PADI ? this.#padis : code === CODE.PADR ? this.#padrs : undefined;
    if (budget !== undefined && budget.left(nowMs) < 1) {
      return this.#counters.drop(DROP["padi-rate"], flow);
    }
    let queued = channel.queue(FRAME.DISCOVERY, frame, length, lane, nowMs);
    if (!queued && lane === "last") {
      // Thousands of sessions may end at once, and the peer must learn of each.
      channel.flush(nowMs);
      queued = channel.queue(FRAME.DISCOVERY, frame, length, lane, nowMs);
    }
    if (!queued) return this.#counters.drop(DROP["tunnel-full"], flow);
    budget?.spend(1);
  }

  /** Queues a part of a session list; returns false if there is no room for it. */
  list(tunnel: number, payload: Uint8Array, nowMs: number): boolean {
    const channel = this.#tunnels.get(tunnel)?.channel;
    if (channel === undefined) return false;
    const queue = () => channel.queue(FRAME.SESSION_LIST, payload, payload.length, "last", nowMs);
    if (queue()) return true;
    channel.flush(nowMs);
    return queue();
  }
}

function laneOf(code: number): OutboxLane {
  switch (code) {
    case CODE.PADT:
      return "last";
    case CODE.PADI:
    case CODE.PADO:
    case CODE.PADR:
      return "opening";
    default:
      return "control";
  }
}
