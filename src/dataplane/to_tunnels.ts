// Discovery frames and session lists from the relay into tunnels.

import { type Counters, FRAMES } from "../observe/counters.ts";
import { DROP } from "../relay/mod.ts";
import type { OutboxLane } from "../tunnel/outbox.ts";
import { CODE, FRAME, readCode } from "../wire/mod.ts";
import type { Tunnels } from "./tunnels.ts";

/** Queues the relay's frames for tunnels. */
export class ToTunnels {
  readonly #tunnels: Tunnels;
  readonly #counters: Counters;

  constructor(tunnels: Tunnels, counters: Counters) {
    this.#tunnels = tunnels;
    this.#counters = counters;
  }

  /** Queues a discovery frame, or counts it as dropped. */
  discovery(tunnel: number, frame: Uint8Array, nowMs: number): void {
    const channel = this.#tunnels.get(tunnel)?.channel;
    const flow = FRAMES.discoveryFromLink;
    this.#counters.offer(flow);
    if (channel === undefined) return this.#counters.drop(DROP["no-tunnel"], flow);
    const lane = laneOf(readCode(frame));
    const { length } = frame;
    let queued = channel.queue(FRAME.DISCOVERY, frame, length, lane, nowMs);
    if (!queued && lane === "last") {
      // Thousands of sessions may end at once, and the peer must learn of each.
      channel.flush(nowMs);
      queued = channel.queue(FRAME.DISCOVERY, frame, length, lane, nowMs);
    }
    if (!queued) this.#counters.drop(DROP["tunnel-full"], flow);
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
