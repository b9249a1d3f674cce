// The client, without I/O: it keeps one tunnel to one of several servers until it is stopped.
//
// Events and the time go in (`handle`, `tick`). Commands come out (`poll`), and so does the time of the next
// call (`dueMs`). The machine reads no clock and draws no random number by itself, so that a simulation can
// drive it. messages.ts lists events and commands; driver.ts carries them out on a real machine.
//
//         idle
//           │ started
//           ▼
//      connecting ◄───time is up, or the network changed───── waiting
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
// A change of the network also renews an attempt that is under way, because packets that were lost on the old
// way are sent again only after seconds. In a tunnel it leads to a probe, so that a way that has
// become useless is noticed within a second or two. If the tunnel's own address is gone, and does not come
// back soon, the tunnel ends without a probe. As long as there is no way at all, nothing is tried. Where
// sessions are not held, the tunnel is left alone, because TCP may yet bring it through.
//
// *Connecting* is an attempt (attempt.ts) to reach the server that reconnect.ts chose; reconnect.ts also
// sets the delay before the next attempt. While sessions are held for that server, no other one is tried,
// because they can continue nowhere else. Once no session is left, the attempt is *released*: it is given
// up, whatever it is waiting for, and it is the next server's turn.
//
// With `preferFirst`, the client *checks* the first server while it has a tunnel to another one:
//
//      pausing ──time is up──► trying ──greeted──► moving
//         ▲                      │
//         └───────failed─────────┘
//
// *Moving* means that the first server has greeted, and the worker was told to leave the current tunnel.
// When that tunnel has ended, the greeted connection is handed over. Each return costs all sessions, so a
// first server that keeps failing is checked less and less often.
//
// A server whose link is down counts as a failure, unless there is nothing better: no other server, or
// sessions that are held for this one.
//
// At any moment before the stop, a command is under way (its end will be an event), or `dueMs` is finite,
// or there is a tunnel (its end will be an event). The machine therefore never gets stuck.

import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { KnownAddresses } from "../net/known_addresses.ts";
import { RateLimit } from "../observe/rate_limit.ts";
import { REASON } from "../wire/mod.ts";
import { Attempt, type AttemptCaller, type Greeted, type ServerFacts } from "./attempt.ts";
import { FirstServer } from "./first_server.ts";
import type { ClientCommand, ClientEvent, ClientFailure, ClientNote } from "./messages.ts";
import type { Trouble } from "./server_trouble.ts";
import { type Outcome, Reconnect } from "./reconnect.ts";

/** The number of failures of one kind that are noted per interval. Some occur several times a second. */
const FAILURES_NOTED = 3;
const FAILURES_INTERVAL_MS = 10_000;

/** The time that a tunnel's own address may be missing, in ms: a renewed lease removes it and adds it again. */
const ADDRESS_LOST_MS = 500;
const ADDRESS_LOST = "this machine no longer has the tunnel's own address";

/** The outcome of a failed attempt. */
const FAILED: Outcome = { upMs: 0, held: false, replaced: false, restarts: false };

/** Options of a {@linkcode ClientMachine}. */
export interface ClientMachineOptions {
  /** The servers, at least one. If one cannot be reached, the next is tried. */
  servers: readonly Endpoint[];
  /** Draws a number from 0 up to, but not including, 1. */
  random: () => number;
  /** True if the servers know no handshake. */
  legacy?: boolean;
  /**
   * False if sessions end with their tunnel, so that no tunnel must be ended on a mere suspicion; true by
   * default.
   */
  holds?: boolean;
  /** True to return to the first server once it works again. */
  preferFirst?: boolean;
  /** The time between two checks of the first server, in ms; 30 s by default. */
  preferFirstMs?: number;
}

/** A tunnel, from when it is handed over. */
interface Tunnel extends Greeted {
  readonly sinceMs: number;
  /** True once the worker drives it. Until then, frames of hosts have nowhere to go. */
  isUp: boolean;
  /** The time at which this machine lost the tunnel's own address; undefined if it has it. */
  lostMs: number | undefined;
}

/** A check of the first server, beside a tunnel to another one. */
type Check =
  | { is: "pausing"; untilMs: number }
  | { is: "trying"; attempt: Attempt }
  | { is: "moving"; greeted: Greeted };

