// The data plane: one synchronous loop round `epoll_wait`, over the link and every tunnel.
//
// Theory of operation. A turn (`step`) waits for descriptors, then takes, in this order:
//   1. the wake-up: the worker is to return to its event loop, where the main thread's messages are;
//   2. the watch: the interface may have gone or come back;
//   3. link, control lane: discovery, and PPP control frames, whether or not a tunnel is congested;
//   4. link, data lane: from the mapped ring, only as long as some tunnel has room. Otherwise frames
//      wait in the ring, and what does not fit there is dropped and counted by the kernel;
//   5. tunnels: each that is ready is read once, its frames are rewritten in place and handed to the
//      link's sender from where they lie;
//   6. tunnels: what was queued for them is sent, control frames first (tunnel/channel.ts).
// Each of these is bounded, so that none starves the others: what is left of 3 and 4 waits in the
// kernel, what is left of 5 for the next turn, which begins with the tunnel after the last one.
// The relay decides who owns a frame; what nobody owns, and what does not fit, is dropped with a
// reason. A tunnel that takes less than the link gives has a queue of its own, in which CoDel works;
// that of one client does not hold another one's frames up. What a tunnel that breaks had taken is
// lost with it. Nothing is allocated for a session frame, and no system call made for it alone.

import {
  drainEventFd,
  EventSet,
  FrameViews,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  systemError,
} from "../../ffi/mod.ts";
import type { LinkState } from "../observe/status.ts";
import { DROP, PPP_OVERHEAD, randomTokens, Relay, TICK_MS } from "../relay/mod.ts";
import type { Channel } from "../tunnel/channel.ts";
import { SYSTEM_CONGESTION } from "../transport/congestion.ts";
import {
  CODE,
  discoveryLength,
  ETH_P_PPP_DISC,
  FRAME,
  frameLength,
  MAX_PAYLOAD,
  readCode,
  readEtherType,
  REASON,
} from "../wire/mod.ts";
import { type Counters, FRAMES } from "./counters.ts";
import { COALESCE_US, Coalescer } from "./coalescer.ts";
import { restore, SessionJournal } from "./session_journal.ts";
import { drainTunnels } from "./drain.ts";
import { type Lanes, Link } from "../link/packet_link.ts";
import { LinkOutput } from "../link/link_output.ts";
import type { FromWorker, PlaneOptions, ToWorker, TunnelHandover } from "./messages.ts";
import { OtherVlans } from "../link/other_vlans.ts";
import { Reporter } from "./reporter.ts";
import { RingAge } from "../link/ring_age.ts";
import { StatusQueries } from "./status_queries.ts";
import { type Tunnel, Tunnels } from "./tunnels.ts";

/** Why sessions and a tunnel end that the client leaves for another server. */
const MOVED = "moved to another server";
/** How long it may take to leave one, in ms: on a slow path much is under way before the PADTs. */
const LEAVE_MS = 5000;
/** How many frames of each lane one turn takes. */
const CONTROL_FRAMES_A_TURN = 64;
const DATA_FRAMES_A_TURN = 256;
/** How many frames of one tunnel, and of all, one turn takes. */
const TUNNEL_FRAMES_A_TURN = 512;
const TUNNELS_FRAMES_A_TURN = 1024;
/** How soon a turn looks again whether frames that wait for full tunnels are too old. */
const NO_ROOM_MS = 20;
/**
 * How many ready descriptors one turn hears of: as many as there can be, since the control lane is not to
 * be among the others. To 1000 clients as many may come back that were away.
 */
const READY_A_TURN = 2100;
/** A link of a smaller MTU does not carry what hosts and ACs take for granted (RFC 2516, section 7). */
const ETHERNET_MTU = 1500;
/** What the sets of descriptors call theirs; a tunnel's has its id behind these. */
const TAG = { wake: 0, watch: 1, control: 2, data: 3, tunnel: 4 } as const;

