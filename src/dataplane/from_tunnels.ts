// Frames from tunnels to the link: the second half of a turn.

import { Budget } from "../budget.ts";
import type { LinkOutput } from "../link/link_output.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import { POLLERR, POLLHUP, POLLOUT } from "../poll/poller.ts";
import { DROP, type Relay } from "../relay/mod.ts";
import type { Channel } from "../tunnel/channel.ts";
import { discoveryLength, FRAME, frameLength, REASON } from "../wire/mod.ts";
import type { EventBatch } from "./event_batch.ts";
import type { LocalStation } from "./local_station.ts";
import type { PeerStates } from "./peer_states.ts";
import type { Tunnel, Tunnels } from "./tunnels.ts";

/** The numbers of frames that one turn takes: from one tunnel, and from all tunnels. */
const TUNNEL_FRAMES_PER_TURN = 512;
const ALL_FRAMES_PER_TURN = 1024;
/** The number of frames that one turn takes from all tunnels that wait for their turn, in addition. */
const WAITING_FRAMES_PER_TURN = 512;
/** The time for which one turn takes frames of one tunnel, and of all tunnels, if several have some. */
const TUNNEL_MS_PER_TURN = 0.3;
const ALL_MS_PER_TURN = 1;
/** The number of tunnels without sessions from which one turn reads as much as from others, if none waits. */
const LARGE_READS = 8;
/** The number of frames after which the clock is read. */
const CLOCK_FRAMES = 32;
/**
 * The time for which one turn takes discovery frames, and serves the tunnels that wait for their turn; of that,
 * the time for one of them, and for the discovery frames of the others. They take much longer than other frames.
 */
const OPENING_MS_PER_TURN = 0.2;
const OPENING_MS_PER_TUNNEL = 0.05;
const OPENING_MS_MODEST = 0.05;
/** The time for all that if several tunnels wait, in ms per second, and the most at once. */
const OPENING_MS_PER_SECOND = 300;
const OPENING_MS_BURST = 500;
/** The time by which modest peers may exceed it, so that those that wait do not use up all of it. */
const OPENING_MS_RESERVE = 100;

/** Takes frames from all tunnels. Nothing is allocated for a session frame. */
export class FromTunnels {
  /** True when discovery frames were taken, which may have changed the relay's next deadline. */
  tookDiscovery = false;
  readonly #relay: Relay;
  readonly #tunnels: Tunnels;
  readonly #output: LinkOutput;
  readonly #counters: Counters;
  readonly #events: EventBatch;
  readonly #states: PeerStates;
  readonly #local: LocalStation;
  readonly #now: () => number;
  /** The tunnel that is read first in the next turn. */
  #first = 0;
  /** True if several tunnels had frames in the last turn. */
  #several = false;
  /** The tunnels that wait for their turn, in that order: with a discovery frame, or far too many other frames. */
  readonly #queue: Tunnel[] = [];
  /** The time for discovery frames, and for the tunnels that wait. */
  readonly #openings: Budget;
  /**
   * The time at which this turn, or the present tunnel, has had its share of that; `Infinity` before the first
   * such frame, 0 if there is no time. Most turns need not read the clock for it.
   */
  #openingUntilMs = 0;
  /** The time for discovery frames of tunnels that do not wait, in this turn. */
  #openingMs = 0;
  /** True while the tunnels that wait are served, which counts their time. */
  #serving = false;
  /** The number of frames that belong to an open session, among those of the present tunnel. */
  #useful = 0;

  constructor(
    relay: Relay,
    tunnels: Tunnels,
    output: LinkOutput,
    counters: Counters,
    events: EventBatch,
    states: PeerStates,
    local: LocalStation,
    now: () => number,
  ) {
    this.#relay = relay;
    this.#tunnels = tunnels;
    this.#output = output;
    this.#counters = counters;
    this.#events = events;
    this.#states = states;
    this.#local = local;
    this.#now = now;
    this.#openings = new Budget(OPENING_MS_PER_SECOND, OPENING_MS_BURST, now());
  }

