// Frames from the link into tunnels: the first half of a turn.

import { FrameViews } from "../../ffi/mod.ts";
import type { Lanes } from "../link/device.ts";
import type { LinkMonitor } from "../link/monitor.ts";
import type { RingAge } from "../link/ring_age.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import { DROP, type Drop, type Relay } from "../relay/mod.ts";
import {
  discoveryLength,
  ETH_P_PPP_DISC,
  FRAME,
  frameLength,
  MAX_PAYLOAD,
  readEtherType,
} from "../wire/mod.ts";
import type { EventBatch } from "./event_batch.ts";
import type { Tunnels } from "./tunnels.ts";

/** The number of frames of each lane that one turn takes. */
const CONTROL_FRAMES_PER_TURN = 64;
const DATA_FRAMES_PER_TURN = 256;

/** Takes frames from the lanes of one link. Nothing is allocated for a session frame. */
export class FromLink {
  /** True when discovery frames were taken, which may have changed the relay's next deadline. */
  tookDiscovery = false;
  readonly #relay: Relay;
  readonly #tunnels: Tunnels;
  readonly #counters: Counters;
  readonly #events: EventBatch;
  readonly #monitor: LinkMonitor;
  readonly #ages: RingAge;
  readonly #buffer = new Uint8Array(MAX_PAYLOAD);
  readonly #views = new FrameViews(this.#buffer, 1, MAX_PAYLOAD);

  constructor(
    relay: Relay,
    tunnels: Tunnels,
    counters: Counters,
    events: EventBatch,
    monitor: LinkMonitor,
    ages: RingAge,
  ) {
    this.#relay = relay;
    this.#tunnels = tunnels;
    this.#counters = counters;
    this.#events = events;
    this.#monitor = monitor;
    this.#ages = ages;
  }

  /** Takes control frames, even if a tunnel is congested. */
  takeControl({ control }: Lanes, nowMs: number): void {
    const buffer = this.#buffer;
    for (let taken = 0; taken < CONTROL_FRAMES_PER_TURN; taken++) {
      const wireLength = control.receive(buffer);
      if (wireLength === 0) return;
      if (wireLength < 0) return this.#monitor.failed();
      const isDiscovery = readEtherType(buffer) === ETH_P_PPP_DISC;
      if (wireLength > buffer.length) {
        this.#drop(DROP["frame-too-large"], isDiscovery);
        continue;
      }
      const length = isDiscovery
        ? discoveryLength(buffer, 0, wireLength)
        : frameLength(buffer, 0, wireLength);
      if (length < 0) this.#drop(DROP.malformed, isDiscovery);
      else if (isDiscovery) {
        const whole = buffer.subarray(0, length);
        this.#events.discovery("link", whole);
        this.#relay.discoveryFromLink(whole, nowMs);
        this.tookDiscovery = true;
      } else {
        const frame = this.#views.at(0, 0, length);
        this.#counters.offer(FRAMES.sessionFromLink);
        this.#session(frame, length, "control", nowMs, 0);
      }
    }
  }

  /** Takes data frames as long as some tunnel has room; returns the number of frames. */
  takeData({ data }: Lanes, nowMs: number): number {
    let taken = 0;
    this.#ages.begin(nowMs);
    for (; taken < DATA_FRAMES_PER_TURN && this.#tunnels.hasRoom && data.next(); taken++) {
      if (data.wireLength > data.length) this.#monitor.frameTooLarge(data.wireLength);
      else {
        const length = frameLength(data.memory, data.offset, data.length);
        if (length < 0) this.#counters.drop(DROP.malformed, FRAMES.sessionFromLink);
        else {
          const waitedMs = this.#ages.waited(data.timestampMs);
          this.#session(data.frame, length, "data", nowMs, waitedMs);
        }
      }
      data.release();
    }
    // Once for all of them is faster.
    this.#counters.offer(FRAMES.sessionFromLink, taken);
    if (taken < DATA_FRAMES_PER_TURN && !data.waiting) this.#ages.emptied(nowMs);
    return taken;
  }

  // Passes a session frame on. The view may be longer than the frame.
  #session(
    frame: Uint8Array,
    length: number,
    lane: "control" | "data",
    nowMs: number,
    waitedMs: number,
  ): void {
    const flow = FRAMES.sessionFromLink;
    const owner = this.#relay.sessionFromLink(frame, 0, nowMs);
    if (typeof owner === "number") return this.#counters.drop(owner, flow);
    const channel = this.#tunnels.get(owner.tunnel)?.channel;
    if (channel === undefined) return this.#counters.drop(DROP["no-tunnel"], flow);
    if (!channel.queue(FRAME.SESSION, frame, length, lane, nowMs, waitedMs, owner)) {
      this.#counters.drop(DROP["tunnel-full"], flow);
    }
  }

  #drop(reason: Drop, isDiscovery: boolean): void {
    const flow = isDiscovery ? FRAMES.discoveryFromLink : FRAMES.sessionFromLink;
    this.#counters.offer(flow);
    this.#counters.drop(reason, flow);
  }
}
