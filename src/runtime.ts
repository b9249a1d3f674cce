// What the two modes have in common: options, the data worker, the status.

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

/** Why a stop can't keep sessions. */
export const NOWHERE_TO_KEEP = "Cannot keep the sessions: there is no state directory";

/** Options of both modes. */
export interface RuntimeOptions {
  /** The name of the Ethernet interface to capture on and to inject into. */
  interface: string;
  /** Whose addresses the link sees; by default our own. */
  mac?: MacMode;
  /**
   * What this side calls itself, 1 to 64 bytes of printable UTF-8; by default the machine's host name, or one
   * made from the interface's address where that will not do.
   */
  name?: string;
  /** Where to serve the status; by default nowhere. */
  status?: Endpoint;
  /** The peer knows frame types 0 to 3 only, and no handshake. */
  legacy?: boolean;
  /**
   * After how long with nothing from one of its stations a session is closed, in ms; 4 hours by
   * default, 0: never.
   */
  idleTimeoutMs?: number;
  /**
   * How long a station that used to answer LCP Echo-Requests may leave them unanswered, and send
   * nothing else, before its session is closed, in ms; 3 minutes by default, 0: never. At least three
   * must be unanswered.
   */
  deadTimeoutMs?: number;
  /**
   * For how long sessions are held while their tunnel is away, in ms; 20 s by default, 0: not at all.
   */
  graceMs?: number;
  /**
   * Where sessions are kept for the case that this process is killed, for one process at a time; by
   * default nowhere.
   */
  stateDir?: string;
  /** How often hosts may dial, and how many sessions a client may have; see {@linkcode Limits}. */
  limits?: Partial<Limits>;
  /** How often each side pings the other, in ms; 5 s by default. */
  pingMs?: number;
  /** After how long with nothing from the peer the tunnel is given up, in ms; 15 s by default. */
  tunnelTimeoutMs?: number;
  /**
   * How many data frames can wait in the ring that they arrive in, a power of two; 4096 by default.
   * Each takes 2 KiB of locked memory, more on a link with a larger MTU.
   */
  ringFrames?: number;
  /** How much data can wait for a tunnel that takes less than it gets, in bytes; 256 KiB by default. */
  queueBytes?: number;
  /** How much is given to a tunnel's socket at once, in bytes; 64 KiB by default. */
  batchBytes?: number;
  /**
   * The tunnels' TCP congestion control; `system` for the system's default. By default `bbr`, or the
   * system's with a warning where that cannot be had.
   */
  congestion?: string;
  /** Where the log goes; by default to standard error, as text, from level info. */
  log?: Log;
  /** Log every discovery frame, at level debug. */
  debug?: boolean;
}

/** What a mode adds of its own. */
export interface RuntimeHooks {
  tunnelUp(): void;
  tunnelEnded(id: number, reason: string, goodbye?: number): void;
  /** How many sessions are held for a peer that has no tunnel; none: not any more. */
  held(peer: string, sessions: number): void;
  /** The data worker died: nothing more can be carried. */
  failed(): void;
  /** Whether it does its job, as far as that is not the link's. */
  healthy(): boolean;
  reconnects(): number;
  /** Whether a peer of an earlier run can come back. */
  knows(peer: string): boolean;
  /** The tunnels of the status, made from those that are up. */
  tunnels(up: TunnelStatus[]): TunnelStatus[];
}

/** What only one mode gives the data plane. */
interface OwnOptions {
  /** What a server puts into PADI and PADR. */
  tags?: AddedTags;
  /** For how many clients a server holds sessions. */
  maxHeld?: number;
}

/** The part of a running mode that is the same in both. */
export class Runtime {
  readonly log: Log;
  /** What is said of this side in the handshake. */
  readonly hello: Hello;
  readonly #side: Side;
  readonly #options: RuntimeOptions;
  readonly #name: OwnName;
  readonly #hooks: RuntimeHooks;
  readonly #startedMs = performance.now();
  readonly #finished = Promise.withResolvers<void>();
  #worker!: DataWorker;
  #status: StatusServer | undefined;
  readonly #problems = new Problems();
  readonly #state: StateDir | undefined;

  private constructor(
    side: Side,
    options: RuntimeOptions,
    hooks: RuntimeHooks,
    log: Log,
    name: OwnName,
    state: StateDir | undefined,
  ) {
    this.log = log;
    this.#name = name;
    this.#state = state;
    this.hello = {
      version: PROTOCOL_VERSION,
      features: FEATURE.RESUME,
      name: name.name,
      software: `pppoe-proxy/${VERSION}`,
      resumeSecret: side === "client"
        ? state?.identity ?? crypto.getRandomValues(new Uint8Array(RESUME_SECRET_LENGTH))
        : undefined,
    };
    this.#side = side;
    this.#options = options;
    this.#hooks = hooks;
    // Whoever does not look at `finished` has the log.
    this.#finished.promise.catch(() => {});
  }

