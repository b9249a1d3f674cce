// The data plane: one loop over a link and every tunnel, which its owner makes.
//
// A turn (`step`) waits for descriptors, then handles them in this order:
//   1. the wake-up: the caller has messages for the data plane;
//   2. the watches: the interface may have gone or come back (link/monitor.ts), or the machine's addresses
//      and routes have changed (network_changes.ts);
//   3. link, control lane: takes PPP control frames, and discovery frames of sessions, even if a tunnel is
//      congested. A control frame beyond its session's budget is treated as data;
//   4. link, opening lane: takes PADI, PADO and PADR, for a limited time;
//      link, data lane: takes frames from the mapped ring, but only as long as some tunnel has room.
//      Otherwise frames wait in the ring; the kernel drops and counts those that do not fit
//      (3 and 4: from_link.ts);
//   5. tunnels: reads each one that is ready once, unless its peer is beyond its allowance (allowance.ts),
//      rewrites its frames in place, and hands them to the link's sender without a copy. Discovery frames have
//      a share of the time, and so have peers that send little but frames of no session; the tunnels get it in
//      turns (from_tunnels.ts);
//   6. status: describes the next few sessions, if it was asked for (status_queries.ts);
//   7. timers: a grace time is over, or a PADI is due again (relay_timers.ts, local_station.ts). Once a second comes the tick:
//      pings, dead tunnels, paths that lose large packets (path_faults.ts), silent sessions, the link's
//      health, undelivered PADTs, a failed journal;
//   8. tunnels: sends the frames that are queued for them, control frames first (tunnel/outbox.ts), and
//      removes those that have ended;
//   9. events: posts what has happened to the main thread (event_batch.ts).
//
// 3 to 6 are bounded, so that none starves the others: the rest of 3 and 4 waits in the kernel, the rest
// of 5 waits for the next turn, which begins with the tunnel after the last one.
//
// The relay decides which session a frame belongs to. A frame that belongs to none, or that does not fit,
// is dropped with a reason. Each tunnel has its own queue, managed by CoDel, so a slow client does not
// delay the others. Frames that wait for a tunnel when it breaks are dropped (tunnel-lost). A session frame
// costs no allocation, and no system call of its own.

import { CapturedLink } from "../capture/captured_link.ts";
import { type CaptureHandover, Recorder } from "../capture/recorder.ts";
import { CaptureRing } from "../capture/ring.ts";
import type { Lanes, LinkDevice } from "../link/device.ts";
import { LinkOutput } from "../link/link_output.ts";
import { LinkMonitor } from "../link/monitor.ts";
import { RingAge } from "../link/ring_age.ts";
import { StationsHeard } from "../link/stations_heard.ts";
import type { Control, ControlResult, SessionQuery } from "../observe/control.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import { type Poller, POLLIN } from "../poll/poller.ts";
import {
  type Limits,
  limitsOf,
  NO_SESSION_ID,
  randomTokens,
  Relay,
  type RelayOptions,
  type RelayPorts,
  restore,
  type Session,
  TICK_MS,
  type TokenSource,
} from "../relay/mod.ts";
import { type Problem, PROBLEMS } from "../problem.ts";
import type { Side } from "../side.ts";
import type { Transport } from "../transport/transport.ts";
import { Channel } from "../tunnel/channel.ts";
import { CODE, emitDiscovery, ETH_BROADCAST, TAG, type Tag } from "../wire/mod.ts";
import { COALESCE_US, Coalescer } from "./coalescer.ts";
import { EventBatch } from "./event_batch.ts";
import { LocalStation } from "./local_station.ts";
import { NetworkChanges } from "./network_changes.ts";
import { Floods } from "./floods.ts";
import { FromLink } from "./from_link.ts";
import { FromTunnels } from "./from_tunnels.ts";
import type { FromWorker, PlaneOptions, Totals, TunnelFacts, TunnelLimits } from "./messages.ts";
import type { SessionJournal } from "./session_journal.ts";
import { Operator } from "./operator.ts";
import { PathFaults } from "./path_faults.ts";
import { PathSpeed } from "./path_speed.ts";
import { PeerStates } from "./peer_states.ts";
import { FIRST_TUNNEL_TAG, Readiness, type Signal } from "./readiness.ts";
import { relayPorts } from "./relay_ports.ts";
import { RelayTimers } from "./relay_timers.ts";
import { Shutdown } from "./shutdown.ts";
import { StatusQueries } from "./status_queries.ts";
import { ToTunnels } from "./to_tunnels.ts";
import { TunnelLife } from "./tunnel_life.ts";
import { OTHER_FRAMES, Tunnels } from "./tunnels.ts";
import type { TunnelCause } from "../tunnel_cause.ts";