type State =
  | { is: "idle" }
  | { is: "connecting"; attempt: Attempt }
  | { is: "handing-over"; greeted: Greeted }
  | { is: "tunnel"; tunnel: Tunnel; check: Check | undefined }
  /** `held`: sessions were held for the next server when the wait began. */
  | { is: "waiting"; untilMs: number; held: boolean }
  | { is: "stopped" };

/** Makes the client's decisions. Times are in ms, by a monotonic clock. */
export class ClientMachine {
  readonly #servers: readonly ServerFacts[];
  readonly #random: () => number;
  readonly #prefersFirst: boolean;
  readonly #holds: boolean;
  readonly #reconnect: Reconnect;
  readonly #first: FirstServer;
  readonly #caller: AttemptCaller;
  readonly #commands: ClientCommand[] = [];
  /** The number of held sessions, by the key of their server. */
  readonly #held = new Map<string, number>();
  readonly #failuresNoted = new RateLimit(FAILURES_INTERVAL_MS, FAILURES_NOTED);
  #state: State = { is: "idle" };
  #ids = 0;
  #tunnels = 0;
  #serverName = "";
  /** The reasons why there is no tunnel, until the worker drives one. */
  #trouble: Trouble | undefined;

  /**
   * Makes a machine, which does nothing until the event `started`.
   *
   * @param options The servers, and how to choose among them
   */
  constructor(options: ClientMachineOptions) {
    this.#servers = options.servers.map((endpoint, at) => {
      return { at, endpoint, known: new KnownAddresses() };
    });
    this.#random = options.random;
    this.#prefersFirst = options.preferFirst ?? false;
    this.#holds = options.holds ?? true;
    this.#reconnect = new Reconnect(options.servers.length);
    this.#first = new FirstServer(options.preferFirstMs);
    this.#caller = {
      command: (command) => this.#commands.push(command),
      newId: () => ++this.#ids,
      legacy: options.legacy ?? false,
      // Held sessions can continue only where they are.
      avoidsLinkDown: (at) => this.#heldFor(at) === undefined,
      lookupFailed: (at, reason, nowMs) => {
        this.#noteFailure(at, { step: "lookup", reason }, nowMs);
      },
    };
  }

  /** The state of the tunnel, as the status shows it. */
  get state(): "connecting" | "up" | "waiting" {
    const state = this.#state;
    if (state.is === "tunnel") return state.tunnel.isUp ? "up" : "connecting";
    return state.is === "waiting" || state.is === "stopped" ? "waiting" : "connecting";
  }

  /** The server that is in use or being tried. */
  get server(): Endpoint {
    return this.#servers[this.#reconnect.at].endpoint;
  }

  /** True once it was stopped. */
  get isStopped(): boolean {
    return this.#state.is === "stopped";
  }

  /** The reasons why there is no tunnel; undefined while there is one, and before the first attempt. */
  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** The name of the server of the last tunnel; empty before the first tunnel. */
  get serverName(): string {
    return this.#serverName;
  }

  /** The number of tunnels after the first one. */
  get reconnects(): number {
    return Math.max(0, this.#tunnels - 1);
  }

  /** The time at which to call {@linkcode tick}; `Infinity` if the machine only waits for events. */
  get dueMs(): number {
    const state = this.#state;
    switch (state.is) {
      case "connecting":
        return state.attempt.dueMs;
      case "waiting":
        return state.untilMs;
      case "tunnel":
        return Math.min(checkDueMs(state.check), lostDueMs(state.tunnel));
    }
    return Infinity;
  }

  /**
   * Takes the next command.
   *
   * @returns The command; undefined if there is none at the moment
   */
  poll(): ClientCommand | undefined {
    return this.#commands.shift();
  }

  /**
   * Handles an event. A late one, for something that was dropped, is ignored.
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
        return this.#heldChanged(event.peer, event.sessions, nowMs);
      case "started":
        if (this.#state.is === "idle") this.#start(nowMs);
        return;
      case "network-changed":
        return this.#networkChanged(event, nowMs);
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
   * Does the work that is due.
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
        if (nowMs >= lostDueMs(state.tunnel)) {
          state.tunnel.lostMs = undefined;
          const { id } = state.tunnel;
          this.#caller.command({ type: "end", id, reason: ADDRESS_LOST, cause: "address-lost" });
        }
        if (nowMs < checkDueMs(state.check)) return;
        if (state.check?.is === "pausing") {
          state.check = { is: "trying", attempt: this.#try(0, nowMs) };
        } else if (state.check?.is === "trying") {
          state.check.attempt.tick(nowMs);
          this.#settleCheck(state, state.check.attempt, nowMs);
        }
    }
  }

  // Sessions of an earlier run can only continue with their own server.
  #start(nowMs: number): void {
    const first = this.#servers.findIndex((_, at) => this.#heldFor(at) !== undefined);
    if (first > 0) this.#reconnect.moved(first);
    this.#trouble = { sinceMs: nowMs, lost: undefined, failures: new Map(), isRival: false };
    this.#connect(nowMs);
  }

  #connect(nowMs: number): void {
    this.#state = { is: "connecting", attempt: this.#try(this.#reconnect.at, nowMs) };
  }

  #try(at: number, nowMs: number): Attempt {
    return new Attempt(this.#servers[at], this.#caller, nowMs);
  }

  #connectAgain(nowMs: number): void {
    if (this.#state.is !== "waiting") return;
    // The held sessions may be over by now. That counts as one more failure, and the next server is tried.
    const released = this.#state.held && this.#heldFor(this.#reconnect.at) === undefined;
    if (released && this.#servers.length > 1) this.#reconnect.next(FAILED, this.#random());
    this.#connect(nowMs);
  }

  #networkChanged(
    { lost, reachable }: ClientEvent & { type: "network-changed" },
    nowMs: number,
  ): void {
    const state = this.#state;
    switch (state.is) {
      case "waiting":
        // Another program that takes this client's place will do it again, wherever this machine is.
        if (reachable && !this.#reconnect.rival) this.#connectAgain(nowMs);
        return;
      case "connecting":
        if (!reachable) return;
        state.attempt.renew(nowMs);
        return this.#settle(state.attempt, nowMs);
      case "tunnel":
        if (this.#holds && state.tunnel.peer !== undefined) {
          state.tunnel.lostMs = lost ? state.tunnel.lostMs ?? nowMs : undefined;
          if (reachable && !lost) this.#caller.command({ type: "probe", id: state.tunnel.id });
        }
        if (!reachable || state.check?.is !== "trying") return;
        state.check.attempt.renew(nowMs);
        this.#settleCheck(state, state.check.attempt, nowMs);
    }
  }

  #settle(attempt: Attempt, nowMs: number): void {
    const result = this.#judge(attempt);
    if (result === undefined) return;
    if ("greeted" in result) return this.#handOver(result.greeted);
    const noted = this.#noteFailure(attempt.at, result.failure, nowMs);
    this.#wait(FAILED, noted, nowMs);
  }

  /** Returns the result of an attempt, which fails if the server's link is down. Notes a greeting. */
  #judge({ at, result }: Attempt): Attempt["result"] {
    if (result === undefined || "failure" in result) return result;
    const { id, name, endpoint, hello } = result.greeted;
    // An older server sends no greeting, so there is nothing to note.
    if (hello === undefined) return result;
    const held = this.#heldFor(at);
    if (hello.linkDown && this.#servers.length > 1 && held === undefined) {
      this.#caller.command({ type: "drop", id });
      return { failure: { step: "link-down", name } };
    }
    this.#note({ type: "greeted", name, endpoint, software: hello.software, held });
    return result;
  }

  #handOver(greeted: Greeted): void {
    this.#state = { is: "handing-over", greeted };
    const { id, peer, name } = greeted;
    this.#caller.command({ type: "hand-over", id, peer, name });
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
    const checks = this.#prefersFirst && at > 0;
    this.#state = {
      is: "tunnel",
      tunnel: { ...greeted, sinceMs: nowMs, isUp: false, lostMs: undefined },
      check: checks ? this.#pause(nowMs) : undefined,
    };
  }

  #pause(nowMs: number): Check {
    return { is: "pausing", untilMs: nowMs + this.#first.pauseMs };
  }

  #handleInTunnel(state: State & { is: "tunnel" }, event: ClientEvent, nowMs: number): void {
    const { tunnel, check } = state;
    if ("id" in event && event.id === tunnel.id) {
      if (event.type === "tunnel-up") {
        tunnel.isUp = true;
        this.#trouble = undefined;
      }
      if (event.type === "tunnel-down") this.#ended(state, event, nowMs);
    } else if (check?.is === "trying") {
      check.attempt.handle(event, nowMs);
      this.#settleCheck(state, check.attempt, nowMs);
    }
  }

  #settleCheck(state: State & { is: "tunnel" }, attempt: Attempt, nowMs: number): void {
    const result = this.#judge(attempt);
    if (result === undefined) return;
    if ("failure" in result) {
      state.check = this.#pause(nowMs);
      return;
    }
    state.check = { is: "moving", greeted: result.greeted };
    const { id, peer } = state.tunnel;
    this.#caller.command({ type: "leave", id, peer });
  }

  #ended(
    { tunnel, check }: State & { is: "tunnel" },
    { reason, cause, goodbye }: ClientEvent & { type: "tunnel-down" },
    nowMs: number,
  ): void {
    const upMs = nowMs - tunnel.sinceMs;
    if (tunnel.at === 0 && this.#tunnels > 1) this.#first.judge(upMs);
    if (check?.is === "moving") return this.#handOver(check.greeted);
    if (check?.is === "trying") check.attempt.drop();
    const { endpoint: server } = this.#servers[tunnel.at];
    this.#trouble ??= { sinceMs: nowMs, lost: undefined, failures: new Map(), isRival: false };
    this.#trouble.lost = { server, reason, goodbye };
    this.#note({ type: "tunnel-lost", reason, cause, held: this.#heldFor(this.#reconnect.at) });
    const replaced = goodbye === REASON.REPLACED;
    const restarts = goodbye === REASON.RESTART;
    this.#wait({ ...FAILED, upMs, replaced, restarts }, true, nowMs);
  }

  #wait(outcome: Outcome, noted: boolean, nowMs: number): void {
    const held = this.#heldFor(this.#reconnect.at) !== undefined;
    const delayMs = this.#reconnect.next({ ...outcome, held }, this.#random());
    this.#state = { is: "waiting", untilMs: nowMs + delayMs, held };
    if (this.#trouble !== undefined) this.#trouble.isRival = this.#reconnect.rival;
    if (this.#reconnect.rival) this.#note({ type: "rival" });
    if (noted) this.#note({ type: "connecting-again", server: this.server, delayMs });
  }

  #heldChanged(peer: string, sessions: number, nowMs: number): void {
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
        return this.#caller.command({ type: "drop", id: state.greeted.id });
      case "tunnel":
        if (state.check?.is === "trying") state.check.attempt.drop();
        if (state.check?.is === "moving") {
          this.#caller.command({ type: "drop", id: state.check.greeted.id });
        }
    }
  }

  /** Returns the number of sessions that are held for a server; undefined if there are none. */
  #heldFor(at: number): number | undefined {
    return this.#held.get(formatEndpoint(this.#servers[at].endpoint));
  }

  /** Notes a failure, unless many like it were noted recently; returns true if it was noted. */
  #noteFailure(at: number, failure: ClientFailure, nowMs: number): boolean {
    const server = this.#servers[at].endpoint;
    // With the addresses of an earlier lookup, the attempt goes on.
    if (failure.step !== "lookup") this.#trouble?.failures.set(at, { server, failure });
    // Text from another program is quoted at the end of a reason, and may differ each time.
    const [words] = ("reason" in failure ? failure.reason : failure.name).split('"');
    const kind = `${formatEndpoint(server)} ${failure.step} ${words}`;
    const suppressed = this.#failuresNoted.allow(kind, nowMs);
    if (suppressed < 0) return false;
    this.#note({ type: "failed", server, failure, suppressed });
    return true;
  }

  #note(note: ClientNote): void {
    this.#caller.command({ type: "note", note });
  }
}

/** Returns the time at which a check of the first server has something to do. */
function checkDueMs(check: Check | undefined): number {
  if (check?.is === "pausing") return check.untilMs;
  return check?.is === "trying" ? check.attempt.dueMs : Infinity;
}

/** Returns the time at which a tunnel ends because its own address is gone. */
function lostDueMs({ lostMs }: Tunnel): number {
  return lostMs === undefined ? Infinity : lostMs + ADDRESS_LOST_MS;
}
