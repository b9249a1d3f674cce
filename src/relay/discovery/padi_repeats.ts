// Repeats PADIs of hosts behind one address, for an AC that answers one address slowly.
//
// Theory of operation. With --mac own, all hosts look like one station to an AC. Some ACs answer each station
// only one PADI per second (accel-ppp's padi-limit), or one at a time (its pado-delay), and ignore the others.
// Hosts that dial together also repeat their PADIs together, after 5 s or more, so most of them finally give
// up. The server sees all of them, and can ask again for one after the other.
//
// Every PADI goes to the AC at once. Such a limit can only affect it if another PADI came shortly before it, or
// is waiting too: it is then "contested". When the AC has been quiet for longer than it takes to answer, a
// contested PADI is sent again: each time for another host, and only a few times for each host. If the repeats
// themselves are answered one at a time, the next one is sent as soon as the last one was answered. An AC
// without such a limit has answered by then and sees no difference; the same is true for an AC that answers
// nobody.

import { assertInvariant } from "../../assert.ts";
import { formatMac } from "../../wire/mod.ts";
import type { Peer } from "../peer.ts";
import type { ServerPending } from "./matching.ts";

/** The interval at which PADIs stay under a limit of one per second, in ms. */
const APART_MS = 1050;

/** The time that a host waits after its last PADI, in ms. pppd sends three, and gives up 20 s later. */
export const PATIENCE_MS = 20_000;

/** The number of repeats for a host. Once a repeat has helped any host, each PADI of a host gets as many. */
const REPEATS = 3;

/** If this many hosts give up within this time, in ms, the AC is not merely refusing one host. */
const STARVED_HOSTS = 2;
const STARVED_MS = 60_000;

/** The maximum time that an AC is assumed to need for an answer, in ms. */
const LATENCY_MAX_MS = 5000;

/**
 * The maximum number of PADIs that are kept for one client, and in total. If there is one more, the client
 * with the most loses its last one.
 */
const PER_PEER = 256;
const MAX = 1024;

interface Waiting {
  /** The PADI as the AC got it. */
  frame: Uint8Array;
  /** The times of its host's first and last PADI. */
  readonly firstMs: number;
  askedMs: number;
  /** The time at which it last went to the AC. */
  sentMs: number;
  contested: boolean;
  repeats: number;
}

/** The PADIs from one address that no AC has answered. Times are in ms, by a monotonic clock. */
export class PadiRepeats {
  /** The PADIs by client, then by discovery; the one whose turn is next first. */
  readonly #peers = new Map<Peer, Map<ServerPending, Waiting>>();
  #size = 0;
  /** The time at which the last PADI went to the AC, and its discovery. */
  #sentMs = -Infinity;
  #sentBy: ServerPending | undefined;
  #answeredMs = -Infinity;
  #repeatedMs = -Infinity;
  /** The time that the AC needed for its last answer to a PADI that was not repeated. */
  #latencyMs = 0;
  /** The pace of the AC's answers, as far as it is known. */
  #pace: "unknown" | "one by one" | "by time" = "unknown";
  /** The repeat that was sent because the one before it was answered. */
  #early: ServerPending | undefined;
  #dueMs = Infinity;
  /** The times at which hosts gave up without an answer, by address. */
  readonly #starvedMs = new Map<string, number>();

  /** The number of PADIs without an answer. */
  get size(): number {
    return this.#size;
  }

