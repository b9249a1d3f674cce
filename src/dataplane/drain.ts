// The end of all tunnels when the program stops.

import type { Counters } from "../observe/counters.ts";
import { POLLOUT } from "../poll/poller.ts";
import { DROP } from "../relay/mod.ts";
import type { Tunnel, Tunnels } from "./tunnels.ts";

/** The time that the draining may take. */
const DRAIN_MS = 1000;
/** The longest wait, so that a process that must end at once can. */
const WAIT_MS = 50;

/**
 * Sends the queued control frames, says goodbye, and waits for the peers to close. Queued data is dropped,
 * except on the way to an older peer, which does not know the goodbye. A socket that is closed with bytes
 * unread is reset, and the PADTs before the goodbye would be lost.
 */
export class Drain {
  readonly #tunnels: Tunnels;
  readonly #counters: Counters;
  readonly #deadlineMs: number;
  readonly #shut = new Set<Tunnel>();

  /**
   * Begins to drain all tunnels.
   *
   * @param tunnels The tunnels
   * @param counters The place to count drops
   * @param reason The reason in the goodbye, a code of `REASON`
   * @param nowMs The time
   */
  constructor(tunnels: Tunnels, counters: Counters, reason: number, nowMs: number) {
    this.#tunnels = tunnels;
    this.#counters = counters;
    this.#deadlineMs = nowMs + DRAIN_MS;
    for (const tunnel of tunnels.list) {
      // Each one is read again, because the end of its connection must be seen.
      tunnel.heldBack = tunnel.queued = false;
      tunnels.sayGoodbye(tunnel, reason, "", counters);
    }
  }

  /** Returns the time to wait before the next step, in ms. */
  waitMs(nowMs: number): number {
    return Math.max(0, Math.min(WAIT_MS, Math.ceil(this.#deadlineMs - nowMs)));
  }

  /**
   * Continues with the tunnels that are ready.
   *
   * @param nowMs The time
   * @param gone Called for each tunnel that has ended
   * @returns True when all have ended
   */
  step(nowMs: number, gone: (id: number) => void): boolean {
    const { list } = this.#tunnels;
    for (const tunnel of list) {
      const { channel, ready } = tunnel;
      tunnel.ready = 0;
      if (ready & POLLOUT) channel.unblock();
      if (ready & ~POLLOUT) channel.discard();
    }
    this.#tunnels.flush(nowMs, this.#counters);
    for (const tunnel of list) {
      if (tunnel.channel.blocked || this.#shut.has(tunnel)) continue;
      tunnel.channel.shutdown();
      this.#shut.add(tunnel);
    }
    this.#tunnels.takeEnded(nowMs, this.#counters, ({ id }) => gone(id));
    if (list.length > 0 && nowMs < this.#deadlineMs) return false;
    for (const tunnel of list) {
      this.#tunnels.abandon(tunnel, DROP["no-tunnel"], this.#counters);
      gone(tunnel.channel.id);
    }
    this.#tunnels.clear();
    return true;
  }
}
