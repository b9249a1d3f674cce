// The part that client and server have in common: options, state directory, data worker, status.
//
// Everything is built before anything is started. A side makes its `Runtime`, then itself round it, and
// only then calls `start` with its hooks, so no hook sees an object that does not exist yet. The start
// goes step by step, and each step needs those before it:
//
//     1. the state directory   has the sessions that an earlier run left
//     2. the data worker       opens the link, takes up the sessions; from here on hooks are called
//     3. the status            is served, once everything that it shows is there
//     4. the sign of life      only now: a start that fails must not put off the PADTs of the last run
//
// The data worker may die in any of these steps. Then the start fails with its error, and what was
// opened is closed; after the start `finished` rejects instead.

import { readInterface } from "../ffi/mod.ts";
import { ConfigurationError } from "./configuration_error.ts";
import { DataWorker } from "./dataplane/data_worker.ts";
import type { KeptState } from "./dataplane/messages.ts";
import { createLog, type Log } from "./observe/log.ts";
import { describeEvent } from "./observe/event_log.ts";
import type { DataPlaneEvent } from "./observe/events.ts";
import { Problems } from "./observe/problems.ts";
import type { Status, TunnelStatus } from "./observe/status.ts";
import { serveStatus, type StatusServer } from "./observe/status_server.ts";
import type { AddedTags, Limits, MacMode, Side } from "./relay/mod.ts";
import { defaultName, nameFault, type OwnName } from "./own_name.ts";
import { StateDir } from "./state/mod.ts";
import type { Endpoint } from "./net/endpoint.ts";
import { VERSION } from "./version.ts";
import { ETH_ALEN, FEATURE, type Hello, RESUME_SECRET_LENGTH } from "./wire/mod.ts";
import { CHANNEL_SIZES } from "./tunnel/channel.ts";
import { PROTOCOL_VERSION } from "./tunnel/handshake_machine.ts";

/** Options of both sides. */
export interface RuntimeOptions {
  /** The name of the Ethernet interface to capture on and to inject into. */
  interface: string;
  /** The addresses that the link sees; by default our own. */
  mac?: MacMode;
  /**
   * The name by which this side calls itself, 1 to 64 bytes of printable UTF-8; by default the machine's
   * host name, or one made from the interface's address where that will not do.
   */
  name?: string;
  /** The address to serve the status on; by default it is not served. */
  status?: Endpoint;
  /** The peer knows frame types 0 to 3 only, and no handshake. */
  legacy?: boolean;
  /**
   * The time with nothing from one of its stations after which a session is closed, in ms; 4 hours by
   * default, 0: never.
   */
  idleTimeoutMs?: number;
  /**
   * The time for which a station that used to answer LCP Echo-Requests may leave them unanswered, and
   * send nothing else, before its session is closed, in ms; 3 minutes by default, 0: never. At least three
   * must be unanswered.
   */
  deadTimeoutMs?: number;
  /**
   * The time for which sessions are held while their tunnel is away, in ms; 20 s by default, 0: not at all.
   */
  graceMs?: number;
  /**
   * The directory where sessions are kept in case this process is killed, for one process at a time; by
   * default there is none.
   */
  stateDir?: string;
  /** Limits of how often hosts may dial, and how many sessions a client may have. */
  limits?: Partial<Limits>;
  /** The interval of pings, in ms; 5 s by default. */
  pingMs?: number;
  /** The time with nothing from the peer after which the tunnel is given up, in ms; 15 s by default. */
  tunnelTimeoutMs?: number;
  /**
   * The number of data frames that can wait in the ring in which they arrive, a power of two; 4096 by
   * default.
   * Each takes 2 KiB of locked memory, more on a link with a larger MTU.
   */
  ringFrames?: number;
  /** The data that can wait for a tunnel that takes less than it gets, in bytes; 256 KiB by default. */
  queueBytes?: number;
  /** The most that is given to a tunnel's socket at once, in bytes; 64 KiB by default. */
  batchBytes?: number;
  /**
   * The tunnels' TCP congestion control; `system` for the system's default. By default `bbr`, or the
   * system's with a warning where that cannot be had.
   */
  congestion?: string;
  /** The log; by default it goes to standard error, as text, from level info. */
  log?: Log;
  /** Log every discovery frame, at level debug. */
  debug?: boolean;
}