  /** The time at which {@linkcode next} may return a PADI; Infinity if none waits. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Notes a host's PADI that has gone to the AC. */
  sought(pending: ServerPending, frame: Uint8Array, nowMs: number): void {
    const { peer } = pending;
    let queue = this.#peers.get(peer);
    const known = queue?.get(pending);
    const others = this.#size - (known === undefined ? 0 : 1);
    const another = this.#sentBy !== pending && nowMs - this.#sentMs < APART_MS;
    const contested = others > 0 || another;
    this.#sentMs = nowMs;
    this.#sentBy = pending;
    if (known !== undefined) {
      Object.assign(known, { frame, askedMs: nowMs, sentMs: nowMs });
      known.contested ||= contested;
      // If no repeat was ever answered, the AC may simply refuse this host.
      if (this.#pace !== "unknown") known.repeats = 0;
    } else if ((queue?.size ?? 0) < PER_PEER && this.#hasRoomFor(queue?.size ?? 0)) {
      if (queue === undefined) this.#peers.set(peer, queue = new Map());
      const times = { firstMs: nowMs, askedMs: nowMs, sentMs: nowMs };
      queue.set(pending, { frame, ...times, contested, repeats: 0 });
      this.#size++;
    }
    this.#plan();
  }

  /** Notes an AC's answer to a discovery. */
  answered(pending: ServerPending, nowMs: number): void {
    const waiting = this.#peers.get(pending.peer)?.get(pending);
    this.#answeredMs = nowMs;
    if (waiting?.repeats === 0) {
      this.#latencyMs = Math.min(LATENCY_MAX_MS, nowMs - waiting.sentMs);
    }
    if (this.#early !== undefined && this.#early !== pending) this.#pace = "by time";
    else if (this.#pace === "unknown" && (waiting?.repeats ?? 0) > 0) this.#pace = "one by one";
    this.#early = undefined;
    this.removed(pending);
    if (this.#pace === "one by one" && waiting !== undefined) this.#dueMs = nowMs;
  }

  /** Forgets a discovery that is gone. */
  removed(pending: ServerPending): void {
    const queue = this.#peers.get(pending.peer);
    if (queue?.delete(pending)) {
      this.#size--;
      assertInvariant(this.#size >= 0, "a PADI was forgotten twice");
      if (queue.size === 0) this.#peers.delete(pending.peer);
    }
    if (this.#size === 0) this.#pace = "unknown";
    this.#plan();
  }

  /** Returns the PADI to send again now; undefined if there is none. */
  next(nowMs: number): Uint8Array | undefined {
    if (nowMs < this.#dueMs) return undefined;
    const early = nowMs < this.#quietFromMs;
    this.#dueMs = Infinity;
    const turn = this.#turn(nowMs, early);
    if (turn === undefined) return undefined;
    const [pending, waiting] = turn;
    waiting.repeats++;
    waiting.sentMs = this.#sentMs = this.#repeatedMs = nowMs;
    this.#sentBy = pending;
    if (early) this.#early = pending;
    this.#plan();
    return waiting.frame;
  }

  /**
   * Forgets the PADIs of hosts that have given up by now.
   *
   * @returns True if several hosts have recently given up without an answer while others got one
   */
  expire(nowMs: number): boolean {
    for (const [host, ms] of this.#starvedMs) {
      if (nowMs - ms >= STARVED_MS) this.#starvedMs.delete(host);
    }
    let starved = false;
    for (const queue of [...this.#peers.values()]) {
      for (const [pending, { firstMs, askedMs, contested }] of [...queue]) {
        if (nowMs - askedMs < PATIENCE_MS) continue;
        this.removed(pending);
        if (!contested || !this.#answersOthersThan({ firstMs })) continue;
        if (this.#starvedMs.size < PER_PEER) {
          this.#starvedMs.set(formatMac(pending.hostMac), nowMs);
        }
        starved = true;
      }
    }
    return starved && this.#starvedMs.size >= STARVED_HOSTS;
  }

  // Makes room for another PADI of a client that has this many; returns false if no client has more.
  #hasRoomFor(size: number): boolean {
    if (this.#size < MAX) return true;
    let most: Map<ServerPending, Waiting> | undefined;
    for (const queue of this.#peers.values()) {
      if (queue.size > (most?.size ?? size + 1)) most = queue;
    }
    if (most === undefined) return false;
    const [last] = [...most.keys()].slice(-1);
    this.removed(last);
    return true;
  }

  // Returns true if another PADI, which was in the way of this host's, was answered after this host's first PADI
  // or shortly before it.
  #answersOthersThan({ firstMs }: Pick<Waiting, "firstMs">): boolean {
    return this.#answeredMs > firstMs - this.#waitMs;
  }

  // The time from which the AC has been quiet for longer than it takes to answer.
  get #quietFromMs(): number {
    return Math.max(this.#answeredMs, this.#repeatedMs) + this.#waitMs;
  }

  get #waitMs(): number {
    return APART_MS + this.#latencyMs;
  }

  #plan(): void {
    this.#dueMs = this.#size === 0 ? Infinity : this.#quietFromMs;
  }

  // Picks the next PADI of the next client, and moves both to the end. If all were sent too recently, the next
  // one is due later.
  #turn(nowMs: number, early: boolean): [ServerPending, Waiting] | undefined {
    for (const [peer, queue] of [...this.#peers]) {
      if (peer.held) continue;
      for (const [pending, waiting] of queue) {
        const { contested, repeats, askedMs, sentMs } = waiting;
        if (!contested || repeats >= REPEATS || nowMs - askedMs >= PATIENCE_MS) continue;
        if (!this.#answersOthersThan(waiting)) continue;
        const dueMs = sentMs + this.#waitMs;
        if (!early && nowMs < dueMs) {
          this.#dueMs = Math.min(this.#dueMs, dueMs);
          continue;
        }
        queue.delete(pending);
        queue.set(pending, waiting);
        this.#peers.delete(peer);
        this.#peers.set(peer, queue);
        return [pending, waiting];
      }
    }
    return undefined;
  }
}
