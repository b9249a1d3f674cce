// A client or a server as a process that starts, stops and is killed. In between it runs the program's own
// code: data plane, channels, relay, and the machines that make its tunnels.

import type { DataPlane } from "../../src/dataplane/data_plane.ts";
import { SessionJournal } from "../../src/dataplane/session_journal.ts";
import type { FromWorker, PlaneOptions } from "../../src/dataplane/messages.ts";
import { DROP_REASONS, type Relay, Tokens } from "../../src/relay/mod.ts";
import type { Side } from "../../src/side.ts";
import { FEATURE, type Hello } from "../../src/wire/mod.ts";
import { PROTOCOL_VERSION } from "../../src/tunnel/handshake_machine.ts";
import { imbalance } from "../support/balance.ts";
import type { MemoryEnd } from "../support/memory/network.ts";
import type { MemoryPlane, MemoryPlaneOptions } from "../support/memory/plane.ts";
import { breakConnection, End, type Leave, leaveConnections } from "./connection.ts";
import { type Entry, Guard } from "./guard.ts";
import type { Segment } from "./segment.ts";
import type { Grant } from "./truth.ts";
import { hold, Violation } from "./violation.ts";
import type { World } from "./world.ts";

const FIXED_HOST_UNIQ = new TextEncoder().encode("isp");
const SECRET_BYTES = 16;
/** The time between two checks whether the last run of a program is over. */
const AGAIN_MS = 50;
/** The number of turns between two looks at the balance of frames. */
const TURNS_A_LOOK = 16;
/** Small buffers, so that a schedule with many tunnels takes little memory. */
const SIZES = { queueBytes: 16 * 1024, batchBytes: 8 * 1024, readBytes: 16 * 1024 };

/** One run of a side in memory. */
export interface Run {
  readonly plane: MemoryPlane;
  start(): void;
  stop(keep: boolean): void;
  kill(): MemoryEnd[];
}

/** The common part of both sides. */
export abstract class Program {
  readonly side: Side;
  readonly name: string;
  readonly world: World;
  readonly segment: Segment;
  linkMac: Uint8Array;
  /** The number of times it was started. */
  incarnation = 0;
  /** Its tunnels that are up, by id. */
  readonly ends = new Map<number, End>();
  #run: Run | undefined;
  #running = false;
  #linkUp = true;
  #turns = 0;
  /** The secret by which a later run recognizes its tokens. */
  #secret: Uint8Array;
  readonly #guard: Guard;

  constructor(world: World, side: Side, name: string, segment: Segment, linkMac: Uint8Array) {
    this.world = world;
    this.side = side;
    this.name = name;
    this.segment = segment;
    this.linkMac = linkMac;
    segment.heard = (bytes) => this.plane?.receive(bytes);
    this.#secret = world.random.bytes(SECRET_BYTES);
    this.#guard = new Guard(this);
  }

  get relay(): Relay | undefined {
    return this.#guard.relay;
  }

  /** The sessions in its state. */
  get journal(): ReadonlyMap<number, Entry> {
    return this.#guard.journal;
  }

  /** True from a start until it is stopped or killed. */
  get running(): boolean {
    return this.#running;
  }

  get linkUp(): boolean {
    return this.#linkUp;
  }

  protected get plane(): MemoryPlane | undefined {
    return this.#run?.plane;
  }

  /** Makes a run of the side. */
  protected abstract makeRun(options: Omit<MemoryPlaneOptions, "heard">, hello: Hello): Run;
  /** Takes a new identity after the state was lost. */
  protected forgetState(): void {}
  /** Called about once a second, to check more than the guard does. */
  protected looked(): void {}
  /** Takes a message of the data plane. */
  protected heard(message: FromWorker): void {
    if (message.type === "tunnel-up") this.world.note(this.name, `has tunnel ${message.id}`);
    if (message.type === "tunnel-down") {
      this.ends.delete(message.id);
      this.world.note(this.name, `lost tunnel ${message.id}: ${message.reason}`);
    }
    if (message.type === "link") this.world.count(`link ${message.state}`);
  }

  /** Returns true if it has this session. */
  has(grant: Grant): boolean {
    return [...this.journal.values()].some((entry) => entry.grant === grant);
  }