  /** The time at which a tunnel that waits for its turn is due; `Infinity` if none waits. */
  dueMs(nowMs: number): number {
    if (this.#queue.length === 0) return Infinity;
    return this.#mayOpen(nowMs) ? nowMs : nowMs + this.#openings.waitMs(OPENING_MS_PER_TURN, nowMs);
  }

  /** Reads each tunnel that is ready once, and takes a bounded number of frames, for a bounded time. */
  take(nowMs: number): void {
    const { list } = this.#tunnels;
    const first = this.#first < list.length ? this.#first : 0;
    const mayOpen = this.#mayOpen(nowMs);
    const someWait = this.#queue.length > 0;
    const isCrowded = this.#several || someWait;
    const hasReserve = mayOpen || this.#openings.left(nowMs) > -OPENING_MS_RESERVE;
    this.#openingUntilMs = hasReserve ? Infinity : 0;
    this.#openingMs = someWait ? OPENING_MS_MODEST : OPENING_MS_PER_TURN;
    const startMs = this.#several ? this.#now() : 0;
    let left = ALL_FRAMES_PER_TURN;
    let busy = 0;
    for (let i = 0; i < list.length; i++) {
      const at = (first + i) % list.length;
      const tunnel = list[at];
      const { channel, ready } = tunnel;
      tunnel.ready = 0;
      if (ready & POLLOUT) channel.unblock();
      if (tunnel.heldBack) {
        // A connection that is broken has nothing more to come, and would be ready in every turn.
        const isOver = (ready & (POLLERR | POLLHUP)) !== 0;
        if (!isOver && nowMs < tunnel.allowance.heldUntilMs) continue;
        tunnel.heldBack = false;
        channel.heard(nowMs);
      }
      if (tunnel.queued || left <= 0) continue;
      const isReady = (ready & ~POLLOUT) !== 0;
      if (isCrowded && (tunnel.unfinished || isReady) && !tunnel.allowance.isModest(nowMs)) {
        // Others must not wait until all such tunnels have been read.
        this.#wait(tunnel);
        continue;
      }
      // A peer that waits keeps its buffer, and there are few large ones, which those with sessions need.
      const readsLittle = !tunnel.carries && (someWait || busy >= LARGE_READS);
      // Frames that were read before come first; there is no room to read more until they are taken.
      if (tunnel.unfinished || (isReady && channel.receive(nowMs, readsLittle))) {
        busy++;
        const untilMs = this.#several ? this.#now() + TUNNEL_MS_PER_TURN : Infinity;
        const limit = Math.min(left, TUNNEL_FRAMES_PER_TURN);
        left -= this.#takeFrames(tunnel, limit, untilMs, nowMs);
        if (this.#several && this.#now() - startMs >= ALL_MS_PER_TURN) left = 0;
        if (left <= 0) this.#first = at + 1;
      }
    }
    this.#several = busy > 1;
    if (mayOpen && someWait) this.#takeQueued(nowMs);
  }

  // Returns true if there is time for those that wait. A single tunnel takes nobody else's.
  #mayOpen(nowMs: number): boolean {
    return this.#queue.length < 2 || this.#openings.left(nowMs) > 0;
  }

  // Gives the tunnels that wait a share of the time each, until the turn's is over.
  #takeQueued(nowMs: number): void {
    const untilMs = this.#now() + OPENING_MS_PER_TURN;
    let left = WAITING_FRAMES_PER_TURN;
    while (this.#queue.length > 0 && left > 0) {
      const startMs = this.#now();
      if (startMs >= untilMs) return;
      const tunnel = this.#queue.shift()!;
      tunnel.queued = false;
      const { channel } = tunnel;
      if (channel.ended !== undefined) continue;
      this.#serving = true;
      left -= this.#serve(tunnel, left, startMs + OPENING_MS_PER_TUNNEL, nowMs);
      this.#serving = false;
      this.#spend(this.#now() - startMs);
    }
  }

