// The tunnels that the data plane drives, and the events for which it polls their sockets.

import type { Recorder } from "../capture/recorder.ts";
import type { TunnelStatus } from "../observe/status.ts";
import { type Poller, POLLIN, POLLOUT } from "../poll/poller.ts";
import { DROP, type Drop } from "../relay/mod.ts";
import type { Transport } from "../transport/transport.ts";
import type { Channel, ChannelSizes } from "../tunnel/channel.ts";
import { Tally } from "../tunnel/flight.ts";
import { QueueRoom } from "../tunnel/queue_room.ts";
import { ReadBuffers } from "../tunnel/read_buffers.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import type { TunnelCause } from "../tunnel_cause.ts";
import { FRAME } from "../wire/mod.ts";
import { Allowance } from "./allowance.ts";
import type { TunnelFacts, TunnelLimits } from "./messages.ts";

/** The frames per second that carry nothing for an open session, unless a relay limits PADIs. */
export const OTHER_FRAMES = 20_000;

/**
 * The time that a peer with a limit of its rate may be ahead of it. What is sent ahead waits in the order of the
 * stream, control frames behind data. With less time, a path with a long delay could not carry the rate.
 */
const AHEAD_SECONDS = 0.3;
/** The lowest number of bytes that such a peer may be ahead. */
const AHEAD_BYTES_MIN = 16 * 1024;
const BITS = 8;

/** A tunnel in the data plane. */
export interface Tunnel {
  readonly channel: Channel;
  /** The name that the peer gives itself. */
  readonly name: string;
  /** The peer's address and port, as HOST:PORT. */
  readonly endpoint: string;
  /** The peer's address alone. */
  readonly address: string;
  /** The address at the other end of the connection: the peer's, or that of a proxy before it. */
  readonly pathAddress: string;
  /** The events for which its socket is ready in this turn, as in poll(2). */
  ready: number;
  /** The events for which the pollers wait. */
  watched: number;
  /** The peer's allowance. */
  readonly allowance: Allowance;
  /** The limits of bits per second, as its key has them: from the peer, and to it. */
  upBps: number | undefined;
  downBps: number | undefined;
  /** The part of the allowance's `heldBackMs` that the last look at these limits has seen. */
  heldBackSeenMs: number;
  /** True while the peer is not read, because it is beyond its allowance. */
  heldBack: boolean;
  /** True while it waits for its turn: with a discovery frame, or because it sends far too many other frames. */
  queued: boolean;
  /** True if frames that were read are left for the next turn. */
  unfinished: boolean;
  /** True if frames of open sessions were among those that were last read. */
  carries: boolean;
  /** The time by which the tunnel ends if it is being left; `Infinity` otherwise. */
  leaveByMs: number;
  /** The reason for which it is being left; empty otherwise. */
  leaveReason: string;
  /** The cause of that, for programs. */
  leaveCause: TunnelCause;
  /** The part of the channel's `carried` that is counted already. */
  readonly counted: Tally;
  /** The number of frames to it that were dropped because they were too old. */
  stale: number;
}

/** Makes the channel of a tunnel. */
export type MakeChannel = (...parameters: ConstructorParameters<typeof Channel>) => Channel;

/** All tunnels. The loops over them use no iterators, because they run in every turn or for every frame. */
export class Tunnels {
  /** The tunnels in the order in which they were added. */
  readonly list: Tunnel[] = [];
  /** The other frames per second that each new peer may send. */
  otherFrames = OTHER_FRAMES;
  /** The time at which a peer is read again, or a tunnel sends again; `Infinity` if none waits for that. */
  dueMs = Infinity;
  /** The recorder of a capture; undefined if there is none. */
  #recorder: Recorder | undefined;
  readonly #byId = new Map<number, Tunnel>();
  readonly #pollers: readonly Poller[];
  readonly #firstTag: number;
  readonly #sizes: ChannelSizes;
  readonly #buffers: ReadBuffers;
  readonly #room = new QueueRoom();
  readonly #makeChannel: MakeChannel;

  /**
   * Makes an empty list.
   *
   * @param pollers The pollers that wait for the transports
   * @param firstTag The offset from a tunnel's id to its tag in the pollers
   * @param sizes The sizes of the tunnels' queues and buffers
   * @param makeChannel Makes the channels
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
    this.#buffers = new ReadBuffers(sizes.readBytes);
    this.#makeChannel = makeChannel;
  }

  /** Begins to record the tunnels' frames; ends it if the recorder is undefined. */
  record(recorder: Recorder | undefined): void {
    this.#recorder = recorder;
    for (const { channel, name } of this.list) channel.tap = recorder?.tap(name);
  }

  /** The recorder of a capture; undefined if there is none. */
  get recorder(): Recorder | undefined {
    return this.#recorder;
  }

  /** Returns the tunnel with an id; undefined if there is none. */
  get(id: number): Tunnel | undefined {
    return this.#byId.get(id);
  }

