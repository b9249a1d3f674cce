// The program's own data plane, over a link and transports in memory.

import { DataPlane, type PlaneParts } from "../../../src/dataplane/data_plane.ts";
import type { FromWorker, PlaneOptions, TunnelFacts } from "../../../src/dataplane/messages.ts";
import { MemoryLink } from "../../../src/link/memory.ts";
import { Counters } from "../../../src/observe/counters.ts";
import { MemoryPoller } from "../../../src/poll/memory.ts";
import { PLANE_DEFAULTS } from "../plane_defaults.ts";
import type { Clock, MemoryEnd, MemoryNetwork } from "./network.ts";

/** The maximum number of turns in a row; a plane that then still has work to do is paused for 1 ms. */
const TURNS = 64;

/** Options of {@linkcode MemoryPlane}. */
export interface MemoryPlaneOptions {
  clock: Clock;
  network: MemoryNetwork;
  plane: Partial<PlaneOptions> & Pick<PlaneOptions, "side" | "mac">;
  linkMac: Uint8Array;
  /** Takes the frames that are sent to the link. */
  toLink(frame: Uint8Array): void;
  /** Returns true if the interface has no room for a frame; by default there is always room. */
  refuses?(frame: Uint8Array): boolean;
  /** Takes a message of the plane. */
  heard?(message: FromWorker): void;
  /** Called after each turn, and after each call from outside. */
  moved?(plane: DataPlane): void;
  journal?: PlaneParts["journal"];
  relay?: PlaneParts["relay"];
  tokens?: PlaneParts["tokens"];
  channel?: PlaneParts["channel"];
}

/** A data plane whose turns are driven by frames, bytes and the clock. */
export class MemoryPlane {
  readonly link: MemoryLink;
  readonly plane: DataPlane;
  readonly counters = new Counters();
  readonly #clock: Clock;
  readonly #moved: () => void;
  readonly #pollers: MemoryPoller[] = [];
  readonly #ends = new Map<number, MemoryEnd>();
  #scheduledMs = Infinity;
  #gone = false;

  constructor(options: MemoryPlaneOptions) {
    const { clock, network, heard = () => {} } = options;
    const { side, mac } = options.plane;
    this.#clock = clock;
    this.#moved = () => options.moved?.(this.plane);
    const now = () => clock.nowMs;
    this.link = new MemoryLink(network.descriptors, {
      name: "eth0",
      mac: options.linkMac,
      promiscuous: mac !== "own",
      wall: now,
      sent: options.toLink,
      refuses: options.refuses,
    });
    this.plane = new DataPlane({
      interfaceName: "eth0",
      ...PLANE_DEFAULTS,
      ...options.plane,
      side,
    }, {
      link: this.link,
      counters: this.counters,
      poller: () => {
        const poller = new MemoryPoller(network.descriptors);
        this.#pollers.push(poller);
        return poller;
      },
      journal: options.journal,
      relay: options.relay,
      tokens: options.tokens,
      channel: options.channel,
      post: (messages) => {
        for (const message of messages) {
          // The main thread does the same once the worker has released the connection.
          if (message.type === "tunnel-down") this.#close(message.id);
          heard(message);
        }
      },
      now,
      wall: now,
    });
  }

  /** Starts, with the sessions that an earlier run has left. */
  start(): void {
    this.plane.start();
    this.poke();
  }

  /** Hands in a frame from the link. */
  receive(frame: Uint8Array): void {
    if (this.#gone) return;
    this.link.arrive(frame);
    this.poke();
  }

  /** Adds a connection whose handshake is done. */
  addTunnel(facts: TunnelFacts, end: MemoryEnd): void {
    this.#ends.set(facts.id, end);
    end.ready = () => this.poke();
    this.plane.addTunnel(facts, end.transport);
    this.#moved();
    this.poke();
  }

  /** Runs turns until there is nothing left to do, and schedules the next one. */
  poke(): void {
    if (this.#gone) return;
    let turns = 0;
    do {
      this.plane.step(0);
      this.#moved();
    } while (!this.plane.stopped && this.#ready && ++turns < TURNS);
    if (this.plane.stopped) return this.#end();
    const dueMs = Math.max(this.plane.dueMs, this.#clock.nowMs + (turns === TURNS ? 1 : 0));
    if (dueMs >= this.#scheduledMs) return;
    this.#scheduledMs = dueMs;
    this.#clock.at(dueMs, () => {
      if (this.#scheduledMs !== dueMs) return;
      this.#scheduledMs = Infinity;
      this.poke();
    });
  }

  /** True once it is gone. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Stops it in an orderly way. It is gone once its peers have closed or run out of time. */
  stop(keep: boolean): void {
    if (this.#gone) return;
    this.plane.stop(keep);
    this.#moved();
    this.poke();
  }

  /** Ends it at once, whatever it is doing, and returns its ends, which stay as they are. */
  kill(): MemoryEnd[] {
    this.#gone = true;
    const ends = [...this.#ends.values()];
    for (const end of ends) end.ready = () => {};
    this.#ends.clear();
    return ends;
  }

  get #ready(): boolean {
    return this.#pollers.some((poller) => poller.wait() > 0);
  }

  #end(): void {
    this.plane.dispose();
    for (const end of this.kill()) end.transport.close();
  }

  #close(tunnel: number): void {
    const end = this.#ends.get(tunnel);
    this.#ends.delete(tunnel);
    if (end === undefined) return;
    end.ready = () => {};
    end.transport.close();
  }
}
