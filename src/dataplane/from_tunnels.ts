// Frames from tunnels to the link: the second half of a turn.

import type { LinkOutput } from "../link/link_output.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import { POLLOUT } from "../poll/poller.ts";
import { DROP, type Relay } from "../relay/mod.ts";
import type { Channel } from "../tunnel/channel.ts";
import { discoveryLength, FRAME, frameLength, REASON } from "../wire/mod.ts";
import type { EventBatch } from "./event_batch.ts";
import type { Tunnel, Tunnels } from "./tunnels.ts";

/** The numbers of frames that one turn takes: from one tunnel, and from all tunnels. */
const TUNNEL_FRAMES_PER_TURN = 512;
const ALL_FRAMES_PER_TURN = 1024;

/** Takes frames from all tunnels. Nothing is allocated for a session frame. */
export class FromTunnels {
  /** True when discovery frames were taken, which may have changed the relay's next deadline. */
  tookDiscovery = false;
  readonly #relay: Relay;
  readonly #tunnels: Tunnels;
  readonly #output: LinkOutput;
  readonly #counters: Counters;
  readonly #events: EventBatch;
  /** The tunnel that is read first in the next turn. */
  #first = 0;

  constructor(
    relay: Relay,
    tunnels: Tunnels,
    output: LinkOutput,
    counters: Counters,
    events: EventBatch,
  ) {
    this.#relay = relay;
    this.#tunnels = tunnels;
    this.#output = output;
    this.#counters = counters;
    this.#events = events;
  }

  /** Reads each tunnel that is ready once, and takes a bounded number of frames. */
  take(nowMs: number): void {
    const { list } = this.#tunnels;
    const first = this.#first < list.length ? this.#first : 0;
    let left = ALL_FRAMES_PER_TURN;
    for (let i = 0; i < list.length; i++) {
      const at = (first + i) % list.length;
      const tunnel = list[at];
      const { channel, ready } = tunnel;
      tunnel.ready = 0;
      if (ready & POLLOUT) channel.unblock();
      if (left <= 0) continue;
      // Frames that were read before come first; there is no room to read more until they are taken.
      if (tunnel.unfinished || (ready & ~POLLOUT && channel.receive(nowMs))) {
        left -= this.#takeFrames(tunnel, Math.min(left, TUNNEL_FRAMES_PER_TURN), nowMs);
        if (left <= 0) this.#first = at + 1;
      }
    }
  }

  /** Takes up to `limit` frames of a tunnel; returns the number taken. */
  #takeFrames(tunnel: Tunnel, limit: number, nowMs: number): number {
    const { channel } = tunnel;
    let taken = 0;
    let sessionFrames = 0;
    while (taken < limit && channel.nextFrame(nowMs)) {
      taken++;
      if (channel.type === FRAME.SESSION) {
        sessionFrames++;
        this.#session(channel, nowMs);
      } else if (channel.type === FRAME.DISCOVERY) this.#discovery(channel, nowMs);
      else if (channel.type === FRAME.SESSION_LIST) this.#list(channel, nowMs);
    }
    // Once for all of them is faster.
    this.#counters.offer(FRAMES.sessionFromTunnel, sessionFrames);
    // The frames are sent from the receive buffer, so they must go out before it is used again.
    this.#output.flush();
    tunnel.unfinished = taken === limit;
    if (!tunnel.unfinished) channel.compact();
    return taken;
  }

  #session(channel: Channel, nowMs: number): void {
    const { received, offset } = channel;
    const { bytes } = received;
    const flow = FRAMES.sessionFromTunnel;
    const length = frameLength(bytes, offset, channel.length);
    if (length < 0) return this.#counters.drop(DROP.malformed, flow);
    const owner = this.#relay.sessionFromTunnel(channel.id, bytes, offset, nowMs);
    if (typeof owner === "number") return this.#counters.drop(owner, flow);
    if (!this.#output.session(received, offset, length, owner, nowMs)) return;
    owner.framesFromTunnel++;
    owner.bytesFromTunnel += length;
  }

  #discovery(channel: Channel, nowMs: number): void {
    const { received: { bytes }, offset } = channel;
    const flow = FRAMES.discoveryFromTunnel;
    const length = discoveryLength(bytes, offset, channel.length);
    if (length < 0) {
      this.#counters.offer(flow);
      return this.#counters.drop(DROP.malformed, flow);
    }
    const whole = bytes.subarray(offset, offset + length);
    this.#events.discovery("tunnel", whole);
    this.#relay.discoveryFromTunnel(channel.id, whole, nowMs);
    this.tookDiscovery = true;
  }

  #list(channel: Channel, nowMs: number): void {
    const { received: { bytes }, offset } = channel;
    const payload = bytes.subarray(offset, offset + channel.length);
    if (!this.#relay.listFromTunnel(channel.id, payload, nowMs)) {
      channel.end("the peer sent an unexpected session list", REASON.PROTOCOL);
    }
  }
}