/** The time between two checks for frames that have waited too long for a full tunnel. */
const NO_ROOM_MS = 20;
/** The frames per second without a session that a peer may send beside PADIs and PADRs. */
const OTHER_FRAMES_MIN = 1000;

/** The parts that a data plane is given. It closes all of them except the wake-up. */
export interface PlaneParts {
  readonly link: LinkDevice;
  readonly counters: Counters;
  /** Makes a poller. */
  poller(): Poller;
  readonly wake?: Signal;
  /** Signals that an address or a route of this machine has changed; by default nobody is told. */
  readonly network?: Signal & { close(): void };
  /** The record of sessions for the next run; by default nothing is kept. */
  readonly journal?: SessionJournal;
  /** Takes the messages of a turn. */
  post(messages: FromWorker[]): void;
  /** Returns the time in ms, by a monotonic clock. */
  now(): number;
  /** Returns the time in ms, by the clock that stamps frames; `Date.now` by default. */
  wall?(): number;
  /** Returns the same time with all of its fraction, for a capture; `wall` by default. */
  stamp?(): number;
  /** Returns the time in ms since the epoch, by the clock of the state directory; `wall` by default. */
  clock?(): number;
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
  readonly #monitor: LinkMonitor;
  readonly #output: LinkOutput;
  readonly #relay: Relay;
  readonly #timers: RelayTimers;
  readonly #tunnels: Tunnels;
  readonly #life: TunnelLife;
  readonly #paths: PathFaults;
  readonly #speed: PathSpeed;
  readonly #fromLink: FromLink;
  readonly #fromTunnels: FromTunnels;
  readonly #events: EventBatch;
  readonly #states: PeerStates;
  readonly #heard: StationsHeard;
  readonly #tokens: TokenSource;
  /** The codes of this side's problems. */
  #problems: number[] = [];
  readonly #queries: StatusQueries;
  readonly #operator: Operator;
  readonly #local: LocalStation;
  readonly #readiness: Readiness;
  readonly #coalescer = new Coalescer();
  readonly #ages: RingAge;
  readonly #floods: Floods;
  readonly #network: NetworkChanges;
  readonly #link: CapturedLink;
  /** The recorder of a capture; undefined if there is none. */
  #recorder: Recorder | undefined;
  /** The start of this turn. */
  #nowMs: number;
  /** The time of the next tick. */
  #tickMs: number;
  /** False while the journal cannot be written. */
  #isKept = true;
  #shutdown: Shutdown | undefined;
  #stopped = false;

