// Frames from the link into tunnels: the first half of a turn.

import { Budget } from "../budget.ts";
import type { Lanes, RingReceiver } from "../link/device.ts";
import type { LinkMonitor } from "../link/monitor.ts";
import type { RingAge } from "../link/ring_age.ts";
import type { StationsHeard } from "../link/stations_heard.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import { DROP, type Drop, FATE, NO_SESSION_ID, type Relay } from "../relay/mod.ts";
import {
  CODE,
  discoveryLength,
  ETH_P_PPP_DISC,
  FRAME,
  frameLength,
  isControlProtocol,
  MAX_PAYLOAD,
  PPPOE,
  readCode,
  readEtherType,
  readProtocol,
  readSessionId,
} from "../wire/mod.ts";
import type { EventBatch } from "./event_batch.ts";
import type { Floods } from "./floods.ts";
import type { Tunnels } from "./tunnels.ts";

/** The number of frames of each lane that one turn takes. */
const OPENING_FRAMES_PER_TURN = 64;
const CONTROL_FRAMES_PER_TURN = 512;
const DATA_FRAMES_PER_TURN = 256;
/** The time for which one turn takes frames that open sessions, and for other discovery frames. */
const OPENING_MS_PER_TURN = 0.2;
/**
 * The PADSs, and PADTs without a session, per second, and the most at once. An AC opens fewer sessions than that.
 * Beyond it, they are dropped before they are parsed.
 */
const GRANTS_PER_SECOND = 5000;
const GRANTS_BURST = 20_000;

/** Takes frames from the lanes of one link. Nothing is allocated for a session frame. */
export class FromLink {
  /** True when discovery frames were taken, which may have changed the relay's next deadline. */
  tookDiscovery = false;
  readonly #relay: Relay;
  readonly #tunnels: Tunnels;
  readonly #counters: Counters;
  readonly #events: EventBatch;
  readonly #monitor: LinkMonitor;
  readonly #heard: StationsHeard;
  readonly #ages: RingAge;
  readonly #floods: Floods;
  readonly #now: () => number;
  readonly #buffer = new Uint8Array(MAX_PAYLOAD);
  readonly #grants: Budget;
  /** True if control frames of some station are in the data lane. */
  #diverts = false;

  constructor(
    relay: Relay,
    tunnels: Tunnels,
    counters: Counters,
    events: EventBatch,
    monitor: LinkMonitor,
    heard: StationsHeard,
    ages: RingAge,
    floods: Floods,
    now: () => number,
  ) {
    this.#relay = relay;
    this.#tunnels = tunnels;
    this.#counters = counters;
    this.#events = events;
    this.#monitor = monitor;
    this.#heard = heard;
    this.#ages = ages;
    this.#floods = floods;
    this.#now = now;
    this.#grants = new Budget(GRANTS_PER_SECOND, GRANTS_BURST, now());
  }

