// The data plane: one loop over a link and every tunnel, which its owner makes.
//
// A turn (`step`) waits for descriptors, then handles them in this order:
//   1. the wake-up: the caller has messages for the data plane;
//   2. the watch: the interface may have gone or come back (link/monitor.ts);
//   3. link, control lane: takes discovery and PPP control frames, even if a tunnel is congested;
//   4. link, data lane: takes frames from the mapped ring, but only as long as some tunnel has room.
//      Otherwise frames wait in the ring; the kernel drops and counts those that do not fit
//      (3 and 4: from_link.ts);
//   5. tunnels: reads each one that is ready once, rewrites its frames in place, and hands them to the
//      link's sender without a copy (from_tunnels.ts);
//   6. tunnels: sends the frames that are queued for them, control frames first (tunnel/outbox.ts).
//
// Each of these is bounded, so that none starves the others: the rest of 3 and 4 waits in the kernel, the
// rest of 5 waits for the next turn, which begins with the tunnel after the last one.
//
// The relay decides which session a frame belongs to. A frame that belongs to none, or that does not fit,
// is dropped with a reason. Each tunnel has its own queue, managed by CoDel, so a slow client does not
// delay the others. Frames that a broken tunnel had accepted are lost with it. A session frame costs no
// allocation, and no system call of its own.

import { systemError } from "../../ffi/mod.ts";
import type { Lanes, LinkDevice } from "../link/device.ts";
import { LinkOutput } from "../link/link_output.ts";
import { LinkMonitor } from "../link/monitor.ts";
import { RingAge } from "../link/ring_age.ts";
import type { Counters } from "../observe/counters.ts";
import { type Poller, POLLERR, POLLHUP, POLLIN } from "../poll/poller.ts";
import {
  type Limits,
  randomTokens,
  Relay,
  type RelayOptions,
  type RelayPorts,
  restore,
  TICK_MS,
  type TokenSource,
} from "../relay/mod.ts";
import type { Transport } from "../transport/transport.ts";
import { Channel } from "../tunnel/channel.ts";
import { COALESCE_US, Coalescer } from "./coalescer.ts";
import { EventBatch } from "./event_batch.ts";
import { FromLink } from "./from_link.ts";
import { FromTunnels } from "./from_tunnels.ts";
import type { FromWorker, PlaneOptions, TunnelFacts } from "./messages.ts";
import type { SessionJournal } from "./session_journal.ts";
import { Shutdown } from "./shutdown.ts";
import { StatusQueries } from "./status_queries.ts";
import { ToTunnels } from "./to_tunnels.ts";
import { TunnelLife } from "./tunnel_life.ts";
import { Tunnels } from "./tunnels.ts";

/** The time between two checks for frames that have waited too long for a full tunnel. */
const NO_ROOM_MS = 20;
/** The tags of descriptors in the pollers; a tunnel's tag is `TAG.tunnel` plus its id. */
const TAG = { wake: 0, watch: 1, control: 2, data: 3, tunnel: 4 } as const;

/** A descriptor by which another thread can end a wait. */
export interface Wake {
  readonly fd: number;
  /** Clears the signals. */
  drain(): void;
}

/** The parts that a data plane is given. It closes all of them except the wake-up. */
export interface PlaneParts {
  readonly link: LinkDevice;
  readonly counters: Counters;
  /** Makes a poller. */
  poller(): Poller;
  readonly wake?: Wake;
  /** The record of sessions for the next run; by default nothing is kept. */
  readonly journal?: SessionJournal;
  /** Takes the messages of a turn. */
  post(messages: FromWorker[]): void;
  /** Returns the time in ms, by a monotonic clock. */
  now(): number;
  /** Returns the time in ms, by the clock that stamps frames; `Date.now` by default. */
  wall?(): number;
  /** Makes the relay; a {@linkcode Relay} by default. */
  relay?(options: RelayOptions, ports: RelayPorts): Relay;
  /** Makes the channel of a tunnel; a {@linkcode Channel} by default. */
  channel?(...parameters: ConstructorParameters<typeof Channel>): Channel;
  /** Makes tokens; random ones by default. */
  readonly tokens?: TokenSource;
}

