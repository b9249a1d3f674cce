// The client, without I/O: it keeps one tunnel to one of several servers, until it is stopped.
//
// Events and the time go in (`handle`, `tick`); commands come out (`poll`), and a time at which it wants
// to be called again (`dueMs`). It reads no clock and draws no random number by itself, so a simulation
// can drive it. messages.ts lists events and commands; driver.ts carries them out on a real machine.
//
//         idle
//           │ started
//           ▼
//      connecting ◄────time is up, or the network changed──── waiting
//           │ │                                                ▲ ▲ ▲
//           │ └───────────failed, or released──────────────────┘ │ │
//           │ greeted                                            │ │
//           ▼                                                    │ │
//     handing-over ───────failed─────────────────────────────────┘ │
//           │ ▲                                                    │
//           │ └──tunnel-down while moving───┐                      │
//           │ handed-over                   │                      │
//           ▼                               │                      │
//        tunnel ────────────────────────────┴──tunnel-down─────────┘
//
//      any state ──stop──► stopped
//
// So far, only tests report that the network changed.
//
// *Connecting* is an attempt (attempt.ts) at the server that reconnect.ts chose, which also says how long
// to wait before the next one. As long as sessions are held for that server it is the only one that is
// tried, because they go on nowhere else. Once there are none left the attempt is *released*: it is given
// up, whatever it is waiting for, and the next server has its turn.
//
// With `preferFirst`, a tunnel to another server than the first has a *look* at the first beside it:
//
//      pausing ──time is up──► trying ──greeted──► moving
//         ▲                      │
//         └───────failed─────────┘
//
// *Moving* means that the first server has greeted, and the worker was told to leave the present tunnel.
// When that has ended, the greeted connection is handed over. Each such return costs all sessions, so a
// first server that turns out not to be well is looked at less and less often.
//
// A greeted server whose link is down counts as a failure, unless nothing better can be had: there is no
// other server, or sessions are held for this one.
//
// At any moment before the stop, a command is under way (its end will be an event), or `dueMs` is finite,
// or there is a tunnel (its end will be an event). So the machine never gets stuck.

import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { RateLimit } from "../observe/rate_limit.ts";
import { REASON } from "../wire/mod.ts";
import { Attempt, type AttemptHost, type Greeted } from "./attempt.ts";
import { FirstServer } from "./first_server.ts";
import type { ClientCommand, ClientEvent, ClientFailure, ClientNote } from "./messages.ts";
import { type Outcome, Reconnect } from "./reconnect.ts";

/** The number of failures of one kind that are noted in an interval: some come several times a second. */
const FAILURES_NOTED = 3;
const FAILURES_INTERVAL_MS = 10_000;

/** The outcome of an attempt that came to nothing. */
const FAILED: Outcome = { upMs: 0, held: false, replaced: false, restarts: false };

/** Options of a {@linkcode ClientMachine}. */
export interface ClientMachineOptions {
  /** The servers, one or more; the next is tried when one is not there. */
  servers: readonly Endpoint[];
  /** Draws a number from 0 up to 1. */
  random: () => number;
  /** The servers know no handshake. */
  legacy?: boolean;
  /** Return to the first server when it is well again. */
  preferFirst?: boolean;
  /** The time between two looks at the first server, in ms; 30 s by default. */
  preferFirstMs?: number;
}

/** A tunnel, from when it is handed over. */
interface Tunnel extends Greeted {
  readonly sinceMs: number;
  /** True once the worker drives it: until then a host's frames have nowhere to go. */
  isUp: boolean;
}

/** A look at the first server, beside a tunnel to another one. */
type Look =
  | { is: "pausing"; untilMs: number }
  | { is: "trying"; attempt: Attempt }
  | { is: "moving"; greeted: Greeted };