  /** Starts it once its last run is over. With its state, it restores the recorded sessions. */
  start(withState: boolean): void {
    if (this.#running) return;
    if (this.#run !== undefined) {
      return this.world.timeline.after(AGAIN_MS, () => this.start(withState));
    }
    const { world } = this;
    this.incarnation++;
    world.note(this.name, `starts ${withState ? "with" : "without"} its state`);
    if (!withState) {
      this.#secret = world.random.bytes(SECRET_BYTES);
      this.forgetState();
    }
    const features = world.plan.keyed ? FEATURE.RESUME : 0;
    const hello = { version: PROTOCOL_VERSION, features, name: this.name, software: "soak" };
    this.#guard.begin(withState);
    this.#running = true;
    const run = this.#run = this.makeRun(this.#options(), hello);
    this.#guarded(() => run.start());
    this.#guard.started();
    if (!this.#linkUp) this.#changeLink({ state: "down" });
    this.#look(this.incarnation);
  }

  #options(): Omit<MemoryPlaneOptions, "heard"> {
    const { world } = this;
    const { plan, timeline, network, random } = world;
    const state = this.#guard.state;
    const plane: MemoryPlaneOptions["plane"] = {
      side: this.side,
      mac: this.side === "server" ? plan.serverMac : plan.clientMac,
      idleMs: plan.idleMs,
      deadMs: plan.deadMs,
      graceMs: plan.graceMs,
      maxHeld: this.side === "server" ? plan.maxHeld : undefined,
      tags: plan.fixedHostUniq ? { hostUniq: FIXED_HOST_UNIQ } : {},
      pingMs: plan.tunnelDeadMs / 3,
      tunnelDeadMs: plan.tunnelDeadMs,
      state: state.kept(this.#guard.nextSerial, timeline.nowMs),
      ...SIZES,
    } satisfies Partial<PlaneOptions>;
    return {
      clock: timeline,
      network,
      plane,
      linkMac: this.linkMac,
      toLink: (frame) => this.#toLink(frame),
      moved: (plane) => this.#assertBalance(plane),
      journal: new SessionJournal(state, state.peersAway, () => timeline.nowMs),
      relay: (options, ports) => this.#guard.makeRelay(options, ports),
      tokens: new Tokens(this.#secret, random.uint32()),
    };
  }

  /** Ends it at once, whatever it is doing. */
  kill(how: Leave): void {
    if (this.#run === undefined) return;
    this.world.note(this.name, `is killed (${how})`);
    const ends = this.#run.kill();
    this.#over();
    leaveConnections(this.world, ends, how);
  }

  /** Stops it. Unless its sessions are kept, they are closed on both sides. */
  stop(keep: boolean): void {
    if (!this.#running) return;
    this.world.note(this.name, `stops${keep ? ", and keeps its sessions" : ""}`);
    const run = this.#run!;
    this.#running = false;
    this.#guarded(() => run.stop(keep));
    if (!keep) hold(this.relay?.sessions.size === 0, `${this.name} has sessions after its stop`);
    this.#awaitEnd(run);
  }

  #awaitEnd(run: Run): void {
    if (this.#run !== run) return;
    if (run.plane.gone) return this.#over();
    this.world.timeline.after(AGAIN_MS, () => this.#awaitEnd(run));
  }

  #over(): void {
    this.#running = false;
    this.#run = undefined;
    this.ends.clear();
    this.#guard.end();
  }

  /** Changes the interface's address. */
  changeLinkMac(mac: Uint8Array): void {
    this.world.note(this.name, "gets another address");
    this.linkMac = mac;
    this.#changeLink({ mac });
  }

  /** Takes the interface down, or up again. */
  setLink(up: boolean): void {
    this.world.note(this.name, `has its link ${up ? "up" : "down"}`);
    this.#linkUp = up;
    this.#changeLink({ state: up ? "up" : "down" });
  }

  #changeLink(to: { mac?: Uint8Array; state?: "up" | "down" }): void {
    this.plane?.link.change(to);
    this.#guarded(() => this.plane?.poke());
  }

  /** Gives the relay something that nobody in this world has sent, through a given tunnel or a random one. */
  disturb(
    from: "link" | "tunnel",
    what: Uint8Array,
    kind: "session" | "discovery" | "list",
    through?: End,
  ): void {
    if (!this.#running) return;
    const { plane } = this;
    if (from === "link") {
      this.#guard.hostile((relay, nowMs) => {
        if (kind === "session") relay.sessionFromLink(what.slice(), 0, nowMs);
        else relay.discoveryFromLink(what.slice(), nowMs);
      });
    } else {
      const ends = [...this.ends.values()];
      if (ends.length === 0) return;
      const end = through ?? this.world.random.pick(ends);
      end.tamper();
      this.#guard.hostile((relay, nowMs) => {
        if (kind === "session") relay.sessionFromTunnel(end.id, what.slice(), 0, nowMs);
        else if (kind === "discovery") relay.discoveryFromTunnel(end.id, what.slice(), nowMs);
        // The plane would send a goodbye; here the connection breaks.
        else if (!relay.listFromTunnel(end.id, what.slice(), nowMs)) {
          breakConnection(this.world, end.memory, false);
        }
      });
    }
    this.#guarded(() => plane?.poke());
  }

  /** Asserts that no tunnel, session or peer is left. */
  assertEmpty(): void {
    if (!this.#running) return;
    hold(this.ends.size === 0, `${this.name} has a tunnel left`);
    this.#guard.assertEmpty();
  }

  /** Notes a connection that is about to become a tunnel. */
  protected joined(id: number, memory: MemoryEnd, key: string | undefined, far: Program): void {
    this.ends.set(id, new End(this.world.connections, this, far, memory, id, key));
  }

  // Asserts that each frame was carried, dropped or queued, and is counted once. A wrong count stays wrong, so
  // that it is enough to look now and then.
  #assertBalance(plane: DataPlane): void {
    if (++this.#turns % TURNS_A_LOOK > 0) return;
    const fault = imbalance(plane.totals().balance, this.plane!.counters.read());
    hold(fault === undefined, () => `${this.name} lost count of frames: ${fault}`);
  }

  // Drops a frame that something hostile has made the relay send.
  #toLink(bytes: Uint8Array): void {
    const { world } = this;
    world.saw(bytes);
    const sent = this.#guard.sent(bytes);
    if (world.isHostile(bytes) && sent?.padt === undefined) return;
    world.note(this.name, "to its link", bytes);
    const leftMs = world.timeline.nowMs;
    this.segment.toStations({
      bytes,
      leftMs,
      // The guard knows it only after the relay has sent the frame.
      get padt() {
        return sent?.padt;
      },
    });
  }

  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (error instanceof Violation) throw error;
      throw new Violation(`${this.name} threw: ${(error as Error).stack}`);
    }
  }

  #look(incarnation: number): void {
    this.world.timeline.after(1000, () => {
      if (this.incarnation !== incarnation || !this.#running) return;
      this.#guard.assertGrace();
      this.looked();
      const drops = this.plane!.counters.read().drops;
      for (const reason of DROP_REASONS) {
        if (drops[reason] > 0) this.world.counts.set(`drop ${reason}`, 1);
      }
      this.#look(incarnation);
    });
  }
}