/** What the data plane is given of the world. */
export interface PlanePorts {
  post(messages: FromWorker[]): void;
  /** A clock that only goes forward, in ms. */
  now(): number;
  /** The clock that the kernel stamps frames with, in ms; `Date.now` without it. */
  wall?(): number;
}

/** One link and its tunnels. All of it runs in `step`, on the caller's thread. */
export class DataPlane {
  readonly #options: PlaneOptions;
  readonly #ports: PlanePorts;
  readonly #counters: Counters;
  readonly #link: Link;
  readonly #output: LinkOutput;
  readonly #vlans: OtherVlans;
  readonly #relay: Relay;
  readonly #journal: SessionJournal | undefined;
  readonly #wakeFd: number;
  /** Everything to wait for; and the same but for the data lane: to change one set would be a call a turn. */
  readonly #all: EventSet;
  readonly #allButData: EventSet;
  #lanes: Lanes | undefined;
  readonly #tunnels: Tunnels;
  /** Which of them is read first in the next turn. */
  #first = 0;
  readonly #controlBuffer = new Uint8Array(MAX_PAYLOAD);
  readonly #controlViews = new FrameViews(this.#controlBuffer, 1, MAX_PAYLOAD);
  readonly #report: Reporter;
  readonly #snapshots: StatusQueries;
  readonly #coalescer = new Coalescer();
  readonly #ages: RingAge;
  /** When this turn began. */
  #nowMs = 0;
  #tickMs: number;
  /** When something that is held has to end. */
  #graceOverMs = Infinity;
  /** When a discovery is to be looked at; asked where that can change, and not in each turn. */
  #discoveryDueMs = Infinity;
  #kernelDrops = 0;
  #linkState: LinkState;
  /** The last MTU that was looked at. */
  #mtu = ETHERNET_MTU;
  #stopped = false;