  /** Opens the link, then the status. */
  static async start(
    side: Side,
    options: RuntimeOptions,
    hooks: RuntimeHooks,
    own: OwnOptions = {},
  ): Promise<Runtime> {
    const log = options.log ?? createLog({ level: "info", format: "text" });
    const name = nameOf(options);
    const state = options.stateDir === undefined ? undefined : await StateDir.open(
      options.stateDir,
      { mode: side, interfaceName: options.interface, log },
    );
    const mode = new Runtime(side, options, hooks, log, name, state);
    try {
      await mode.#start(own);
    } catch (error) {
      await state?.close();
      throw error;
    }
    return mode;
  }

  async #start({ tags, maxHeld }: OwnOptions): Promise<void> {
    const options = this.#options;
    const { log } = this;
    const hooks = this.#hooks;
    const side = this.#side;
    this.#worker = await DataWorker.start({
      side,
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
      failed: (error) => {
        log.error(error.message);
        this.#finished.reject(error);
        hooks.failed();
      },
    });
    // An older peer is told no name.
    if (this.#name.fault !== undefined && !options.legacy) {
      log.warning(`The machine's host name ${this.#name.fault}; --name sets another one`, {
        name: this.#name.name,
      });
    }
    try {
      if (options.status !== undefined) {
        this.#status = serveStatus(options.status, () => this.status(), () => this.healthy, log);
      }
    } catch (error) {
      // What an earlier run has left is for one that starts.
      await this.#worker.stop(this.keepsSessions);
      throw error;
    }
    // Not before: a start that fails must not make what is owed wait for another grace time.
    await this.#state?.alive();
  }

  #heard(event: DataPlaneEvent): void {
    const line = describeEvent(event);
    if (line !== undefined) this.log[line.level](line.message, line.fields);
    switch (event.type) {
      case "problem":
        return this.#problems.meet(event.problem, performance.now(), Date.now());
      case "tunnel-up":
        return this.#hooks.tunnelUp();
      case "tunnel-down":
        return this.#hooks.tunnelEnded(event.id, event.reason, event.goodbye);
      case "held":
        return this.#hooks.held(event.peer, event.sessions);
    }
  }

  get worker(): DataWorker {
    return this.#worker;
  }

  #kept(): KeptState | undefined {
    const state = this.#state;
    if (state === undefined) return undefined;
    const { path, segment, nextSerial, owed: undelivered, away, identity: secret, silentMs = 0 } =
      state;
    const sessions = state.sessions.map((session) =>
      this.#hooks.knows(session.peer) ? session : { ...session, peer: "" }
    );
    return { path, segment, nextSerial, undelivered, away, secret, silentMs, sessions };
  }

  /** Resolves when it has stopped; rejects when it can't go on. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Where the status is served; undefined where it is not. */
  get statusAddress(): Endpoint | undefined {
    return this.#status?.address;
  }

  /** Whether the mode does its job. */
  get healthy(): boolean {
    return this.#worker.linkState === "up" && this.#hooks.healthy();
  }

  async status(): Promise<Status> {
    const snapshot = await this.#worker.snapshot();
    return {
      mode: this.#side,
      version: VERSION,
      uptimeSeconds: Math.floor((performance.now() - this.#startedMs) / 1000),
      interface: this.#options.interface,
      interfaceState: this.#worker.linkState,
      healthy: this.healthy,
      problems: this.#problems.list(performance.now()),
      reconnects: this.#hooks.reconnects(),
      tunnels: this.#hooks.tunnels(snapshot.tunnels),
      sessions: snapshot.sessions,
      ...this.#worker.counters(),
    };
  }

  /** Whether a stop can leave the sessions to the next run. */
  get keepsSessions(): boolean {
    return this.#options.stateDir !== undefined && this.#options.graceMs !== 0;
  }

  /** Takes what can change while it runs. */
  reload({ debug = false, limits = {} }: Pick<RuntimeOptions, "debug" | "limits">): void {
    this.#worker.reload({ debug, limits });
  }

  async stop(keep = false): Promise<void> {
    const state = this.#state;
    const lost = keep && state !== undefined && !await state.isThere();
    if (lost) this.log.error(`Sessions are closed, since ${state.path} is gone`);
    await Promise.all([this.#worker.stop(keep && !lost), this.#status?.close()]);
    await this.#state?.close();
    this.#finished.resolve();
  }
}

function nameOf({ name, interface: interfaceName }: RuntimeOptions): OwnName {
  if (name === undefined) {
    // A start on an interface that is not there fails, by any name.
    const mac = readInterface(interfaceName)?.mac ?? new Uint8Array(ETH_ALEN);
    return defaultName(Deno.hostname(), mac);
  }
  const fault = nameFault(name);
  if (fault === undefined) return { name, fault };
  throw new ConfigurationError(`Cannot start: the name that was given (--name) ${fault}`);
}
