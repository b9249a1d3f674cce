// The tunnels that the data plane drives: which there are, what is waited for, whether they have room.

import type { TunnelStatus } from "../observe/status.ts";
import { type Poller, POLLIN, POLLOUT } from "../poll/poller.ts";
import { DROP } from "../relay/mod.ts";
import type { Transport } from "../transport/transport.ts";
import type { Channel, ChannelSizes } from "../tunnel/channel.ts";
import type { Counters } from "../observe/counters.ts";
import type { TunnelFacts } from "./messages.ts";

/** One of them. */
export interface Tunnel {
  readonly channel: Channel;
  /** What the peer calls itself. */
  readonly name: string;
  /** HOST:PORT. */
  readonly endpoint: string;
  /** What its socket is ready for in this turn, as poll(2) says it. */
  ready: number;
  /** Whether it is waited for until its socket takes more. */
  waits: boolean;
  /** Whether frames that were read are left for the next turn. */
  unfinished: boolean;
  /** When it is over at the latest, of one that is being left. */
  leaveByMs: number;
}

/** Makes the channel of a tunnel. */
export type MakeChannel = (...parameters: ConstructorParameters<typeof Channel>) => Channel;

/** All of them. The loops over them are without iterators, since they run for each turn or frame. */
export class Tunnels {
  /** In the order in which they came. */
  readonly list: Tunnel[] = [];
  readonly #byId = new Map<number, Tunnel>();
  readonly #pollers: readonly Poller[];
  readonly #firstTag: number;
  readonly #sizes: ChannelSizes;
  readonly #makeChannel: MakeChannel;

  /**
   * None yet.
   *
   * @param pollers The pollers that wait for their transports.
   * @param firstTag A tunnel's tag in these is its id behind this.
   */
  constructor(
    pollers: readonly Poller[],
    firstTag: number,
    sizes: ChannelSizes,
    makeChannel: MakeChannel,
  ) {
    this.#pollers = pollers;
    this.#firstTag = firstTag;
    this.#sizes = sizes;
    this.#makeChannel = makeChannel;
  }

  get(id: number): Tunnel | undefined {
    return this.#byId.get(id);
  }

  /** Notes what the socket with a tag is ready for. */
  ready(tag: number, events: number): void {
    const tunnel = this.#byId.get(tag - this.#firstTag);
    if (tunnel !== undefined) tunnel.ready = events;
  }

  /**
   * Takes a connection over.
   *
   * @throws {SystemError} If the system has no room for one more to wait for.
   */
  add(facts: TunnelFacts, transport: Transport, nowMs: number): void {
    const { id, name, endpoint } = facts;
    const channel = this.#makeChannel({ ...facts, transport }, nowMs, this.#sizes);
    // What came behind the greeting is to be looked at.
    const state = { ready: 0, waits: false, unfinished: true, leaveByMs: Infinity };
    const tunnel = { channel, name, endpoint, ...state };
    const added: Poller[] = [];
    try {
      for (const poller of this.#pollers) {
        poller.add(transport.fd, POLLIN, this.#firstTag + id);
        added.push(poller);
      }
    } catch (error) {
      for (const poller of added) poller.remove(transport.fd);
      throw error;
    }
    this.#byId.set(id, tunnel);
    this.list.push(tunnel);
  }

  /** Whether some tunnel, or none since there are none, can be given data. */
  get hasRoom(): boolean {
    const { list } = this;
    for (let i = 0; i < list.length; i++) if (list[i].channel.hasRoom) return true;
    return list.length === 0;
  }

  /** Drops what waits for too long where there is no room; tells whether any has frames left to take. */
  prepare(nowMs: number): boolean {
    const { list } = this;
    let unfinished = false;
    for (let i = 0; i < list.length; i++) {
      list[i].channel.makeRoom(nowMs);
      if (list[i].unfinished) unfinished = true;
    }
    return unfinished;
  }

  /** Sends what is queued, and counts what was dropped; tells whether any has ended. */
  flush(nowMs: number, counters: Counters): boolean {
    const { list } = this;
    let ended = false;
    for (let i = 0; i < list.length; i++) {
      const { channel } = list[i];
      channel.flush(nowMs);
      if (channel.stale > 0) {
        counters.drop(DROP["queue-delay"], channel.stale);
        channel.stale = 0;
      }
      if (channel.blocked !== list[i].waits) this.#watch(list[i]);
      if (channel.ended !== undefined) ended = true;
    }
    return ended;
  }

  /**
   * Takes those out that have ended; their peers are told the reason where it is this side's.
   *
   * @param gone Hears of each while it can still be found here.
   */
  takeEnded(nowMs: number, counters: Counters, gone: (channel: Channel) => void): void {
    for (let i = this.list.length - 1; i >= 0; i--) {
      const { channel } = this.list[i];
      if (channel.ended === undefined) continue;
      channel.tellEnd(nowMs);
      counters.drop(DROP["no-tunnel"], channel.abandon());
      gone(channel);
      for (const poller of this.#pollers) poller.remove(channel.transport.fd);
      this.#byId.delete(channel.id);
      this.list.splice(i, 1);
    }
  }

  /** Forgets all of them. */
  clear(): void {
    for (const { channel } of this.list) {
      for (const poller of this.#pollers) poller.remove(channel.transport.fd);
    }
    this.#byId.clear();
    this.list.length = 0;
  }

  /** The tunnels as the status shows them. */
  statuses(): TunnelStatus[] {
    return this.list.map(({ name, endpoint, channel }) => ({
      name,
      peer: endpoint,
      state: "up",
      rttMs: channel.rttMs === undefined ? null : Math.round(channel.rttMs * 1000) / 1000,
      framesIn: channel.framesIn,
      framesOut: channel.framesOut,
      bytesIn: channel.bytesIn,
      bytesOut: channel.bytesOut,
      queuedBytes: channel.queuedBytes,
      ...channel.transport.status(),
    }));
  }

  #watch(tunnel: Tunnel): void {
    const { channel } = tunnel;
    tunnel.waits = channel.blocked;
    const events = tunnel.waits ? POLLIN | POLLOUT : POLLIN;
    for (const poller of this.#pollers) {
      poller.modify(channel.transport.fd, events, this.#firstTag + channel.id);
    }
  }
}