  // Gives one tunnel its turn, and returns the number of frames taken. It waits for the next turn, unless it has
  // no more.
  #serve(tunnel: Tunnel, limit: number, untilMs: number, nowMs: number): number {
    const { channel, allowance } = tunnel;
    // As long as it waits, nobody watches for more.
    if (!tunnel.unfinished && !channel.receive(nowMs, true)) return 0;
    this.#openingUntilMs = untilMs;
    const taken = this.#takeFrames(tunnel, limit, untilMs, nowMs);
    const isOver = tunnel.queued || tunnel.heldBack || channel.ended !== undefined;
    if (!isOver && !allowance.isModest(nowMs)) this.#wait(tunnel);
    return taken;
  }

  #wait(tunnel: Tunnel): void {
    tunnel.queued = true;
    this.#queue.push(tunnel);
  }

  #spend(ms: number): void {
    // This thread may have been stopped meanwhile.
    this.#openings.spend(Math.min(ms, OPENING_MS_PER_TURN));
  }

  /** Takes up to `limit` frames of a tunnel, about until a certain time; returns the number taken. */
  #takeFrames(tunnel: Tunnel, limit: number, untilMs: number, nowMs: number): number {
    const { channel, allowance } = tunnel;
    const bytesBefore = channel.bytesIn;
    const bytesLimit = bytesBefore + Math.max(0, allowance.bytesLeft(nowMs));
    let taken = 0;
    let sessionFrames = 0;
    let isDone = false;
    this.#useful = 0;
    const { recorder } = this.#tunnels;
    while (taken < limit && channel.bytesIn <= bytesLimit) {
      if (this.#openingUntilMs === 0 && this.#nextIsLong(channel, nowMs)) {
        tunnel.queued = true;
        break;
      }
      if (!channel.nextFrame(nowMs)) {
        isDone = true;
        break;
      }
      taken++;
      if (recorder !== undefined) recorder.fromTunnel(tunnel);
      if (channel.type === FRAME.SESSION) {
        sessionFrames++;
        this.#session(channel, nowMs);
      } else if (channel.type === FRAME.DISCOVERY) this.#discovery(channel, nowMs);
      else if (channel.type === FRAME.SESSION_LIST || channel.type === FRAME.STATE) {
        this.#long(channel, 0, nowMs);
      }
      if (taken % CLOCK_FRAMES === 0 && untilMs < Infinity && this.#now() >= untilMs) break;
    }
    recorder?.done();
    // Once for all of them is faster.
    this.#counters.offer(FRAMES.sessionFromTunnel, sessionFrames);
    // The frames are sent from the receive buffer, so they must go out before it is used again.
    this.#output.flush();
    tunnel.unfinished = !isDone;
    if (isDone) channel.compact();
    const bytes = channel.bytesIn - bytesBefore;
    const useful = this.#useful;
    tunnel.carries = useful > 0;
    if (allowance.read(useful, taken - useful, bytes, nowMs)) this.#hold(tunnel, nowMs);
    else if (tunnel.queued) this.#queue.push(tunnel);
    return taken;
  }

  #hold(tunnel: Tunnel, nowMs: number): void {
    tunnel.heldBack = true;
    tunnel.queued = false;
    const { name: client, endpoint, allowance } = tunnel;
    const framesPerSecond = allowance.excessPerSecond(nowMs);
    if (framesPerSecond === 0) return;
    this.#events.notice({ id: "held-back", peer: client, endpoint, framesPerSecond });
  }

  // Returns true if the next frame of a tunnel takes long.
  #nextIsLong(channel: Channel, nowMs: number): boolean {
    const type = channel.nextType();
    if (type !== FRAME.DISCOVERY) return type === FRAME.SESSION_LIST || type === FRAME.STATE;
    const { received: { bytes }, offset, id } = channel;
    const isWhole = discoveryLength(bytes, offset, channel.length) >= 0;
    return isWhole && this.#relay.refuses(id, bytes, offset, nowMs) === undefined;
  }

  // Deals with a frame that takes long. A discovery frame has its length without padding.
  #long(channel: Channel, length: number, nowMs: number): void {
    const startMs = this.#now();
    if (this.#openingUntilMs === Infinity) this.#openingUntilMs = startMs + this.#openingMs;
    if (channel.type === FRAME.DISCOVERY) this.#opening(channel, length, nowMs);
    else if (channel.type === FRAME.SESSION_LIST) this.#list(channel, nowMs);
    else this.#state(channel);
    const endMs = this.#now();
    if (!this.#serving) this.#spend(endMs - startMs);
    if (endMs >= this.#openingUntilMs) this.#openingUntilMs = 0;
  }

  #session(channel: Channel, nowMs: number): void {
    const { received, offset } = channel;
    const { bytes } = received;
    const flow = FRAMES.sessionFromTunnel;
    const length = frameLength(bytes, offset, channel.length);
    if (length < 0) return this.#counters.drop(DROP.malformed, flow);
    const owner = this.#relay.sessionFromTunnel(channel.id, bytes, offset, nowMs);
    if (typeof owner === "number") return this.#counters.drop(owner, flow);
    this.#useful++;
    if (!this.#output.session(received, offset, length, owner, nowMs)) return;
    if (this.#output.tookControl) {
      this.#relay.dials.control(owner, bytes, offset, length, "tunnel", nowMs);
    }
    owner.framesFromTunnel++;
    owner.bytesFromTunnel += length;
  }

  #discovery(channel: Channel, nowMs: number): void {
    const { received: { bytes }, offset, id } = channel;
    const flow = FRAMES.discoveryFromTunnel;
    const length = discoveryLength(bytes, offset, channel.length);
    const drop = length < 0 ? DROP.malformed : this.#relay.refuses(id, bytes, offset, nowMs);
    if (drop === undefined) return this.#long(channel, length, nowMs);
    if (this.#events.debug && length >= 0) {
      this.#events.discovery("tunnel", bytes.subarray(offset, offset + length));
    }
    this.#counters.offer(flow);
    this.#counters.drop(drop, flow);
    this.#events.dropped(drop);
  }

  #opening(channel: Channel, length: number, nowMs: number): void {
    const { received: { bytes }, offset } = channel;
    const whole = bytes.subarray(offset, offset + length);
    const { sessions } = this.#relay;
    const before = sessions.size;
    this.#events.discovery("tunnel", whole);
    if (this.#local.takes(whole, nowMs)) return;
    this.#relay.discoveryFromTunnel(channel.id, whole, nowMs);
    // A frame that has opened or ended a session was not one too many.
    if (sessions.size !== before) this.#useful++;
    this.tookDiscovery = true;
  }

  #state({ id, received: { bytes }, offset, length }: Channel): void {
    this.#states.heard(id, bytes.subarray(offset, offset + length));
  }

  #list(channel: Channel, nowMs: number): void {
    const { received: { bytes }, offset } = channel;
    const payload = bytes.subarray(offset, offset + channel.length);
    if (!this.#relay.listFromTunnel(channel.id, payload, nowMs)) {
      channel.end("the peer sent an unexpected session list", "protocol", REASON.PROTOCOL);
    }
  }
}