  /** Notes the events for which the socket with a tag is ready. */
  ready(tag: number, events: number): void {
    const tunnel = this.#byId.get(tag - this.#firstTag);
    if (tunnel !== undefined) tunnel.ready = events;
  }

  /**
   * Adds a tunnel.
   *
   * @param facts The tunnel
   * @param transport Its connection
   * @param nowMs The time
   * @throws {SystemError} If the system cannot poll one more descriptor
   */
  add(facts: TunnelFacts, transport: Transport, nowMs: number): void {
    const { id, name, endpoint, address, pathAddress, upBps, downBps } = facts;
    const channel = this.#makeChannel(
      { ...facts, transport },
      nowMs,
      this.#sizes,
      this.#buffers,
      this.#room,
    );
    channel.tap = this.#recorder?.tap(name);
    channel.limitSending(downBps, nowMs);
    if (upBps !== undefined) transport.limitUnread(unreadOf(upBps));
    const tunnel: Tunnel = {
      channel,
      name,
      endpoint,
      address,
      pathAddress,
      ready: 0,
      watched: POLLIN,
      // There may be frames after the greeting.
      unfinished: true,
      carries: false,
      leaveByMs: Infinity,
      leaveReason: "",
      leaveCause: "moved",
      counted: new Tally(),
      upBps,
      downBps,
      heldBackSeenMs: 0,
      stale: 0,
      allowance: new Allowance({ otherFrames: this.otherFrames, bps: upBps }, nowMs),
      heldBack: false,
      queued: false,
    };
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

  /** Applies new limits to a tunnel, unless there is none with that id, or it is being left. */
  limit(id: number, { upBps, downBps }: TunnelLimits, nowMs: number): void {
    const tunnel = this.#byId.get(id);
    // Nothing may hold up the goodbye of a tunnel that is being left.
    if (tunnel === undefined || tunnel.leaveByMs < Infinity) return;
    tunnel.upBps = upBps;
    tunnel.downBps = downBps;
    tunnel.allowance.limit(upBps, nowMs);
    tunnel.channel.limitSending(downBps, nowMs);
    tunnel.channel.transport.limitUnread(unreadOf(upBps));
  }

  /** True if some tunnel has room for data, or there are no tunnels. */
  get hasRoom(): boolean {
    const { list } = this;
    for (let i = 0; i < list.length; i++) if (list[i].channel.hasRoom) return true;
    return list.length === 0;
  }

  /** Drops frames that have waited too long in full tunnels; returns true if any tunnel is unfinished. */
  prepare(nowMs: number): boolean {
    const { list } = this;
    let unfinished = false;
    for (let i = 0; i < list.length; i++) {
      const tunnel = list[i];
      tunnel.channel.makeRoom(nowMs);
      if (tunnel.unfinished && !tunnel.heldBack && !tunnel.queued) unfinished = true;
    }
    return unfinished;
  }

  /** Sends the queued frames, and counts dropped ones; returns true if any tunnel has ended. */
  flush(nowMs: number, counters: Counters): boolean {
    const { list } = this;
    let ended = false;
    let dueMs = Infinity;
    for (let i = 0; i < list.length; i++) {
      const tunnel = list[i];
      const { channel } = tunnel;
      channel.flush(nowMs);
      count(tunnel, counters);
      const events = (tunnel.heldBack || tunnel.queued ? 0 : POLLIN) |
        (channel.blocked ? POLLOUT : 0);
      if (events !== tunnel.watched) this.#watch(tunnel, events);
      if (tunnel.heldBack && tunnel.allowance.heldUntilMs < dueMs) {
        dueMs = tunnel.allowance.heldUntilMs;
      }
      if (!channel.blocked && channel.sendsAtMs < dueMs) dueMs = channel.sendsAtMs;
      if (channel.ended !== undefined) ended = true;
    }
    this.dueMs = dueMs;
    return ended;
  }