/** The parts of the runtime's work that depend on the side. */
export interface RuntimeHooks {
  tunnelUp(id: number): void;
  tunnelEnded(id: number, reason: string, goodbye?: number): void;
  /** So many sessions are held for a peer that has no tunnel; with 0, there are no longer any. */
  held(peer: string, sessions: number): void;
  /** The data worker died: nothing more can be carried. */
  failed(): void;
  /** Tells whether the side does its job, as far as that does not depend on the link. */
  healthy(): boolean;
  reconnects(): number;
  /** Tells whether a peer of an earlier run can come back. */
  knows(peer: string): boolean;
  /** The tunnels of the status, made from those that are up. */
  tunnels(up: TunnelStatus[]): TunnelStatus[];
}

/** Options that only a server gives the data plane. */
export interface ServerPlaneOptions {
  /** Tags to put into PADI and PADR. */
  tags?: AddedTags;
  /** The number of clients for which sessions are held. */
  maxHeld?: number;
}

/** The part of a running side that is the same in both. */
export class Runtime {
  readonly log: Log;
  readonly #side: Side;
  readonly #options: RuntimeOptions;
  readonly #name: OwnName;
  readonly #startedMs = performance.now();
  readonly #finished = Promise.withResolvers<void>();
  /** Set when the start begins. */
  #hooks!: RuntimeHooks;
  readonly #problems = new Problems();
  /** The secret by which a returning client proves its identity. */
  #secret: Uint8Array = crypto.getRandomValues(new Uint8Array(RESUME_SECRET_LENGTH));
  #state: StateDir | undefined;
  #worker: DataWorker | undefined;
  #status: StatusServer | undefined;
  #isUp = false;

  /**
   * Builds a runtime; nothing is opened.
   *
   * @param side The side
   * @param options The side's options
   * @throws {ConfigurationError} If the name in the options will not do.
   */
  constructor(side: Side, options: RuntimeOptions) {
    this.log = options.log ?? createLog({ level: "info", format: "text" });
    this.#side = side;
    this.#options = options;
    this.#name = nameOf(options);
    // A caller that does not look at `finished` has the log.
    this.#finished.promise.catch(() => {});
  }

  /**
   * Opens the state directory and the link, then serves the status.
   *
   * @param hooks The side, which is complete
   * @param own Options that only a server gives the data plane
   * @throws {Error} If something cannot be had; whatever was opened is closed again.
   */
  async start(hooks: RuntimeHooks, own: ServerPlaneOptions = {}): Promise<void> {
    this.#hooks = hooks;
    try {
      await this.#openState();
      await this.#startWorker(own);
      this.#warnOfName();
      this.#serveStatus();
      await Promise.race([this.#finished.promise, this.#state?.alive()]);
      this.#isUp = true;
    } catch (error) {
      // The sessions of an earlier run are left to a run that starts.
      await Promise.all([this.#worker?.stop(this.keepsSessions), this.#status?.close()]);
      await this.#state?.close();
      throw error;
    }
  }

  async #openState(): Promise<void> {
    const { stateDir, interface: interfaceName } = this.#options;
    if (stateDir === undefined) return;
    const { log } = this;
    this.#state = await StateDir.open(stateDir, { side: this.#side, interfaceName, log });
    this.#secret = this.#state.identity;
  }

  async #startWorker({ tags, maxHeld }: ServerPlaneOptions): Promise<void> {
    const options = this.#options;
    const { log } = this;
    this.#worker = await DataWorker.start({
      side: this.#side,
      interfaceName: options.interface,
      mac: options.mac ?? "own",
      idleMs: options.idleTimeoutMs ?? 4 * 3600_000,
      deadMs: options.deadTimeoutMs ?? 3 * 60_000,
      graceMs: options.graceMs ?? 20_000,
      maxHeld,
      limits: options.limits,
      tags,
      pingMs: options.pingMs ?? 5_000,
      tunnelDeadMs: options.tunnelTimeoutMs ?? 15_000,
      ...CHANNEL_SIZES,
      queueBytes: options.queueBytes ?? CHANNEL_SIZES.queueBytes,
      batchBytes: options.batchBytes ?? CHANNEL_SIZES.batchBytes,
      ringFrames: options.ringFrames,
      congestion: options.congestion,
      debug: options.debug ?? false,
      state: this.#kept(),
    }, {
      event: (event) => this.#heard(event),
      warn: (message) => log.warning(message),
      segment: (segment) => void this.#state?.compacted(segment),
      failed: (error) => this.#workerDied(error),
    });
  }