  /** Connects the parts. Nothing happens before `start`. */
  constructor(options: PlaneOptions, parts: PlaneParts) {
    const { counters, journal, now, wall = Date.now, stamp = wall } = parts;
    const link = this.#link = new CapturedLink(parts.link, stamp);
    parts = { ...parts, link };
    const { channel = (...parameters) => new Channel(...parameters) } = parts;
    this.#options = options;
    this.#parts = parts;
    this.#nowMs = now();
    // The first tick comes at once, because something from an earlier run may be due.
    this.#tickMs = this.#nowMs;
    const events = new EventBatch(options.side, options.debug, now, (all) => parts.post(all));
    const output = new LinkOutput(link, counters, events, journal);
    const readiness = new Readiness(link, parts, () => parts.poller());
    const tunnels = new Tunnels(readiness.pollers, FIRST_TUNNEL_TAG, options, channel);
    tunnels.otherFrames = otherFramesOf(options.side, options.limits);
    const toTunnels = new ToTunnels(tunnels, counters, this.#nowMs);
    const nowMs = () => this.#nowMs;
    const recorder = () => this.#recorder;
    const ports = relayPorts({ output, toTunnels, counters, events, journal, recorder, nowMs });
    const tokens = this.#tokens = parts.tokens ?? randomTokens(options.state?.secret);
    const relay = makeRelay(options, { ...parts, tokens }, ports);
    this.#events = events;
    this.#output = output;
    this.#readiness = readiness;
    this.#tunnels = tunnels;
    this.#relay = relay;
    this.#timers = new RelayTimers(relay);
    this.#monitor = new LinkMonitor(link, counters, events, () => this.#linkUp());
    this.#network = new NetworkChanges(readiness, events);
    this.#ages = new RingAge({ now, wall });
    const monitor = this.#monitor;
    const { side, interfaceName } = options;
    const heard = this.#heard = new StationsHeard({
      side,
      name: interfaceName,
      events,
      ask: () => ports.toLink(this.#ownPadi()),
    });
    const floods = this.#floods = new Floods(link, options.side);
    this.#fromLink = new FromLink(
      relay,
      tunnels,
      counters,
      events,
      monitor,
      heard,
      this.#ages,
      floods,
      now,
    );
    this.#states = new PeerStates(tunnels, events, options.side);
    const answer = (request: number, answer: ControlResult) =>
      events.reply({ type: "answer", request, answer });
    this.#local = new LocalStation({ relay, counters, tokens, toTunnel: ports.toTunnel, answer });
    this.#fromTunnels = new FromTunnels(
      relay,
      tunnels,
      output,
      counters,
      events,
      this.#states,
      this.#local,
      now,
    );
    this.#life = new TunnelLife(relay, tunnels, counters, events, this.#states, journal);
    this.#paths = new PathFaults(tunnels, events);
    this.#speed = new PathSpeed(tunnels, events, options);
    const describe = (session: Session) => events.status(session);
    this.#queries = new StatusQueries(options.side, relay.sessions, describe);
    this.#operator = new Operator(relay, link, describe);
    if (options.capture !== undefined) this.captureStart(options.capture);
  }

  /** Restores the sessions of an earlier run, and begins to watch the link. */
  start(): void {
    this.#readiness.start();
    const { state } = this.#options;
    const { link, journal, wall = Date.now, clock = wall } = this.#parts;
    if (state !== undefined) {
      restore(this.#relay, state, this.#nowMs, clock());
      // Another restart must not start their grace time again.
      for (const peer of this.#relay.held) journal?.noteAway(peer, this.#nowMs);
      this.#output.restore(state.undelivered);
      const { size } = this.#relay.sessions;
      const padts = state.undelivered.length;
      if (size + padts > 0) {
        this.#events.push({ type: "restored", sessions: size, undeliveredPadts: padts });
      }
    }
    this.#timers.peersChanged();
    this.#events.reply({ type: "started", linkState: link.state });
    for (const peer of this.#relay.held) this.#events.held(peer);
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
    const dueMs = Math.min(this.#timerMs, this.#tunnelsMs(this.#nowMs));
    return this.#tunnels.hasRoom ? dueMs : Math.min(dueMs, this.#nowMs + NO_ROOM_MS);
  }

  /** Describes everything but the sessions, all of it as of now. */
  totals(): Totals {
    const { counters } = this.#parts;
    const output = this.#output;
    this.#tunnels.settle(counters);
    const balance = counters.balance({
      fromLink: this.#tunnels.queued,
      fromTunnel: { discovery: output.undelivered.length, session: output.queuedSession },
    });
    let held = 0;
    for (const peer of this.#relay.held) held += peer.sessions.size;
    const sessionCounts = { open: this.#relay.sessions.size - held, held };
    const tunnels = this.#tunnels.statuses();
    const dials = this.#relay.dials.read();
    return { tunnels, sessionCounts, counters: counters.read(), balance, dials };
  }

  /** Makes one turn: waits up to `timeoutMs` for something to do, then does a bounded amount of it. */
  step(timeoutMs: number): void {
    if (this.#shutdown !== undefined) return this.#stepShutdown(timeoutMs);
    const readiness = this.#readiness;
    const lanes = readiness.lanes();
    // The start of the last turn is good enough: reading the clock costs as much as looking a frame up.
    const beforeMs = this.#nowMs;
    const asked = this.#queries.pending;
    const unfinished = this.#tunnels.prepare(beforeMs) || asked;
    const hasRoom = this.#tunnels.hasRoom;
    const takesData = lanes !== undefined && hasRoom;
    const tunnelsMs = this.#tunnelsMs(beforeMs);
    const dueMs = Math.min(this.#timerMs, tunnelsMs);
    const longestMs = Math.min(timeoutMs, dueMs - beforeMs, hasRoom ? Infinity : NO_ROOM_MS);
    const waitMs = unfinished ? 0 : Math.max(0, Math.ceil(longestMs));
    const coalesces = takesData && this.#coalescer.due && waitMs > 0 && !lanes.data.waiting;
    const ready = coalesces
      ? readiness.waitBriefly(COALESCE_US, this.#tunnels)
      : takesData
      ? readiness.waitForAll(waitMs, this.#tunnels)
      : readiness.waitForAllButData(waitMs, this.#tunnels);
    const nowMs = this.#nowMs = this.#parts.now();
    if (readiness.watch) this.#monitor.refresh();
    if (readiness.network) this.#network.heard(nowMs);
    if (coalesces) {
      if (lanes.data.waiting) readiness.data = POLLIN;
      else this.#coalescer.took(0, nowMs);
    } else if (takesData && readiness.data === 0) this.#ages.emptied(beforeMs);
    if (lanes !== undefined && lanes === this.#parts.link.lanes) this.#takeFromLink(lanes, nowMs);
    if (ready || unfinished || nowMs >= tunnelsMs) this.#fromTunnels.take(nowMs);
    if (asked) this.#answer();
    this.#timers.run(nowMs);
    this.#floods.run(nowMs);
    this.#network.run(nowMs);
    this.#local.run(nowMs);
    if (nowMs >= this.#tickMs) this.#tick(nowMs);
    else if (nowMs >= this.#paths.dueMs) this.#paths.tick(nowMs);
    this.#finish(nowMs);
  }

  /** Takes over a connection after its handshake. The caller closes the transport. */
  addTunnel(tunnel: TunnelFacts, transport: Transport): void {
    const nowMs = this.#parts.now();
    this.#life.add(tunnel, transport, nowMs);
    this.#paths.added(tunnel.id);
    this.#finish(nowMs);
  }

  /** Closes all sessions of a peer on both sides, then its tunnel if there still is one. */
  leave(id: number, peer: string | undefined): void {
    const nowMs = this.#parts.now();
    this.#life.leave(id, peer, nowMs);
    this.#finish(nowMs);
  }

  /** Ends a tunnel unless its peer answers soon. */
  probe(id: number): void {
    const nowMs = this.#parts.now();
    this.#life.probe(id, nowMs);
    this.#finish(nowMs);
  }

  /** Tells the peers of this side's problems, by their codes. */
  tellProblems(codes: number[]): void {
    this.#problems = codes;
    this.#tellState(this.#parts.now());
    this.#finish(this.#nowMs);
  }

  #tellState(nowMs: number): void {
    const linkUp = this.#parts.link.state === "up";
    // A client also says so of its server, which must not hear it as the client's own problem.
    const { code: swapped } = PROBLEMS["sides-swapped"];
    const { isSwapped } = this.#heard;
    const problems = this.#problems.filter((code) => code !== swapped || isSwapped);
    this.#states.set({ linkUp, problems });
    this.#states.tick(nowMs);
  }

  /** Ends a tunnel; its sessions are held. With a code of `REASON`, the peer is told the reason. */
  end(id: number, reason: string, cause: TunnelCause, code?: number): void {
    this.#tunnels.get(id)?.channel.end(reason, cause, code);
    this.#finish(this.#parts.now());
  }

  /** Closes all sessions of a peer that is no longer allowed, then its tunnel if there is one, and forgets it. */
  dismiss(id: number, peer: string | undefined, reason: string): void {
    const nowMs = this.#parts.now();
    this.#life.dismiss(id, peer, reason, nowMs);
    this.#timers.peersChanged();
    this.#finish(nowMs);
  }

  /** Applies new limits to a tunnel; missing ones get their defaults. */
  limit(id: number, limits: TunnelLimits): void {
    const nowMs = this.#parts.now();
    this.#relay.limitSessions(id, limits.maxSessions);
    this.#tunnels.limit(id, limits, nowMs);
    this.#finish(nowMs);
  }

  /** Asks for a snapshot of all tunnels and sessions; the answers carry the number of the request. */
  query(request: number): void {
    this.#queries.ask(request);
  }

  /** Asks for everything but the sessions. */
  queryTotals(request: number): void {
    this.#queries.askTotals(request);
  }

  /** Asks for some of the sessions. */
  querySessions(request: number, query: SessionQuery): void {
    this.#queries.askSessions(request, query);
  }

  /** Carries out an order of an operator, and answers what was done. */
  control(request: number, control: Control): void {
    const nowMs = this.#parts.now();
    const answer = this.#carryOut(request, control, nowMs);
    if (answer !== undefined) this.#events.reply({ type: "answer", request, answer });
    this.#finish(nowMs);
  }

  // Carries out an order; returns undefined if the answer comes later.
  #carryOut(request: number, control: Control, nowMs: number): ControlResult | undefined {
    if (this.#shutdown !== undefined) return { refused: "stopping" };
    if (control.order !== "discover") return this.#operator.carryOut(control);
    const refused = this.#local.begin(request, control, nowMs);
    return refused === undefined ? undefined : { refused };
  }

  /** Applies new values of the options that can change at run time; missing limits get their defaults. */
  reload({ debug, limits }: { debug: boolean; limits: Partial<Limits> }): void {
    this.#events.debug = debug;
    this.#tunnels.otherFrames = otherFramesOf(this.#options.side, limits);
    this.#relay.setLimits(limits);
  }

  /** Begins a capture, in place of an earlier one. To be called between two turns. */
  captureStart({ ring, frames, secrets }: CaptureHandover): void {
    const { wall = Date.now, stamp = wall } = this.#parts;
    this.#record(
      new Recorder({
        ring: new CaptureRing(ring),
        frames,
        secrets,
        sessions: this.#relay.sessions,
        wall: stamp,
        notify: () => this.#parts.post([{ type: "captured" }]),
      }),
    );
    this.#events.reply({ type: "capture-changed" });
    this.#events.flush();
  }

  /** Ends a capture. */
  captureStop(): void {
    this.#record(undefined);
    this.#events.reply({ type: "capture-changed" });
    this.#events.flush();
  }

  /**
   * Begins to stop: closes all sessions on both sides, and says goodbye. The caller goes on with `step`
   * until `stopped` is true.
   *
   * @param keep True to leave the sessions to the next run, if there is a journal
   */
  stop(keep: boolean): void {
    if (this.#shutdown !== undefined) return;
    this.#local.stop();
    const { state, graceMs } = this.#options;
    const plane = {
      relay: this.#relay,
      tunnels: this.#tunnels,
      output: this.#output,
      counters: this.#parts.counters,
      events: this.#events,
      journal: this.#parts.journal,
    };
    const path = keep && graceMs > 0 ? state?.path : undefined;
    this.#shutdown = new Shutdown(plane, path, this.#parts.now());
    this.#readiness.leaveLink();
    // The process may be killed at any moment, so the goodbyes go out at once.
    this.#stepShutdown(0);
  }

  /** Closes the parts. The caller closes the tunnels' transports. */
  dispose(): void {
    this.#record(undefined);
    this.#events.flush();
    this.#parts.link.dispose();
    this.#parts.journal?.close();
    this.#parts.network?.close();
    this.#readiness.close();
  }

  get #timerMs(): number {
    return Math.min(
      this.#tickMs,
      this.#timers.nextMs,
      this.#network.dueMs,
      this.#paths.dueMs,
      this.#local.dueMs,
    );
  }

  // Returns the time at which a tunnel that waits for it has its turn.
  #tunnelsMs(nowMs: number): number {
    return Math.min(this.#tunnels.dueMs, this.#fromTunnels.dueMs(nowMs));
  }

  #stepShutdown(timeoutMs: number): void {
    const shutdown = this.#shutdown!;
    const waitMs = Math.min(timeoutMs, shutdown.waitMs(this.#nowMs));
    this.#readiness.waitForAllButData(waitMs, this.#tunnels);
    this.#nowMs = this.#parts.now();
    this.#stopped = shutdown.step(this.#nowMs);
    this.#events.flush();
  }

  #takeFromLink(lanes: Lanes, nowMs: number): void {
    const readiness = this.#readiness;
    const { link } = this.#parts;
    if (readiness.control & POLLIN) this.#fromLink.takeControl(lanes, nowMs);
    if (readiness.opening & POLLIN) this.#fromLink.takeOpening(lanes, nowMs);
    // Reading the opening lane may have shown that the link is gone.
    if (readiness.data & POLLIN && lanes === link.lanes) {
      this.#coalescer.took(this.#fromLink.takeData(lanes, nowMs), nowMs);
    }
    if (readiness.laneFailed && lanes === link.lanes) this.#monitor.failed();
    this.#recorder?.done();
  }

  // Puts a recorder in place, or takes it away.
  #record(recorder: Recorder | undefined): void {
    this.#recorder?.done();
    this.#recorder = recorder;
    this.#parts.counters.watch = recorder;
    this.#link.record(recorder);
    this.#tunnels.record(recorder);
  }

  // Answers the next part of a query.
  #answer(): void {
    const settle = () => this.#tunnels.settle(this.#parts.counters);
    const answer = this.#queries.proceed(settle, () => this.totals());
    if (answer !== undefined) this.#events.reply(answer);
  }

  /** Makes a PADI by which this side finds out if an AC is there. If it comes back, its token shows a loop. */
  #ownPadi(): Uint8Array {
    const { hostUniq, relayTag = true } = this.#options.tags ?? {};
    const token = this.#tokens.next(0);
    const tags: Tag[] = [
      { type: TAG.SERVICE_NAME, value: new Uint8Array(0) },
      { type: TAG.HOST_UNIQ, value: hostUniq ?? token },
    ];
    if (hostUniq !== undefined && relayTag) tags.push({ type: TAG.RELAY_SESSION_ID, value: token });
    return emitDiscovery({
      destination: ETH_BROADCAST,
      source: this.#relay.linkMac,
      code: CODE.PADI,
      sessionId: NO_SESSION_ID,
      tags,
    });
  }

  #lookForStations(nowMs: number): void {
    const { link, counters } = this.#parts;
    this.#heard.tick({
      isUp: link.state === "up",
      sessions: this.#relay.sessions.size,
      sessionFrames: counters.offered(FRAMES.sessionFromLink),
    }, nowMs);
  }

  #linkUp(): void {
    this.#relay.dials.setLink(true);
    this.#output.deliver(this.#relay.sessions);
    this.#relay.setLinkMac(this.#parts.link.mac);
    this.#relay.setLinkMtu(this.#parts.link.mtu);
  }

  #tick(nowMs: number): void {
    this.#tickMs = nowMs + TICK_MS;
    const { pingMs, tunnelDeadMs } = this.#options;
    this.#paths.tick(nowMs);
    this.#speed.tick(nowMs);
    this.#life.tick(nowMs, pingMs, tunnelDeadMs);
    this.#tunnels.settle(this.#parts.counters);
    this.#relay.dials.setLink(this.#parts.link.state === "up");
    this.#relay.tick(nowMs);
    this.#monitor.tick(nowMs);
    this.#lookForStations(nowMs);
    this.#tellState(nowMs);
    this.#output.deliver(this.#relay.sessions);
    this.#output.report();
    this.#keepSessions(nowMs);
    this.#events.drops(this.#parts.counters);
  }

  // Writes to the journal again after a failure, and reports how that goes.
  #keepSessions(nowMs: number): void {
    const { journal } = this.#parts;
    if (journal === undefined) return;
    const isKept = journal.catchUp(this.#relay.sessions, this.#output.undelivered, nowMs);
    if (isKept === this.#isKept) return;
    this.#isKept = isKept;
    const path = this.#options.state?.path ?? "the state directory";
    if (isKept) this.#events.push({ type: "problem-ended", id: "state-unwritable" });
    else this.#events.push({ type: "problem-begun", problem: stateUnwritable(path) });
  }

  // Finishes a turn: sends the frames that are queued for tunnels, removes ended tunnels, and posts events.
  #finish(nowMs: number): void {
    if (this.#fromLink.tookDiscovery || this.#fromTunnels.tookDiscovery) {
      this.#fromLink.tookDiscovery = this.#fromTunnels.tookDiscovery = false;
      this.#timers.discoveryChanged();
    }
    if (this.#tunnels.flush(nowMs, this.#parts.counters)) {
      this.#life.removeEnded(nowMs);
      this.#timers.peersChanged();
    }
    this.#events.flush();
  }
}

// Returns the frames per second without a session that a peer may send: as many PADIs and PADRs as its limit, and
// others. A client has hosts on one link only, so its server never sends that many.
function otherFramesOf(side: Side, limits: Partial<Limits> | undefined): number {
  const { padiPerClient } = limitsOf(side, limits);
  return side === "client" || padiPerClient === 0
    ? OTHER_FRAMES
    : 2 * padiPerClient + OTHER_FRAMES_MIN;
}

function makeRelay(options: PlaneOptions, parts: PlaneParts, ports: RelayPorts): Relay {
  const { side, mac, idleMs, deadMs, graceMs, maxHeld, limits, tags, interfaceName, state } =
    options;
  const { tokens, relay = (...both) => new Relay(...both) } = parts;
  return relay({
    side,
    mac,
    linkMac: parts.link.mac,
    linkMtu: parts.link.mtu,
    idleMs,
    deadMs,
    graceMs,
    maxHeld,
    limits,
    firstSerial: state?.nextSerial,
    tokens,
    tags,
    interfaceName,
  }, ports);
}

function stateUnwritable(path: string): Problem {
  return {
    id: "state-unwritable",
    subject: path,
    what: `Sessions cannot be kept in ${path}, so they would be lost with this process`,
    advice:
      "look at the warning before this one for the reason: free space on that file system, or " +
      "make the directory writable; it is tried again by itself",
  };
}