  /** Takes frames that open sessions, for a limited time: they take much longer than others. */
  takeOpening({ opening }: Lanes, nowMs: number): void {
    const buffer = this.#buffer;
    const untilMs = this.#now() + OPENING_MS_PER_TURN;
    for (let taken = 0; taken < OPENING_FRAMES_PER_TURN; taken++) {
      const wireLength = opening.receive(buffer);
      if (wireLength === 0) return;
      if (wireLength < 0) return this.#monitor.failed();
      if (wireLength > buffer.length) this.#dropDiscovery(DROP["frame-too-large"]);
      else this.#discovery(buffer, 0, wireLength, nowMs);
      if (this.#now() >= untilMs) return;
    }
  }

  /** Takes control frames, even if a tunnel is congested. Those beyond their session's budget become data. */
  takeControl({ control }: Lanes, nowMs: number): void {
    let untilMs = Infinity;
    let sessionFrames = 0;
    for (let taken = 0; taken < CONTROL_FRAMES_PER_TURN && control.next(); taken++) {
      const { memory, offset, length } = control;
      const isDiscovery = readEtherType(memory, offset) === ETH_P_PPP_DISC;
      if (!isDiscovery) {
        sessionFrames++;
        if (control.wireLength > length) this.#monitor.frameTooLarge(control.wireLength);
        else this.#control(control, nowMs);
        control.release();
        continue;
      }
      if (untilMs === Infinity) untilMs = this.#now() + OPENING_MS_PER_TURN;
      const drop = control.wireLength > length
        ? DROP["frame-too-large"]
        : this.#mayPass(memory, offset, nowMs);
      if (drop === undefined) this.#discovery(memory, offset, length, nowMs);
      else this.#dropDiscovery(drop);
      control.release();
      // The rest waits in the ring. It must not be overtaken by later frames of its sessions.
      if (this.#now() >= untilMs) break;
    }
    this.#counters.offer(FRAMES.sessionFromLink, sessionFrames);
  }

  /** Takes data frames as long as some tunnel has room; returns the number of frames. */
  takeData({ data }: Lanes, nowMs: number): number {
    let taken = 0;
    this.#ages.begin(nowMs);
    this.#diverts = this.#floods.active;
    for (; taken < DATA_FRAMES_PER_TURN && this.#tunnels.hasRoom && data.next(); taken++) {
      if (data.wireLength > data.length) this.#monitor.frameTooLarge(data.wireLength);
      else {
        const length = frameLength(data.memory, data.offset, data.length);
        if (length < 0) this.#counters.drop(DROP.malformed, FRAMES.sessionFromLink);
        else {
          const waitedMs = this.#ages.waited(data.timestampMs);
          this.#data(data.frame, length, nowMs, waitedMs);
        }
      }
      data.release();
    }
    // Once for all of them is faster.
    this.#counters.offer(FRAMES.sessionFromLink, taken);
    if (taken < DATA_FRAMES_PER_TURN && !data.waiting) this.#ages.emptied(nowMs);
    return taken;
  }

  // Passes a data frame on. The view may be longer than the frame.
  #data(frame: Uint8Array, length: number, nowMs: number, waitedMs: number): void {
    const flow = FRAMES.sessionFromLink;
    const owner = this.#relay.sessionFromLink(frame, 0, nowMs);
    if (typeof owner === "number") return this.#counters.drop(owner, flow);
    if (this.#diverts && isControl(frame, length)) {
      this.#floods.diverted(owner);
      this.#relay.dials.control(owner, frame, 0, length, "link", nowMs);
      if (owner.controlFromLink(nowMs) === FATE.DROPPED) {
        return this.#counters.drop(DROP["control-rate"], flow);
      }
      this.#counters.demote("link");
    }
    const channel = this.#tunnels.get(owner.tunnel)?.channel;
    if (channel === undefined) return this.#counters.drop(DROP["no-tunnel"], flow);
    if (!channel.queue(FRAME.SESSION, frame, length, "data", nowMs, waitedMs, owner)) {
      this.#counters.drop(DROP["tunnel-full"], flow);
    }
  }

  // Passes a PPP control frame on.
  #control({ memory, offset, length: there, frame }: RingReceiver, nowMs: number): void {
    const flow = FRAMES.sessionFromLink;
    const length = frameLength(memory, offset, there);
    if (length < 0) return this.#counters.drop(DROP.malformed, flow);
    const owner = this.#relay.sessionFromLink(frame, 0, nowMs);
    if (typeof owner === "number") return this.#counters.drop(owner, flow);
    const channel = this.#tunnels.get(owner.tunnel)?.channel;
    if (channel === undefined) return this.#counters.drop(DROP["no-tunnel"], flow);
    const fate = owner.controlFromLink(nowMs);
    if (fate !== FATE.AHEAD) this.#floods.note(owner, nowMs);
    if (fate === FATE.DROPPED) return this.#counters.drop(DROP["control-rate"], flow);
    if (fate === FATE.AS_DATA) this.#counters.demote("link");
    this.#relay.dials.control(owner, frame, 0, length, "link", nowMs);
    // Frames that are treated as data leave half of the room to real data, which waits in its ring.
    const hasRoom = fate === FATE.AHEAD || channel.hasAmpleRoom;
    const lane = fate === FATE.AHEAD ? "control" : "data";
    if (!hasRoom || !channel.queue(FRAME.SESSION, frame, length, lane, nowMs, 0, owner)) {
      this.#counters.drop(DROP["tunnel-full"], flow);
    }
  }

  // Finds out cheaply if a discovery frame of the control lane is one too many; returns the drop reason.
  #mayPass(memory: Uint8Array, offset: number, nowMs: number): Drop | undefined {
    const code = readCode(memory, offset);
    if (code !== CODE.PADS && readSessionId(memory, offset) !== NO_SESSION_ID) {
      const session = this.#relay.sessions.findByLink(memory, offset);
      if (session === undefined) return DROP["unknown-session"];
      const mayPass = code === CODE.PADT || session.controlFromLink(nowMs) === FATE.AHEAD;
      return mayPass ? undefined : DROP["control-rate"];
    }
    if (this.#grants.left(nowMs) < 1) return DROP["control-rate"];
    this.#grants.spend(1);
    return undefined;
  }

  #discovery(memory: Uint8Array, offset: number, there: number, nowMs: number): void {
    const length = discoveryLength(memory, offset, there);
    if (length < 0) return this.#dropDiscovery(DROP.malformed);
    const whole = memory.subarray(offset, offset + length);
    this.#events.discovery("link", whole);
    this.#heard.discovery(memory, offset, this.#relay.linkMac, nowMs);
    this.#relay.discoveryFromLink(whole, nowMs);
    this.tookDiscovery = true;
  }

  #dropDiscovery(reason: Drop): void {
    this.#counters.offer(FRAMES.discoveryFromLink);
    this.#counters.drop(reason, FRAMES.discoveryFromLink);
  }
}

// Returns true for a session frame that the control lane would have taken.
function isControl(frame: Uint8Array, length: number): boolean {
  return length >= PPPOE.payload + 2 && isControlProtocol(readProtocol(frame, 0));
}