type State =
  | { is: "idle" }
  | { is: "connecting"; attempt: Attempt }
  | { is: "handing-over"; greeted: Greeted }
  | { is: "tunnel"; tunnel: Tunnel; look: Look | undefined }
  /** `held`: for the server that is tried next there were sessions when the wait began. */
  | { is: "waiting"; untilMs: number; held: boolean }
  | { is: "stopped" };

/** The client's decisions. Times are in ms, on a clock that never goes back. */
export class ClientMachine {
  readonly #servers: readonly Endpoint[];
  readonly #random: () => number;
  readonly #prefersFirst: boolean;
  readonly #reconnect: Reconnect;
  readonly #first: FirstServer;
  readonly #host: AttemptHost;
  readonly #commands: ClientCommand[] = [];
  /** The numbers of sessions that are held, by the keys of their servers. */
  readonly #held = new Map<string, number>();
  readonly #failuresNoted = new RateLimit(FAILURES_INTERVAL_MS, FAILURES_NOTED);
  #state: State = { is: "idle" };
  #ids = 0;
  #tunnels = 0;
  #serverName = "";

  /**
   * Makes a machine, which does nothing until it is told `started`.
   *
   * @param options The servers, and the way to choose among them
   */
  constructor(options: ClientMachineOptions) {
    this.#servers = options.servers;
    this.#random = options.random;
    this.#prefersFirst = options.preferFirst ?? false;
    this.#reconnect = new Reconnect(options.servers.length);
    this.#first = new FirstServer(options.preferFirstMs);
    this.#host = {
      command: (command) => this.#commands.push(command),
      newId: () => ++this.#ids,
      legacy: options.legacy ?? false,
    };
  }

  /** The state of the tunnel, as the status shows it. */
  get state(): "connecting" | "up" | "waiting" {
    const state = this.#state;
    if (state.is === "tunnel") return state.tunnel.isUp ? "up" : "connecting";
    return state.is === "waiting" || state.is === "stopped" ? "waiting" : "connecting";
  }

  /** The server that is in use, or has its turn. */
  get server(): Endpoint {
    return this.#servers[this.#reconnect.at];
  }

  /** The name of the last server that had a tunnel; empty before the first one. */
  get serverName(): string {
    return this.#serverName;
  }

  /** The number of tunnels after the first one. */
  get reconnects(): number {
    return Math.max(0, this.#tunnels - 1);
  }

  /** The time at which it wants {@linkcode tick}; `Infinity` where only an event can move it. */
  get dueMs(): number {
    const state = this.#state;
    switch (state.is) {
      case "connecting":
        return state.attempt.dueMs;
      case "waiting":
        return state.untilMs;
      case "tunnel":
        if (state.look?.is === "pausing") return state.look.untilMs;
        if (state.look?.is === "trying") return state.look.attempt.dueMs;
    }
    return Infinity;
  }

  /**
   * Takes the next command out.
   *
   * @returns The command; `undefined` where there is none for now
   */
  poll(): ClientCommand | undefined {
    return this.#commands.shift();
  }

  /**
   * Takes an event. One that comes too late, for what was dropped, is ignored.
   *
   * @param event The event
   * @param nowMs The time
   */
  handle(event: ClientEvent, nowMs: number): void {
    if (this.#state.is === "stopped") return;
    switch (event.type) {
      case "stop":
        return this.#stop();
      case "held":
        return this.#holds(event.peer, event.sessions, nowMs);
      case "started":
        if (this.#state.is === "idle") this.#start(nowMs);
        return;
      case "network-changed":
        if (this.#state.is === "waiting" && !this.#reconnect.rival) this.#connectAgain(nowMs);
        return;
    }
    switch (this.#state.is) {
      case "connecting":
        this.#state.attempt.handle(event, nowMs);
        return this.#settle(this.#state.attempt, nowMs);
      case "handing-over":
        return this.#handleHandover(this.#state.greeted, event, nowMs);
      case "tunnel":
        return this.#handleInTunnel(this.#state, event, nowMs);
    }
  }

  /**
   * Looks at the time.
   *
   * @param nowMs The time
   */
  tick(nowMs: number): void {
    if (nowMs < this.dueMs) return;
    const state = this.#state;
    switch (state.is) {
      case "connecting":
        state.attempt.tick(nowMs);
        return this.#settle(state.attempt, nowMs);
      case "waiting":
        return this.#connectAgain(nowMs);
      case "tunnel":
        if (state.look?.is === "pausing") {
          state.look = { is: "trying", attempt: this.#try(0, nowMs) };
        } else if (state.look?.is === "trying") {
          state.look.attempt.tick(nowMs);
          this.#settleLook(state, state.look.attempt, nowMs);
        }
    }
  }

  // Sessions of an earlier run can only go on with their own server.
  #start(nowMs: number): void {
    const first = this.#servers.findIndex((_, at) => this.#heldFor(at) !== undefined);
    if (first > 0) this.#reconnect.moved(first);
    this.#connect(nowMs);
  }

  #connect(nowMs: number): void {
    this.#state = { is: "connecting", attempt: this.#try(this.#reconnect.at, nowMs) };
  }

  #try(at: number, nowMs: number): Attempt {
    return new Attempt(at, this.#servers[at], this.#host, nowMs);
  }

  #connectAgain(nowMs: number): void {
    if (this.#state.is !== "waiting") return;
    // The held sessions may be over by now: that is one more failure, and the others have their turn.
    const released = this.#state.held && this.#heldFor(this.#reconnect.at) === undefined;
    if (released && this.#servers.length > 1) this.#reconnect.next(FAILED, this.#random());
    this.#connect(nowMs);
  }

  #settle(attempt: Attempt, nowMs: number): void {
    const result = this.#judge(attempt);
    if (result === undefined) return;
    if ("greeted" in result) return this.#handOver(result.greeted);
    const noted = this.#noteFailure(attempt.at, result.failure, nowMs);
    this.#wait(FAILED, noted, nowMs);
  }

  /** An attempt's result, after a look at the server's link; notes a greeting. */
  #judge({ at, result }: Attempt): Attempt["result"] {
    if (result === undefined || "failure" in result) return result;
    const { id, name, endpoint, hello } = result.greeted;
    // An older server, which says nothing, is not mentioned either.
    if (hello === undefined) return result;
    const held = this.#heldFor(at);
    if (hello.linkDown && this.#servers.length > 1 && held === undefined) {
      this.#host.command({ type: "drop", id });
      return { failure: { step: "link-down", name } };
    }
    this.#note({ type: "greeted", name, endpoint, software: hello.software, held });
    return result;
  }

  #handOver(greeted: Greeted): void {
    this.#state = { is: "handing-over", greeted };
    const { id, peer, name } = greeted;
    this.#host.command({ type: "hand-over", id, peer, name });
  }

  #handleHandover(greeted: Greeted, event: ClientEvent, nowMs: number): void {
    if (!("id" in event) || event.id !== greeted.id) return;
    if (event.type === "handed-over") return this.#begin(greeted, nowMs);
    if (event.type !== "failed") return;
    const failure = { step: "hand-over", reason: event.reason } as const;
    this.#wait(FAILED, this.#noteFailure(greeted.at, failure, nowMs), nowMs);
  }

  #begin(greeted: Greeted, nowMs: number): void {
    const { at, name, peer } = greeted;
    if (peer !== undefined) this.#held.delete(peer);
    this.#reconnect.moved(at);
    this.#serverName = name;
    this.#tunnels++;
    const looks = this.#prefersFirst && at > 0;
    this.#state = {
      is: "tunnel",
      tunnel: { ...greeted, sinceMs: nowMs, isUp: false },
      look: looks ? this.#pause(nowMs) : undefined,
    };
  }

  #pause(nowMs: number): Look {
    return { is: "pausing", untilMs: nowMs + this.#first.pauseMs };
  }

  #handleInTunnel(state: State & { is: "tunnel" }, event: ClientEvent, nowMs: number): void {
    const { tunnel, look } = state;
    if ("id" in event && event.id === tunnel.id) {
      if (event.type === "tunnel-up") tunnel.isUp = true;
      if (event.type === "tunnel-down") this.#ended(state, event.reason, event.goodbye, nowMs);
    } else if (look?.is === "trying") {
      look.attempt.handle(event, nowMs);
      this.#settleLook(state, look.attempt, nowMs);
    }
  }

  #settleLook(state: State & { is: "tunnel" }, attempt: Attempt, nowMs: number): void {
    const result = this.#judge(attempt);
    if (result === undefined) return;
    if ("failure" in result) {
      state.look = this.#pause(nowMs);
      return;
    }
    state.look = { is: "moving", greeted: result.greeted };
    const { id, peer } = state.tunnel;
    this.#host.command({ type: "leave", id, peer });
  }

  #ended(
    { tunnel, look }: State & { is: "tunnel" },
    reason: string,
    goodbye: number | undefined,
    nowMs: number,
  ): void {
    const upMs = nowMs - tunnel.sinceMs;
    if (tunnel.at === 0 && this.#tunnels > 1) this.#first.judge(upMs);
    if (look?.is === "moving") return this.#handOver(look.greeted);
    if (look?.is === "trying") look.attempt.drop();
    this.#note({ type: "tunnel-lost", reason, held: this.#heldFor(this.#reconnect.at) });
    const replaced = goodbye === REASON.REPLACED;
    const restarts = goodbye === REASON.RESTART;
    this.#wait({ ...FAILED, upMs, replaced, restarts }, true, nowMs);
  }

  #wait(outcome: Outcome, noted: boolean, nowMs: number): void {
    const held = this.#heldFor(this.#reconnect.at) !== undefined;
    const delayMs = this.#reconnect.next({ ...outcome, held }, this.#random());
    this.#state = { is: "waiting", untilMs: nowMs + delayMs, held };
    if (this.#reconnect.rival) this.#note({ type: "rival" });
    if (noted) this.#note({ type: "connecting-again", server: this.server, delayMs });
  }

  #holds(peer: string, sessions: number, nowMs: number): void {
    if (sessions > 0) {
      this.#held.set(peer, sessions);
      return;
    }
    const { at } = this.#reconnect;
    const heldBefore = this.#heldFor(at) !== undefined;
    this.#held.delete(peer);
    const released = heldBefore && this.#heldFor(at) === undefined;
    if (!released || this.#servers.length === 1 || this.#state.is !== "connecting") return;
    this.#state.attempt.drop();
    this.#wait(FAILED, true, nowMs);
  }

  #stop(): void {
    const state = this.#state;
    this.#state = { is: "stopped" };
    switch (state.is) {
      case "connecting":
        return state.attempt.drop();
      case "handing-over":
        return this.#host.command({ type: "drop", id: state.greeted.id });
      case "tunnel":
        if (state.look?.is === "trying") state.look.attempt.drop();
        if (state.look?.is === "moving") {
          this.#host.command({ type: "drop", id: state.look.greeted.id });
        }
    }
  }

  /** The number of sessions that are held for a server; undefined where there are none. */
  #heldFor(at: number): number | undefined {
    return this.#held.get(formatEndpoint(this.#servers[at]));
  }

  /** Notes a failure, unless many like it were noted lately; returns whether it did. */
  #noteFailure(at: number, failure: ClientFailure, nowMs: number): boolean {
    const server = this.#servers[at];
    const kind = JSON.stringify([server, failure]);
    const suppressed = this.#failuresNoted.allow(kind, nowMs);
    if (suppressed < 0) return false;
    this.#note({ type: "failed", server, failure, suppressed });
    return true;
  }

  #note(note: ClientNote): void {
    this.#host.command({ type: "note", note });
  }
}