  /**
   * Opens the link.
   *
   * @param wakeFd An eventfd, the caller's, that ends a wait.
   * @throws {Error} If the interface, or what it needs, cannot be had.
   */
  constructor(options: PlaneOptions, counters: Counters, ports: PlanePorts, wakeFd: number) {
    this.#options = options;
    this.#counters = counters;
    this.#ports = ports;
    this.#wakeFd = wakeFd;
    this.#report = new Reporter(options.side, options.debug, ports.now, ports.post);
    this.#ages = new RingAge({ now: ports.now, wall: ports.wall ?? Date.now });
    this.#link = new Link(options.interfaceName, {
      promiscuous: options.mac !== "own",
      ringFrames: options.ringFrames,
    });
    const { state } = options;
    if (state !== undefined) this.#journal = SessionJournal.open(state, this.#report);
    this.#output = new LinkOutput(this.#link, counters, this.#report, this.#journal);
    this.#vlans = new OtherVlans(this.#link, counters, this.#report);
    this.#relay = new Relay({
      side: options.side,
      mac: options.mac,
      linkMac: this.#link.mac,
      linkMtu: this.#link.mtu,
      idleMs: options.idleMs,
      deadMs: options.deadMs,
      graceMs: options.graceMs,
      maxHeld: options.maxHeld,
      limits: options.limits,
      firstSerial: state?.nextSerial,
      tokens: randomTokens(state?.secret),
      tags: options.tags,
      interfaceName: options.interfaceName,
    }, {
      toLink: (frame) => this.#output.discovery(frame),
      toTunnel: (tunnel, frame) => this.#discoveryToTunnel(tunnel, frame),
      listToTunnel: (tunnel, payload) => this.#listToTunnel(tunnel, payload),
      drop: (reason) => {
        counters.drop(reason);
        this.#report.dropped(reason);
      },
      problem: (problem) => this.#report.problem(problem),
      opened: (session) => {
        this.#journal?.opened(session, this.#nowMs);
        this.#report.opened(session);
        const { peer } = session;
        // Its PADS came from the AC when the tunnel was gone.
        if (peer.held) this.#held(peer.key, peer.sessions.size);
      },
      closed: (session, reason) => {
        this.#journal?.closed(session);
        this.#report.closed(session, reason);
        const { peer } = session;
        if (peer.held) this.#held(peer.key, peer.sessions.size);
      },
      forgotten: (peer) => {
        this.#journal?.notAway(peer);
        this.#held(peer.key, 0);
      },
    });
    this.#snapshots = new StatusQueries(
      this.#relay.sessions,
      (session) => this.#report.status(session),
    );
    this.#all = new EventSet(READY_A_TURN);
    this.#allButData = new EventSet(READY_A_TURN);
    const sets = [this.#all, this.#allButData];
    this.#tunnels = new Tunnels(sets, TAG.tunnel, options);
    for (const set of sets) {
      set.add(wakeFd, POLLIN, TAG.wake);
      set.add(this.#link.watchFd, POLLIN, TAG.watch);
    }
    this.#nowMs = ports.now();
    // At once, since what an earlier run has left may be due.
    this.#tickMs = this.#nowMs;
    if (state !== undefined) {
      restore(this.#relay, state, this.#nowMs);
      // Another restart must not begin their time anew.
      for (const peer of this.#relay.held) this.#journal?.noteAway(peer, this.#nowMs);
      for (const padt of state.owed) this.#output.owe(padt);
      const left = { sessions: this.#relay.sessions.size, owedPadts: state.owed.length };
      if (left.sessions + left.owedPadts > 0) this.#report.log("info", "An earlier run left", left);
    }
    this.#linkState = this.#link.state;
    this.#graceOverMs = graceOverMs(this.#relay);
    this.#report.push({ type: "started", linkState: this.#link.state });
    for (const { key, sessions } of this.#relay.held) this.#held(key, sessions.size);
    if (this.#linkState !== "up") this.#report.link(this.#link);
    this.#checkMtu();
    this.#report.flush();
  }

  /** True once a stop is done. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** One turn: waits until there is something to do, at most `timeoutMs`, and does a bounded part of it. */
  step(timeoutMs: number): void {
    const lanes = this.#watchLanes();
    // When the last turn began: the clock costs as much as looking a frame up.
    const beforeMs = this.#nowMs;
    const asked = this.#snapshots.pending;
    const unfinished = this.#tunnels.prepare(beforeMs) || asked;
    const hasRoom = this.#tunnels.hasRoom;
    const takesData = lanes !== undefined && hasRoom;
    const dueMs = Math.min(this.#tickMs, this.#graceOverMs, this.#discoveryDueMs);
    const mostMs = Math.min(timeoutMs, dueMs - beforeMs, hasRoom ? Infinity : NO_ROOM_MS);
    const waitMs = unfinished ? 0 : Math.max(0, Math.ceil(mostMs));
    const gathers = takesData && this.#coalescer.due && waitMs > 0 && !lanes.data.waiting;
    const set = takesData && !gathers ? this.#all : this.#allButData;
    const ready = gathers ? set.waitMicroseconds(COALESCE_US) : set.wait(waitMs);
    if (ready < 0) throw systemError("Cannot wait for frames", -ready);
    const nowMs = this.#nowMs = this.#ports.now();
    let control = 0;
    let data = 0;
    for (let i = 0; i < ready; i++) {
      const tag = set.tag(i);
      const events = set.events(i);
      if (tag === TAG.control) control = events;
      else if (tag === TAG.data) data = events;
      else if (tag === TAG.wake) drainEventFd(this.#wakeFd);
      else if (tag === TAG.watch) this.#refreshLink();
      else this.#tunnels.ready(tag, events);
    }
    if (gathers) {
      if (lanes.data.waiting) data = POLLIN;
      else this.#coalescer.took(0, nowMs);
    } else if (takesData && data === 0) this.#ages.emptied(beforeMs);
    if (lanes !== undefined && lanes === this.#link.lanes) {
      if (control & POLLIN) this.#takeControl(lanes, nowMs);
      // The control lane may have found the link gone.
      if (data & POLLIN && lanes === this.#link.lanes) this.#takeData(lanes, nowMs);
      const failed = (control | data) & (POLLERR | POLLHUP);
      if (failed && lanes === this.#link.lanes) this.#failedLink();
    }
    if (ready > 0 || unfinished) this.#takeTunnels(nowMs);
    if (asked) this.#report.push(this.#snapshots.proceed(() => this.#tunnels.statuses()));
    if (nowMs >= this.#graceOverMs) {
      this.#relay.expireHeld(nowMs);
      this.#graceOverMs = graceOverMs(this.#relay);
    }
    if (nowMs >= this.#discoveryDueMs) {
      this.#relay.due(nowMs);
      this.#discoveryDueMs = this.#relay.dueMs;
    }
    if (nowMs >= this.#tickMs) this.#tick(nowMs);
    this.#settle(nowMs);
  }

  /** Takes a message of the main thread. */
  handle(message: ToWorker): void {
    switch (message.type) {
      case "tunnel":
        this.#addTunnel(message.tunnel);
        break;
      case "snapshot":
        this.#snapshots.ask(message.request);
        break;
      case "reload":
        this.#report.debug = message.debug;
        this.#relay.setLimits(message.limits);
        break;
      case "leave":
        this.#leave(message.id, message.peer);
        break;
      case "stop":
        this.#stop(message.keep);
        break;
    }
    this.#settle(this.#ports.now());
  }

  /** Closes what it has open. The tunnels' descriptors are the main thread's. */
  dispose(): void {
    this.#report.flush();
    this.#link.dispose();
    this.#journal?.close();
    this.#all.close();
    this.#allButData.close();
  }

  // Closed lanes leave the sets by themselves.
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

  #takeControl({ control }: Lanes, nowMs: number): void {
    const buffer = this.#controlBuffer;
    for (let taken = 0; taken < CONTROL_FRAMES_A_TURN; taken++) {
      const wireLength = control.receive(buffer);
      if (wireLength === 0) return;
      if (wireLength < 0) return this.#failedLink();
      if (wireLength > buffer.length) {
        this.#counters.drop(DROP["frame-too-large"]);
        continue;
      }
      const isDiscovery = readEtherType(buffer) === ETH_P_PPP_DISC;
      const length = isDiscovery
        ? discoveryLength(buffer, 0, wireLength)
        : frameLength(buffer, 0, wireLength);
      if (length < 0) this.#counters.drop(DROP.malformed);
      else if (isDiscovery) {
        const whole = buffer.subarray(0, length);
        this.#report.trace("link", whole);
        this.#relay.discoveryFromLink(whole, nowMs);
        this.#discoveryDueMs = this.#relay.dueMs;
      } else {
        const frame = this.#controlViews.at(0, 0, length);
        this.#sessionToTunnel(frame, length, "control", nowMs, 0);
      }
    }
  }

  #takeData({ data }: Lanes, nowMs: number): void {
    let taken = 0;
    this.#ages.begin(nowMs);
    for (; taken < DATA_FRAMES_A_TURN && this.#tunnels.hasRoom && data.next(); taken++) {
      if (data.wireLength > data.length) this.#frameTooLarge(data.wireLength);
      else {
        const length = frameLength(data.memory, data.offset, data.length);
        if (length < 0) this.#counters.drop(DROP.malformed);
        else {
          const waitedMs = this.#ages.waited(data.timestampMs);
          this.#sessionToTunnel(data.frame, length, "data", nowMs, waitedMs);
        }
      }
      data.release();
    }
    if (taken < DATA_FRAMES_A_TURN && !data.waiting) this.#ages.emptied(nowMs);
    this.#coalescer.took(taken, nowMs);
  }

  // The frame may be a longer view.
  #sessionToTunnel(
    frame: Uint8Array,
    length: number,
    lane: "control" | "data",
    nowMs: number,
    waitedMs: number,
  ): void {
    const owner = this.#relay.sessionFromLink(frame, 0, nowMs);
    if (typeof owner === "number") return this.#counters.drop(owner);
    const channel = this.#tunnels.get(owner.tunnel)?.channel;
    if (channel === undefined) return this.#counters.drop(DROP["no-tunnel"]);
    if (!channel.queue(FRAME.SESSION, frame, length, lane, nowMs, waitedMs)) {
      return this.#counters.drop(DROP["tunnel-full"]);
    }
    owner.framesUp++;
    owner.bytesUp += length;
    this.#counters.frame(FRAMES.uplinkSession, length);
  }

  #takeTunnels(nowMs: number): void {
    const { list } = this.#tunnels;
    const first = this.#first < list.length ? this.#first : 0;
    let left = TUNNELS_FRAMES_A_TURN;
    for (let i = 0; i < list.length; i++) {
      const at = (first + i) % list.length;
      const tunnel = list[at];
      const { channel, ready } = tunnel;
      tunnel.ready = 0;
      if (ready & POLLOUT) channel.unblock();
      if (left <= 0) continue;
      // What was read before is first; there is no room for more until it is gone.
      if (tunnel.unfinished || (ready & ~POLLOUT && channel.receive(nowMs))) {
        left -= this.#takeFrames(tunnel, Math.min(left, TUNNEL_FRAMES_A_TURN), nowMs);
        if (left <= 0) this.#first = at + 1;
      }
    }
  }

  /** Takes at most so many frames of a tunnel, and says how many there were. */
  #takeFrames(tunnel: Tunnel, most: number, nowMs: number): number {
    const { channel } = tunnel;
    const { bytes } = channel.received;
    let taken = 0;
    while (taken < most && channel.nextFrame(nowMs)) {
      taken++;
      if (channel.type === FRAME.SESSIONS) {
        const payload = bytes.subarray(channel.offset, channel.offset + channel.length);
        if (!this.#relay.listFromTunnel(channel.id, payload, nowMs)) {
          channel.end("the peer sent a list of sessions that was not to come", REASON.PROTOCOL);
        }
        continue;
      }
      if (channel.type === FRAME.SESSION) {
        const length = frameLength(bytes, channel.offset, channel.length);
        if (length < 0) this.#counters.drop(DROP.malformed);
        else this.#sessionToLink(channel, length, nowMs);
      } else if (channel.type === FRAME.DISCOVERY) {
        const length = discoveryLength(bytes, channel.offset, channel.length);
        if (length < 0) {
          this.#counters.drop(DROP.malformed);
          continue;
        }
        const whole = bytes.subarray(channel.offset, channel.offset + length);
        this.#report.trace("tunnel", whole);
        this.#relay.discoveryFromTunnel(channel.id, whole, nowMs);
        this.#discoveryDueMs = this.#relay.dueMs;
      }
    }
    // The sender sends frames from where they lie, so before their room is used again.
    this.#output.flush();
    tunnel.unfinished = taken === most;
    if (!tunnel.unfinished) channel.compact();
    return taken;
  }

  #sessionToLink(channel: Channel, length: number, nowMs: number): void {
    const { received, offset } = channel;
    const owner = this.#relay.sessionFromTunnel(channel.id, received.bytes, offset, nowMs);
    if (typeof owner === "number") return this.#counters.drop(owner);
    if (!this.#output.session(received, offset, length)) return;
    owner.framesDown++;
    owner.bytesDown += length;
  }

  #discoveryToTunnel(tunnel: number, frame: Uint8Array): void {
    const channel = this.#tunnels.get(tunnel)?.channel;
    if (channel === undefined) return this.#counters.drop(DROP["no-tunnel"]);
    const lane = readCode(frame) === CODE.PADT ? "last" : "control";
    const { length } = frame;
    let queued = channel.queue(FRAME.DISCOVERY, frame, length, lane, this.#nowMs);
    if (!queued && lane === "last") {
      // Thousands of sessions may end at once; each has to be told of.
      channel.flush(this.#nowMs);
      queued = channel.queue(FRAME.DISCOVERY, frame, length, lane, this.#nowMs);
    }
    if (queued) this.#counters.frame(FRAMES.uplinkDiscovery, length);
    else this.#counters.drop(DROP["tunnel-full"]);
  }

  #listToTunnel(tunnel: number, payload: Uint8Array): boolean {
    const channel = this.#tunnels.get(tunnel)?.channel;
    if (channel === undefined) return false;
    const queue = () => channel.queue(FRAME.SESSIONS, payload, payload.length, "last", this.#nowMs);
    if (queue()) return true;
    channel.flush(this.#nowMs);
    return queue();
  }

  #frameTooLarge(bytes: number): void {
    this.#counters.drop(DROP["frame-too-large"]);
    this.#report.warn(
      "gro",
      `A frame of ${bytes} bytes came from ${this.#link.name}, whose MTU is smaller: ` +
        `switch its receive offload off (ethtool -K ${this.#link.name} gro off lro off)`,
    );
  }

  #refreshLink(): void {
    if (!this.#link.refresh()) return;
    this.#linkChanged();
  }

  // The watch tells of most failures first. After another the lanes stay closed until the next tick,
  // since a socket that goes on failing would end every wait at once.
  #failedLink(): void {
    if (!this.#link.refresh()) this.#link.fail();
    this.#linkChanged();
  }

  #linkChanged(): void {
    const { state, mac, failure } = this.#link;
    if (failure !== undefined) this.#report.warn("link", failure);
    if (state !== this.#linkState) {
      this.#linkState = state;
      this.#report.push({ type: "link", state });
      this.#report.link(this.#link);
    }
    if (state !== "up") return;
    this.#output.payOwed(this.#relay.sessions);
    this.#relay.setLinkMac(mac);
    this.#relay.setLinkMtu(this.#link.mtu);
    this.#checkMtu();
  }

  #checkMtu(): void {
    const { name, mtu } = this.#link;
    if (mtu === this.#mtu) return;
    this.#mtu = mtu;
    if (mtu >= ETHERNET_MTU) return;
    const payload = mtu - PPP_OVERHEAD;
    this.#report.log(
      "warning",
      `Interface ${name} has an MTU of ${mtu}, so that a session carries ${payload} bytes at most: ` +
        `raise it (ip link set ${name} mtu ${ETHERNET_MTU}), or set the hosts' PPP MTU and MRU to ${payload}`,
    );
  }

  #tick(nowMs: number): void {
    this.#tickMs = nowMs + TICK_MS;
    const { pingMs, tunnelDeadMs, congestion } = this.#options;
    for (const { channel, leaveByMs } of this.#tunnels.list) {
      channel.keepalive(nowMs, pingMs, tunnelDeadMs);
      if (congestion !== SYSTEM_CONGESTION) channel.keepBbrGoing(nowMs);
      // An older peer knows no goodbye.
      const left = leaveByMs < Infinity && channel.legacy && channel.queuedBytes === 0;
      if (left || nowMs >= leaveByMs) channel.end(MOVED);
    }
    this.#relay.tick(nowMs);
    if (this.#link.lanes === undefined || this.#link.failure !== undefined) this.#refreshLink();
    else if (this.#output.owed.length > 0) this.#output.payOwed(this.#relay.sessions);
    this.#journal?.catchUp(this.#relay.sessions, this.#output.owed, nowMs);
    const kernelDrops = this.#link.kernelDrops;
    if (kernelDrops > this.#kernelDrops) {
      this.#counters.drop(DROP.kernel, kernelDrops - this.#kernelDrops);
      this.#kernelDrops = kernelDrops;
    }
    this.#vlans.tick(nowMs);
  }

  #addTunnel(handover: TunnelHandover): void {
    const { id, peer: key, name, address } = handover;
    const nowMs = this.#ports.now();
    try {
      this.#tunnels.add(handover, nowMs);
    } catch (error) {
      // The system has no room for one more to wait for. The others go on.
      const reason = error instanceof Error ? error.message : String(error);
      return this.#report.push({ type: "tunnel-ended", id, reason });
    }
    const replaced = this.#relay.addTunnel(id, { key, name, address }, nowMs);
    this.#journal?.notAway(this.#relay.tunnels.get(id)!);
    // The same peer has come by another way, perhaps before anybody saw the old one end.
    this.#tunnels.get(replaced)?.channel.end("replaced by a newer tunnel", REASON.REPLACED);
    this.#report.push({ type: "tunnel-up", id });
  }

  #removeEnded(nowMs: number): void {
    this.#tunnels.takeEnded(nowMs, this.#counters, ({ id, ended, goodbye }) => {
      const peer = this.#relay.tunnels.get(id);
      this.#relay.removeTunnel(id, "the tunnel is gone", nowMs);
      if (peer !== undefined) {
        this.#journal?.noteAway(peer, nowMs);
        this.#held(peer.key, peer.sessions.size);
      }
      this.#report.push({ type: "tunnel-ended", id, reason: ended!, goodbye });
    });
    this.#graceOverMs = graceOverMs(this.#relay);
  }

  // The peer closes the connection when it has had the PADTs, and the goodbye behind them; until then
  // nothing new goes that way.
  #leave(id: number, peer: string | undefined): void {
    const nowMs = this.#ports.now();
    this.#relay.closePeer(peer, id, MOVED);
    this.#relay.removeTunnel(id, MOVED, nowMs);
    const tunnel = this.#tunnels.get(id);
    if (tunnel === undefined) return;
    tunnel.channel.queueGoodbye(REASON.SHUTDOWN, MOVED);
    tunnel.leaveByMs = nowMs + LEAVE_MS;
  }

  #stop(keep: boolean): void {
    const kept = keep && this.#canKeep();
    if (!kept) this.#relay.closeAll("shutdown");
    const channels = this.#tunnels.list.map(({ channel }) => channel);
    drainTunnels(channels, kept ? REASON.RESTART : REASON.SHUTDOWN, this.#ports.now);
    for (const { id } of channels) {
      this.#report.push({ type: "tunnel-ended", id, reason: "shutdown" });
    }
    this.#tunnels.clear();
    this.#output.payOwed(this.#relay.sessions);
    const nowMs = this.#ports.now();
    this.#journal?.catchUp(this.#relay.sessions, this.#output.owed, nowMs, Infinity);
    this.#stopped = true;
  }

  // What the next run would not know of would have no end.
  #canKeep(): boolean {
    if (this.#journal === undefined || this.#options.graceMs === 0) return false;
    const { sessions } = this.#relay;
    const nowMs = this.#ports.now();
    if (this.#journal.catchUp(sessions, this.#output.owed, nowMs, Infinity)) return true;
    const path = this.#options.state?.path;
    this.#report.log("error", `Sessions are closed, since they cannot be kept in ${path}`);
    return false;
  }

  #held(peer: string | undefined, sessions: number): void {
    if (peer !== undefined) this.#report.push({ type: "held", peer, sessions });
  }

  // Sends what this turn has for the tunnels, takes out those that are over, tells the main thread.
  #settle(nowMs: number): void {
    if (this.#tunnels.flush(nowMs, this.#counters)) this.#removeEnded(nowMs);
    this.#report.flush();
  }
}

// Up to a tenth of a second late, so that thousands that went at about the same time end at once.
function graceOverMs(relay: Relay): number {
  return Math.ceil(relay.graceOverMs / 100) * 100;
}