  /**
   * Removes the tunnels that have ended. Their peers are told the reason if this side ended the tunnel.
   *
   * @param nowMs The time
   * @param counters The place to count drops
   * @param gone Called for each tunnel before it is removed
   */
  takeEnded(nowMs: number, counters: Counters, gone: (channel: Channel) => void): void {
    for (let i = this.list.length - 1; i >= 0; i--) {
      const tunnel = this.list[i];
      const { channel } = tunnel;
      if (channel.ended === undefined) continue;
      const dropped = this.#losing(DROP["tunnel-lost"], () => channel.tellEnd(nowMs));
      counters.drop(DROP["tunnel-lost"], FRAMES.sessionFromLink, dropped);
      this.abandon(tunnel, DROP["tunnel-lost"], counters);
      channel.abandonRead((type) => {
        const flow = type === FRAME.SESSION ? FRAMES.sessionFromTunnel : FRAMES.discoveryFromTunnel;
        this.#recorder?.fromTunnel(tunnel);
        counters.offer(flow);
        counters.drop(DROP["tunnel-lost"], flow);
        this.#recorder?.done();
      });
      gone(channel);
      for (const poller of this.#pollers) poller.remove(channel.transport.fd);
      this.#byId.delete(channel.id);
      this.list.splice(i, 1);
    }
  }

  /** Queues a goodbye in place of the data that waits for a tunnel, which counts as dropped (no-tunnel). */
  sayGoodbye(tunnel: Tunnel, code: number, text: string, counters: Counters): void {
    const reason = DROP["no-tunnel"];
    const dropped = this.#losing(reason, () => tunnel.channel.queueGoodbye(code, text));
    counters.drop(reason, FRAMES.sessionFromLink, dropped);
  }

  /** Drops all frames that wait for a tunnel, or are under way in it. */
  abandon(tunnel: Tunnel, reason: Drop, counters: Counters): void {
    tunnel.channel.settle();
    count(tunnel, counters);
    const { channel } = tunnel;
    counters.drop(reason, FRAMES.discoveryFromLink, channel.queuedDiscovery);
    counters.drop(reason, FRAMES.sessionFromLink, channel.queuedSession);
    this.#losing(reason, () => channel.abandon());
  }

  /** Finds out which frames have arrived, and counts them; to be called at least once a second. */
  settle(counters: Counters): void {
    for (const tunnel of this.list) {
      tunnel.channel.settle();
      count(tunnel, counters);
    }
  }

  /** Gives back memory that is not used; to be called about once a second. */
  trim(): void {
    for (const { channel } of this.list) channel.trim();
    this.#buffers.trim();
  }

  /** The numbers of Ethernet frames that wait for all tunnels, or are under way in them, by kind. */
  get queued(): { discovery: number; session: number } {
    const queued = { discovery: 0, session: 0 };
    for (const { channel } of this.list) {
      queued.discovery += channel.queuedDiscovery;
      queued.session += channel.queuedSession;
    }
    return queued;
  }

  /** Removes all tunnels. */
  clear(): void {
    for (const { channel } of this.list) {
      for (const poller of this.#pollers) poller.remove(channel.transport.fd);
    }
    this.#byId.clear();
    this.list.length = 0;
  }

  /** Describes the tunnels as the status shows them. */
  statuses(): TunnelStatus[] {
    return this.list.map(({ name, endpoint, channel, allowance }) => ({
      name,
      peer: endpoint,
      state: "up",
      rttMs: channel.rttMs === undefined ? null : Math.round(channel.rttMs * 1000) / 1000,
      framesIn: channel.framesIn,
      framesOut: channel.carried.discoveryFrames + channel.carried.sessionFrames,
      bytesIn: channel.bytesIn,
      bytesOut: channel.carried.discoveryBytes + channel.carried.sessionBytes,
      queuedBytes: channel.queuedBytes,
      queuedFrames: channel.queuedDiscovery + channel.queuedSession,
      heldBackMs: Math.round(allowance.heldBackMs),
      ...channel.transport.status(),
    }));
  }

  // Does something by which frames that wait are dropped for a reason, which a capture must know.
  #losing<T>(reason: Drop, act: () => T): T {
    const recorder = this.#recorder;
    if (recorder === undefined) return act();
    const before = recorder.queueReason;
    recorder.queueReason = reason;
    const result = act();
    recorder.queueReason = before;
    return result;
  }

  #watch(tunnel: Tunnel, events: number): void {
    const { channel } = tunnel;
    tunnel.watched = events;
    for (const poller of this.#pollers) {
      poller.modify(channel.transport.fd, events, this.#firstTag + channel.id);
    }
  }
}

// Counts what a tunnel has carried and dropped since the last time.
function count(tunnel: Tunnel, counters: Counters): void {
  const { channel, counted } = tunnel;
  const { carried } = channel;
  if (carried.sessionFrames !== counted.sessionFrames) {
    counters.frames(
      FRAMES.sessionFromLink,
      carried.sessionFrames - counted.sessionFrames,
      carried.sessionBytes - counted.sessionBytes,
    );
    counted.sessionFrames = carried.sessionFrames;
    counted.sessionBytes = carried.sessionBytes;
  }
  if (carried.discoveryFrames !== counted.discoveryFrames) {
    counters.frames(
      FRAMES.discoveryFromLink,
      carried.discoveryFrames - counted.discoveryFrames,
      carried.discoveryBytes - counted.discoveryBytes,
    );
    counted.discoveryFrames = carried.discoveryFrames;
    counted.discoveryBytes = carried.discoveryBytes;
  }
  if (channel.stale > 0) {
    // Only data waits in a queue that drops old frames.
    counters.drop(DROP["queue-delay"], FRAMES.sessionFromLink, channel.stale);
    tunnel.stale += channel.stale;
    channel.stale = 0;
  }
}

/** Returns the number of bytes that a peer may send before they are read, for a limit of its rate. */
function unreadOf(bps: number | undefined): number {
  return bps === undefined ? Infinity : Math.max(AHEAD_BYTES_MIN, AHEAD_SECONDS * bps / BITS);
}