/** One link and its tunnels. Everything runs on the caller's thread, mostly in `step`. */
export class DataPlane {
  readonly #options: PlaneOptions;
  readonly #parts: PlaneParts;
  readonly #link: LinkDevice;
  readonly #monitor: LinkMonitor;
  readonly #output: LinkOutput;
  readonly #relay: Relay;
  readonly #journal: SessionJournal | undefined;
  readonly #tunnels: Tunnels;
  readonly #life: TunnelLife;
  readonly #fromLink: FromLink;
  readonly #fromTunnels: FromTunnels;
  readonly #toTunnels: ToTunnels;
  readonly #events: EventBatch;
  readonly #queries: StatusQueries;
  readonly #coalescer = new Coalescer();
  readonly #ages: RingAge;
  // Two pollers, with and without the data lane: to change one of them would be a system call per turn.
  readonly #all: Poller;
  readonly #allButData: Poller;
  #lanes: Lanes | undefined;
  /** The start of this turn. */
  #nowMs: number;
  /** The time of the next tick. */
  #tickMs: number;
  /** The end of the first grace time that is running. */
  #graceOverMs = Infinity;
  /** The time at which the relay has work to do; looked up only after it may have changed. */
  #relayDueMs = Infinity;
  #shutdown: Shutdown | undefined;
  #stopped = false;