  #heard(event: DataPlaneEvent): void {
    const line = describeEvent(event);
    if (line !== undefined) this.log[line.level](line.message, line.fields);
    switch (event.type) {
      case "problem":
        return this.#problems.meet(event.problem, performance.now(), Date.now());
      case "tunnel-up":
        return this.#hooks.tunnelUp(event.id);
      case "tunnel-down":
        return this.#hooks.tunnelEnded(event.id, event.reason, event.goodbye);
      case "held":
        return this.#hooks.held(event.peer, event.sessions);
    }
  }

  // A start that fails tells its caller.
  #workerDied(error: Error): void {
    if (this.#isUp) this.log.error(error.message);
    this.#finished.reject(error);
    this.#hooks.failed();
  }

  #warnOfName(): void {
    const { name, fault } = this.#name;
    // An older peer is told no name.
    if (fault === undefined || this.#options.legacy) return;
    this.log.warning(`The machine's host name ${fault}; --name sets another one`, { name });
  }

  #serveStatus(): void {
    const { status } = this.#options;
    if (status === undefined) return;
    this.#status = serveStatus(status, () => this.status(), () => this.healthy, this.log);
  }

  #kept(): KeptState | undefined {
    const state = this.#state;
    if (state === undefined) return undefined;
    const { path, segment, nextSerial, undelivered, away, identity: secret, silentMs = 0 } = state;
    const sessions = state.sessions.map((session) =>
      this.#hooks.knows(session.peer) ? session : { ...session, peer: "" }
    );
    return { path, segment, nextSerial, undelivered, away, secret, silentMs, sessions };
  }

  /** The greeting that describes this side in the handshake. */
  get hello(): Hello {
    return {
      version: PROTOCOL_VERSION,
      features: FEATURE.RESUME,
      name: this.#name.name,
      software: `pppoe-proxy/${VERSION}`,
      resumeSecret: this.#side === "client" ? this.#secret : undefined,
    };
  }

  /** The data worker, which there is from its start on. */
  get worker(): DataWorker {
    if (this.#worker === undefined) throw new Error("The data worker has not been started yet");
    return this.#worker;
  }

  /** Resolves when it has stopped; rejects when it can't go on. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** The address that the status is served on; undefined where it is not served. */
  get statusAddress(): Endpoint | undefined {
    return this.#status?.address;
  }

  /** True while the side does its job. */
  get healthy(): boolean {
    return this.#isUp && this.worker.linkState === "up" && this.#hooks.healthy();
  }

  async status(): Promise<Status> {
    const { worker } = this;
    const snapshot = await worker.snapshot();
    return {
      mode: this.#side,
      version: VERSION,
      uptimeSeconds: Math.floor((performance.now() - this.#startedMs) / 1000),
      interface: this.#options.interface,
      interfaceState: worker.linkState,
      healthy: this.healthy,
      problems: this.#problems.list(performance.now()),
      reconnects: this.#hooks.reconnects(),
      tunnels: this.#hooks.tunnels(snapshot.tunnels),
      sessions: snapshot.sessions,
      ...worker.counters(),
    };
  }

  /** True where a stop can leave the sessions to the next run. */
  get keepsSessions(): boolean {
    return this.#options.stateDir !== undefined && this.#options.graceMs !== 0;
  }

  /** Takes what can change while it runs. */
  reload({ debug = false, limits = {} }: Pick<RuntimeOptions, "debug" | "limits">): void {
    this.worker.reload({ debug, limits });
  }

  /** Ends the worker and the status; with `keep`, the sessions are left to the next run. */
  async stop(keep = false): Promise<void> {
    const state = this.#state;
    const lost = keep && state !== undefined && !await state.exists();
    if (lost) this.log.error(`Sessions are closed, since ${state.path} is gone`);
    await Promise.all([this.worker.stop(keep && !lost), this.#status?.close()]);
    await state?.close();
    this.#finished.resolve();
  }
}

function nameOf({ name, interface: interfaceName }: RuntimeOptions): OwnName {
  if (name === undefined) {
    // On an interface that does not exist the start fails later, by any name.
    const mac = readInterface(interfaceName)?.mac ?? new Uint8Array(ETH_ALEN);
    return defaultName(Deno.hostname(), mac);
  }
  const fault = nameFault(name);
  if (fault === undefined) return { name, fault };
  throw new ConfigurationError(`Cannot start: the name that was given (--name) ${fault}`);
}