  /** Connects the parts. Nothing happens before `start`. */
  constructor(options: PlaneOptions, parts: PlaneParts) {
    const { link, counters, journal, now } = parts;
    this.#options = options;
    this.#parts = parts;
    this.#link = link;
    this.#journal = journal;
    this.#nowMs = now();
    // The first tick comes at once, because something from an earlier run may be due.
    this.#tickMs = this.#nowMs;
    this.#events = new EventBatch(options.side, options.debug, now, (all) => parts.post(all));
    this.#output = new LinkOutput(link, counters, this.#events, journal);
    this.#all = parts.poller();
    this.#allButData = parts.poller();
    const { channel = (...parameters) => new Channel(...parameters) } = parts;
    this.#tunnels = new Tunnels([this.#all, this.#allButData], TAG.tunnel, options, channel);
    this.#toTunnels = new ToTunnels(this.#tunnels, counters);
    this.#relay = this.#makeRelay();
    this.#monitor = new LinkMonitor(link, counters, this.#events, () => this.#linkUp());
    this.#ages = new RingAge({ now, wall: parts.wall ?? Date.now });
    this.#fromLink = new FromLink(
      this.#relay,
      this.#tunnels,
      counters,
      this.#events,
      this.#monitor,
      this.#ages,
    );
    this.#fromTunnels = new FromTunnels(
      this.#relay,
      this.#tunnels,
      this.#output,
      counters,
      this.#events,
    );
    this.#life = new TunnelLife(this.#relay, this.#tunnels, counters, this.#events, journal);
    this.#queries = new StatusQueries(
      this.#relay.sessions,
      (session) => this.#events.status(session),
    );
  }

  /** Restores the sessions of an earlier run, and begins to watch the link. */
  start(): void {
    for (const poller of [this.#all, this.#allButData]) {
      if (this.#parts.wake !== undefined) poller.add(this.#parts.wake.fd, POLLIN, TAG.wake);
      poller.add(this.#link.watchFd, POLLIN, TAG.watch);
    }
    const { state } = this.#options;
    if (state !== undefined) {
      restore(this.#relay, state, this.#nowMs, this.#wallMs());
      // Another restart must not start their grace time again.
      for (const peer of this.#relay.held) this.#journal?.noteAway(peer, this.#nowMs);
      this.#output.restore(state.undelivered);
      const { size } = this.#relay.sessions;
      const padts = state.undelivered.length;
      if (size + padts > 0) {
        this.#events.push({ type: "restored", sessions: size, undeliveredPadts: padts });
      }
    }
    this.#graceOverMs = graceOverMs(this.#relay);
    this.#events.reply({ type: "started", linkState: this.#link.state });
    for (const { key, sessions } of this.#relay.held) this.#life.tellHeld(key, sessions.size);
    this.#monitor.start();
    this.#events.flush();
  }

  /** True once a stop is complete. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** The time at which `step` has something to do, even if nothing arrives. */
  get dueMs(): number {
    if (this.#shutdown !== undefined) return this.#nowMs + this.#shutdown.waitMs(this.#nowMs);
    const dueMs = Math.min(this.#tickMs, this.#graceOverMs, this.#relayDueMs);
    return this.#tunnels.hasRoom ? dueMs : Math.min(dueMs, this.#nowMs + NO_ROOM_MS);
  }

  /** Makes one turn: waits up to `timeoutMs` for something to do, then does a bounded amount of it. */
  step(timeoutMs: number): void {
    if (this.#shutdown !== undefined) return this.#stepShutdown(timeoutMs);
    const lanes = this.#watchLanes();
    // The start of the last turn is good enough: reading the clock costs as much as looking a frame up.
    const beforeMs = this.#nowMs;
    const asked = this.#queries.pending;
    const unfinished = this.#tunnels.prepare(beforeMs) || asked;
    const hasRoom = this.#tunnels.hasRoom;
    const takesData = lanes !== undefined && hasRoom;
    const dueMs = Math.min(this.#tickMs, this.#graceOverMs, this.#relayDueMs);
    const longestMs = Math.min(timeoutMs, dueMs - beforeMs, hasRoom ? Infinity : NO_ROOM_MS);
    const waitMs = unfinished ? 0 : Math.max(0, Math.ceil(longestMs));
    const coalesces = takesData && this.#coalescer.due && waitMs > 0 && !lanes.data.waiting;
    const poller = takesData && !coalesces ? this.#all : this.#allButData;
    const ready = coalesces ? poller.waitMicroseconds(COALESCE_US) : poller.wait(waitMs);
    if (ready < 0) throw systemError("Cannot wait for frames", -ready);
    const nowMs = this.#nowMs = this.#parts.now();
    let control = 0;
    let data = 0;
    for (let i = 0; i < ready; i++) {
      const tag = poller.tag(i);
      const events = poller.events(i);
      if (tag === TAG.control) control = events;
      else if (tag === TAG.data) data = events;
      else if (tag === TAG.wake) this.#parts.wake!.drain();
      else if (tag === TAG.watch) this.#monitor.refresh();
      else this.#tunnels.ready(tag, events);
    }
    if (coalesces) {
      if (lanes.data.waiting) data = POLLIN;
      else this.#coalescer.took(0, nowMs);
    } else if (takesData && data === 0) this.#ages.emptied(beforeMs);
    if (lanes !== undefined && lanes === this.#link.lanes) {
      if (control & POLLIN) this.#fromLink.takeControl(lanes, nowMs);
      // Reading the control lane may have shown that the link is gone.
      if (data & POLLIN && lanes === this.#link.lanes) {
        this.#coalescer.took(this.#fromLink.takeData(lanes, nowMs), nowMs);
      }
      const failed = (control | data) & (POLLERR | POLLHUP);
      if (failed && lanes === this.#link.lanes) this.#monitor.failed();
    }
    if (ready > 0 || unfinished) this.#fromTunnels.take(nowMs);
    if (asked) this.#events.reply(this.#queries.proceed(() => this.#tunnels.statuses()));
    if (nowMs >= this.#graceOverMs) {
      this.#relay.expireHeld(nowMs);
      this.#graceOverMs = graceOverMs(this.#relay);
    }
    if (nowMs >= this.#relayDueMs) {
      this.#relay.due(nowMs);
      this.#relayDueMs = this.#relay.dueMs;
    }
    if (nowMs >= this.#tickMs) this.#tick(nowMs);
    this.#settle(nowMs);
  }

  /** Takes over a connection after its handshake. The caller closes the transport. */
  addTunnel(tunnel: TunnelFacts, transport: Transport): void {
    const nowMs = this.#parts.now();
    this.#life.add(tunnel, transport, nowMs);
    this.#settle(nowMs);
  }

  /** Closes all sessions of a peer on both sides, then its tunnel if there still is one. */
  leave(id: number, peer: string | undefined): void {
    const nowMs = this.#parts.now();
    this.#life.leave(id, peer, nowMs);
    this.#settle(nowMs);
  }

  /** Asks for a snapshot of all tunnels and sessions; the answers carry the number of the request. */
  query(request: number): void {
    this.#queries.ask(request);
  }

  /** Applies new values of the options that can change at run time; missing limits get their defaults. */
  reload({ debug, limits }: { debug: boolean; limits: Partial<Limits> }): void {
    this.#events.debug = debug;
    this.#relay.setLimits(limits);
  }

  /**
   * Begins to stop: closes all sessions on both sides, and says goodbye. The caller goes on with `step`
   * until `stopped` is true.
   *
   * @param keep True to leave the sessions to the next run, if there is a journal
   */
  stop(keep: boolean): void {
    if (this.#shutdown !== undefined) return;
    const { state, graceMs } = this.#options;
    const plane = {
      relay: this.#relay,
      tunnels: this.#tunnels,
      output: this.#output,
      counters: this.#parts.counters,
      events: this.#events,
      journal: this.#journal,
    };
    const path = keep && graceMs > 0 ? state?.path : undefined;
    this.#shutdown = new Shutdown(plane, path, this.#parts.now());
    // From now on, frames from the link are ignored.
    for (const poller of [this.#all, this.#allButData]) poller.remove(this.#link.watchFd);
    if (this.#lanes !== undefined && this.#lanes === this.#link.lanes) {
      this.#allButData.remove(this.#lanes.control.fd);
    }
    // The process may be killed at any moment, so the goodbyes go out at once.
    this.#stepShutdown(0);
  }

  /** Closes the parts. The caller closes the tunnels' transports. */
  dispose(): void {
    this.#events.flush();
    this.#link.dispose();
    this.#journal?.close();
    this.#all.close();
    this.#allButData.close();
  }

  #stepShutdown(timeoutMs: number): void {
    const shutdown = this.#shutdown!;
    const waitMs = Math.min(timeoutMs, shutdown.waitMs(this.#nowMs));
    const ready = this.#allButData.wait(waitMs);
    this.#nowMs = this.#parts.now();
    for (let i = 0; i < ready; i++) {
      const tag = this.#allButData.tag(i);
      if (tag === TAG.wake) this.#parts.wake!.drain();
      else this.#tunnels.ready(tag, this.#allButData.events(i));
    }
    this.#stopped = shutdown.step(this.#nowMs);
    this.#events.flush();
  }

  #makeRelay(): Relay {
    const { side, mac, idleMs, deadMs, graceMs, maxHeld, limits, tags, interfaceName, state } =
      this.#options;
    const { tokens = randomTokens(state?.secret), relay = makeRelay } = this.#parts;
    return relay({
      side,
      mac,
      linkMac: this.#link.mac,
      linkMtu: this.#link.mtu,
      idleMs,
      deadMs,
      graceMs,
      maxHeld,
      limits,
      firstSerial: state?.nextSerial,
      tokens,
      tags,
      interfaceName,
    }, {
      toLink: (frame) => this.#output.discovery(frame),
      toTunnel: (tunnel, frame) => this.#toTunnels.discovery(tunnel, frame, this.#nowMs),
      listToTunnel: (tunnel, payload) => this.#toTunnels.list(tunnel, payload, this.#nowMs),
      drop: (reason) => {
        this.#parts.counters.drop(reason);
        this.#events.dropped(reason);
      },
      problem: (problem) => this.#events.problem(problem),
      opened: (session) => {
        // The session must be in the journal before anybody learns that it is open.
        this.#journal?.opened(session, this.#nowMs);
        this.#events.opened(session);
        const { peer } = session;
        // The PADS may have come from the AC after the tunnel was lost.
        if (peer.held) this.#life.tellHeld(peer.key, peer.sessions.size);
      },
      closed: (session, end) => {
        this.#journal?.closed(session);
        this.#events.closed(session, end);
        const { peer } = session;
        if (peer.held) this.#life.tellHeld(peer.key, peer.sessions.size);
      },
      forgotten: (peer) => {
        this.#journal?.notAway(peer);
        this.#life.tellHeld(peer.key, 0);
      },
    });
  }

  // Adds new lanes to the pollers; closed ones leave them by themselves.
  #watchLanes(): Lanes | undefined {
    const { lanes } = this.#link;
    if (lanes !== this.#lanes) {
      this.#lanes = lanes;
      if (lanes !== undefined) {
        this.#all.add(lanes.control.fd, POLLIN, TAG.control);
        this.#all.add(lanes.data.fd, POLLIN, TAG.data);
        this.#allButData.add(lanes.control.fd, POLLIN, TAG.control);
      }
    }
    return lanes;
  }

  #linkUp(): void {
    this.#output.deliver(this.#relay.sessions);
    this.#relay.setLinkMac(this.#link.mac);
    this.#relay.setLinkMtu(this.#link.mtu);
  }

  #tick(nowMs: number): void {
    this.#tickMs = nowMs + TICK_MS;
    const { pingMs, tunnelDeadMs } = this.#options;
    this.#life.tick(nowMs, pingMs, tunnelDeadMs);
    this.#relay.tick(nowMs);
    this.#monitor.tick(nowMs);
    this.#output.deliver(this.#relay.sessions);
    this.#output.report();
    this.#journal?.catchUp(this.#relay.sessions, this.#output.undelivered, nowMs);
    this.#events.drops(this.#parts.counters);
  }

  // Sends the frames that are queued for tunnels, removes ended tunnels, and posts the turn's events.
  #settle(nowMs: number): void {
    if (this.#fromLink.tookDiscovery || this.#fromTunnels.tookDiscovery) {
      this.#fromLink.tookDiscovery = this.#fromTunnels.tookDiscovery = false;
      this.#relayDueMs = this.#relay.dueMs;
    }
    if (this.#tunnels.flush(nowMs, this.#parts.counters)) {
      this.#life.removeEnded(nowMs);
      this.#graceOverMs = graceOverMs(this.#relay);
    }
    this.#events.flush();
  }

  #wallMs(): number {
    return (this.#parts.wall ?? Date.now)();
  }
}

function makeRelay(options: RelayOptions, ports: RelayPorts): Relay {
  return new Relay(options, ports);
}

// Rounds up to a tenth of a second, so that thousands of grace times that end close together need one turn.
function graceOverMs(relay: Relay): number {
  return Math.ceil(relay.graceOverMs / 100) * 100;
}
