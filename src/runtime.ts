// The part that client and server have in common: options, state directory, data worker, status.
//
// Everything is built before anything is started. A side first makes its `Runtime` and claims the interface,
// then makes its other parts, and only then calls `start` with its hooks, so no hook sees an object that does
// not exist yet. The start has five steps: `claim` is the first, and `start` has the others. Each depends on
// those before it:
//
//     1. the claim             comes before anything that a second side on the interface could disturb
//     2. the state directory   has the sessions of an earlier run
//     3. the data worker       opens the link and restores the sessions; from now on it calls hooks
//     4. the status            is served, because everything that it shows exists by now
//     5. the sign of life      comes last: a failed start must not delay the PADTs of the last run
//
// The data worker may die at any time from step 3 on. If it does during the start, the start fails with its
// error, and everything that was opened is closed. If it dies after the start, `finished` rejects.

import { descriptorLimit, readInterface, readSystemFile } from "../ffi/mod.ts";
import { CaptureControl } from "./capture/control.ts";
import type { CaptureOptions } from "./capture/capture.ts";
import { type ClaimFacts, InterfaceClaim } from "./claim/mod.ts";
import { directoryOf } from "./files/secret_file.ts";
import { ConfigurationError } from "./configuration_error.ts";
import { DataWorker } from "./dataplane/data_worker.ts";
import type { KeptState, Totals } from "./dataplane/messages.ts";
import { MachineWatch } from "./health/machine_watch.ts";
import { createLog, type Log } from "./observe/log.ts";
import { BudgetedLog } from "./observe/log_budget.ts";
import { describeEvent } from "./observe/event_log.ts";
import type { DataPlaneEvent } from "./observe/events.ts";
import { apiRoutes } from "./observe/api.ts";
import type { Control, ControlResult } from "./observe/control.ts";
import { EventHub } from "./observe/event_hub.ts";
import { listenLocally } from "./observe/local_socket.ts";
import { logLine, writeLine } from "./observe/log_lines.ts";
import { type ProblemChange, Problems } from "./observe/problems.ts";
import { parseProcessUsage, type ProcessUsage } from "./observe/process_usage.ts";
import type { KeyStatus, Status, StatusSummary, TunnelStatus } from "./observe/status.ts";
import { serveStatus, serveUnix, type StatusServer } from "./observe/status_server.ts";
import type { AddedTags, Limits, MacMode } from "./relay/mod.ts";
import { linkDown, type Problem, type ProblemId } from "./problem.ts";
import type { Side } from "./side.ts";
import { defaultName, nameFault, type OwnName } from "./own_name.ts";
import { StateDir } from "./state/mod.ts";
import { type Endpoint, formatEndpoint } from "./net/endpoint.ts";
import { formatUnix, type UnixAddress } from "./net/unix_address.ts";
import type { TunnelCause } from "./tunnel_cause.ts";
import { VERSION } from "./version.ts";
import { formatHex } from "./wire/text.ts";
import { ETH_ALEN, FEATURE, type Hello, RESUME_SECRET_LENGTH } from "./wire/mod.ts";
import { CHANNEL_SIZES } from "./tunnel/channel.ts";
import { PROTOCOL_VERSION } from "./tunnel/handshake_machine.ts";

/** Options of both sides. */
export interface RuntimeOptions {
  /** The name of the Ethernet interface to capture on and to inject into. */
  interface: string;
  /** The addresses that the stations on the link see; by default the interface's own address. */
  mac?: MacMode;
  /**
   * The name of this side, 1 to 64 bytes of printable UTF-8; by default the machine's host name, with
   * `-server` behind it at a server, or one made from the interface's address if the host name cannot be used.
   */
  name?: string;
  /**
   * The address, or the path of a unix socket, to serve the status on. By default it is served only on a local
   * socket, if there is a directory for it: `$RUNTIME_DIRECTORY`, or `/run/pppoe-proxy` for root.
   */
  status?: Endpoint | UnixAddress;
  /** The token that gives the right to change something over TCP; by default nobody has it. */
  statusToken?: string;
  /** True if the peer knows frame types 0 to 3 only, and no handshake. */
  legacy?: boolean;
  /**
   * The time, in ms, after which a session is closed if one of its stations sends nothing; 4 hours by
   * default. 0 disables it.
   */
  idleTimeoutMs?: number;
  /**
   * The time, in ms, after which a session is closed if a station that used to answer LCP Echo-Requests
   * leaves at least three unanswered, and sends nothing else; 3 minutes by default. 0 disables it.
   */
  deadTimeoutMs?: number;
  /**
   * The time, in ms, for which sessions are held while their peer has no tunnel; 20 s by default. 0 disables
   * it.
   */
  graceMs?: number;
  /**
   * The directory where sessions are kept in case this process is killed; only one process at a time can
   * use it. By default there is none. A write beyond the limit on the size of a file ends the process, unless
   * it has called `surviveFileLimit`.
   */
  stateDir?: string;
  /** Limits on the rate at which hosts dial, and on the sessions of a client. */
  limits?: Partial<Limits>;
  /** The time between two pings, in ms; 5 s by default. */
  pingMs?: number;
  /** The time, in ms, after which a tunnel ends if the peer sends nothing; 15 s by default. */
  tunnelTimeoutMs?: number;
  /**
   * The number of slots in the receive ring for data frames, a power of two; 4096 by default. Each takes
   * 2 KiB of memory that is never swapped, more on a link with a larger MTU.
   */
  ringFrames?: number;
  /** The number of bytes of data that can wait for a congested tunnel; 256 KiB by default. */
  queueBytes?: number;
  /** The maximum number of bytes that are given to a tunnel's socket at once; 64 KiB by default. */
  batchBytes?: number;
  /**
   * The tunnels' TCP congestion control; `system` for the system's default. By default `bbr`; if that is not
   * available, the system's default, with a warning.
   */
  congestion?: string;
  /** A capture of frames to begin with; by default there is none. */
  capture?: CaptureOptions;
  /**
   * The directory for captures that are begun at run time; by default that of `capture`, otherwise `stateDir`,
   * otherwise that of the local socket. Without any of them, there can be none.
   */
  captureDir?: string;
  /** The log; by default text on standard error, from level info. */
  log?: Log;
  /** True to log every discovery frame, at level debug. */
  debug?: boolean;
}

/** The functions of a side that the runtime calls. */
export interface RuntimeHooks {
  tunnelUp(id: number): void;
  tunnelDown(id: number, reason: string, cause: TunnelCause, goodbye?: number): void;
  /** Called with the number of sessions that are held for a peer without a tunnel; 0 if none are left. */
  held(peer: string, sessions: number): void;
  /** Called when addresses or routes of this machine may have changed; a server need not know. */
  networkChanged?(): void;
  /** Called when the data worker has died, so no frames are carried any more. */
  failed(): void;
  /** Returns true if the side does its job, apart from its link. */
  healthy(): boolean;
  reconnects(): number;
  /** Returns true if a peer of an earlier run can come back. */
  knows(peer: string): boolean;
  /** Returns the tunnels for the status, made from those that are up. */
  tunnels(up: TunnelStatus[]): TunnelStatus[];
  /** Returns the keys for the status; only a server with keys has them. */
  keys?(): KeyStatus[] | undefined;
  /** Called about once a second, with the time of a monotonic clock in ms. */
  tick?(nowMs: number): void;
  /** Returns the fields of the status that only this side has. */
  ofSide?(): Pick<Status, "handshakes" | "refused">;
}

/** Options of the data plane that only a server has. */
export interface ServerPlaneOptions {
  /** The tags to add to PADI and PADR. */
  tags?: AddedTags;
  /** The number of clients for which sessions are held. */
  maxHeld?: number;
}

/** The part of a running side that client and server have in common. */
export class Runtime {
  readonly log: Log;
  readonly #budgeted: BudgetedLog;
  readonly #side: Side;
  readonly #options: RuntimeOptions;
  readonly #name: OwnName;
  readonly #startedMs = performance.now();
  readonly #startSeconds = Math.round(Date.now() / 1000);
  readonly #finished = Promise.withResolvers<void>();
  /** Set when the start begins. */
  #hooks!: RuntimeHooks;
  readonly #problems = new Problems((change) => this.#problemChanged(change));
  readonly #machine: MachineWatch;
  /** The timer that looks for problems, and ends those that were not met for a while. */
  #problemTimer: ReturnType<typeof setInterval> | undefined;
  /** The secret by which a returning client proves its identity. */
  #secret: Uint8Array = crypto.getRandomValues(new Uint8Array(RESUME_SECRET_LENGTH));
  #claim: InterfaceClaim | undefined;
  #state: StateDir | undefined;
  #worker: DataWorker | undefined;
  readonly #events: EventHub;
  /** The status server of the operator, and that of the local socket. */
  #statusServers: StatusServer[] = [];
  readonly #captures: CaptureControl;
  #isUp = false;
  #isStopping = false;

  /**
   * Builds a runtime; nothing is opened.
   *
   * @param side The side
   * @param options The side's options
   * @throws {ConfigurationError} If the name in the options cannot be used
   */
  constructor(side: Side, options: RuntimeOptions) {
    this.log = this.#budgeted = new BudgetedLog(
      options.log ?? createLog({ level: "info", format: "text" }),
    );
    this.#side = side;
    this.#options = options;
    this.#name = nameOf(side, options);
    this.#events = new EventHub({
      summary: () => this.summary(),
      // A worker that does not answer has died, which ends the side, or answers the next time.
      failed: () => {},
    });
    this.#captures = this.#makeCaptures();
    this.#machine = new MachineWatch(side, options.interface, {
      problem: (problem) => this.problem(problem),
      solved: (id, subject) => this.solved(id, subject),
      met: (problem) => this.#problems.meet(problem, performance.now(), Date.now()),
    });
    // A caller that ignores `finished` still has the log.
    this.#finished.promise.catch(() => {});
  }

  /**
   * Claims the interface, so that no second one of this side starts there. To be called before `start`, and
   * before the side opens anything.
   *
   * @throws {ConfigurationError} If another one of this side uses the interface
   */
  async claim(): Promise<void> {
    const { log } = this;
    this.#claim = await InterfaceClaim.take({
      side: this.#side,
      interface: this.#options.interface,
      facts: () => this.#facts(),
      log,
    });
  }

  /** Gives the claim up, if the side cannot call `start`. */
  async release(): Promise<void> {
    await this.#claim?.release();
  }

  /**
   * Opens the state directory and the link, then serves the status.
   *
   * @param hooks The hooks of the side, which must be complete by now
   * @param own Options that only a server has
   * @throws {Error} If a step fails; everything that was opened is closed again
   */
  async start(hooks: RuntimeHooks, own: ServerPlaneOptions = {}): Promise<void> {
    this.#hooks = hooks;
    try {
      await this.#openState();
      await this.#startWorker(own);
      this.#warnOfName();
      await this.#serveStatus();
      this.#problemTimer = setInterval(() => this.#tick(performance.now()), TICK_MS);
      Deno.unrefTimer(this.#problemTimer);
      await Promise.race([this.#finished.promise, this.#state?.alive()]);
      this.#isUp = true;
    } catch (error) {
      clearInterval(this.#problemTimer);
      // The sessions of an earlier run are left for the next start.
      await Promise.all([this.#worker?.stop(this.keepsSessions), this.#closeStatus()]);
      await this.#captures.stop();
      await this.#state?.close();
      await this.release();
      throw error;
    }
  }

  #tick(nowMs: number): void {
    this.#problems.expire(nowMs);
    this.#machine.tick(nowMs);
    this.#hooks.tick?.(nowMs);
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
    const { file, ...how } = options.capture ?? {};
    const capture = file === undefined ? undefined : await this.#captures.begin({ file, ...how });
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
      capture,
      state: this.#kept(),
    }, {
      event: (event) => this.#heard(event),
      warn: (warning) => logLine(log, "congestion-control", { warning }),
      captured: () => this.#captures.captured(),
      segment: (segment) => void this.#state?.compacted(segment),
      failed: (error) => this.#workerDied(error),
    });
    this.#captures.attach(this.#worker);
  }

  #makeCaptures(): CaptureControl {
    const { capture = {}, captureDir, stateDir, interface: name } = this.#options;
    const { file, maxBytes, secrets = false } = capture;
    const side = this.#side;
    return new CaptureControl({
      directory: captureDir ?? (file === undefined ? stateDir : directoryOf(file)),
      defaultName: `${side}-${name.replaceAll(/[^\w.-]/g, "_")}.pcapng`,
      secrets,
      maxBytes,
      facts: {
        interface: name,
        application: `pppoe-proxy/${VERSION}`,
        comment: `The ${side} ${this.#name.name}`,
      },
      log: this.log,
    });
  }

  #heard(event: DataPlaneEvent): void {
    const line = describeEvent(event);
    if (line !== undefined) writeLine(this.log, line);
    this.#events.publish(event);
    switch (event.type) {
      case "link":
        return this.#linkChanged(event);
      case "problem":
        return this.#problems.meet(event.problem, performance.now(), Date.now(), event.lastsMs);
      case "problem-begun":
        return this.problem(event.problem);
      case "problem-ended":
        return this.solved(event.id, event.subject);
      case "tunnel-up":
        return this.#hooks.tunnelUp(event.id);
      case "tunnel-down":
        return this.#hooks.tunnelDown(event.id, event.reason, event.cause, event.goodbye);
      case "held":
        return this.#hooks.held(event.peer, event.sessions);
      case "network-changed":
        return this.#hooks.networkChanged?.();
    }
  }

  #linkChanged({ name, state, reason }: DataPlaneEvent & { type: "link" }): void {
    if (state === "up") return this.solved("link-down");
    this.problem(linkDown(name, state === "missing", reason));
  }

  /** Adds a problem that lasts until {@linkcode solved}, or changes its words. */
  problem(problem: Problem): void {
    this.#problems.begin(problem, performance.now(), Date.now());
  }

  /** Ends a problem; without a subject, all of its kind. */
  solved(id: ProblemId, subject?: string): void {
    this.#problems.end(id, subject, performance.now());
  }

  #problemChanged({ began, problem, seconds }: ProblemChange): void {
    // A problem that ends because this side stops is not solved.
    if (this.#isStopping) return;
    const { id, what, advice } = problem;
    if (!UNLOGGED.has(id)) {
      if (began) logLine(this.log, "problem", { what, advice, problem: id });
      else logLine(this.log, "problem-solved", { what, problem: id, seconds });
    }
    this.#events.publishProblem({ began, problem, seconds });
    this.#worker?.tellProblems(this.#problems.list(performance.now()).map(({ id }) => id));
  }

  // Reports the death of the worker. During the start, the caller gets the error instead of the log.
  #workerDied(error: Error): void {
    if (this.#isUp) logLine(this.log, "worker-died", { reason: error.message });
    this.#finished.reject(error);
    this.#hooks.failed();
  }

  #warnOfName(): void {
    const { name, fault } = this.#name;
    // An older peer does not learn the name.
    if (fault === undefined || this.#options.legacy) return;
    logLine(this.log, "host-name-unusable", { fault, name });
  }

  async #serveStatus(): Promise<void> {
    const { status, statusToken: token, interface: interfaceName } = this.#options;
    const { log } = this;
    const routes = apiRoutes({
      status: () => this.status(),
      summary: () => this.summary(),
      sessions: (query) => this.worker.sessions(query),
      healthy: () => this.healthy,
      problems: () => this.#problems.list(performance.now()),
      drops: () => this.worker.drops,
      process: () => ({ startSeconds: this.#startSeconds, usage: processUsage() }),
      control: (control) => this.#control(control),
      capture: this.#captures,
    }, this.#events);
    const connections = statusConnections(descriptorLimit());
    const options = { routes, token, log, limits: { connections } };
    if (status !== undefined) this.#statusServers.push(await serveStatus(status, options));
    if (this.statusSocket !== undefined) return;
    const local = await listenLocally(this.#side, interfaceName);
    if ("reason" in local) logLine(log, "local-socket-missing", { reason: local.reason });
    else {
      const server = serveUnix(local.listener, options);
      this.#statusServers.push(server);
      if (this.statusSocket !== undefined) {
        this.#captures.useRuntimeDirectory(directoryOf(this.statusSocket));
      }
      logLine(log, "local-socket-served", { path: this.statusSocket });
    }
  }

  async #control(control: Control): Promise<ControlResult> {
    const result = await this.worker.control(control);
    // A session that was closed has a line of its own.
    if ("done" in result && result.done === "sent") {
      const { id, ac, host } = result;
      logLine(this.log, "padt-sent", { id: formatHex(id, 4), ac, host });
    }
    return result;
  }

  async #closeStatus(): Promise<void> {
    this.#events.close();
    await Promise.all(this.#statusServers.map((server) => server.close()));
  }

  #facts(): ClaimFacts {
    const { statusAddress, statusSocket } = this;
    const { status } = this.#options;
    return {
      version: VERSION,
      name: this.#name.name,
      status: statusAddress !== undefined
        ? formatEndpoint(statusAddress)
        : status !== undefined && statusSocket !== undefined
        ? formatUnix({ path: statusSocket })
        : null,
      socket: statusSocket ?? null,
    };
  }

  #kept(): KeptState | undefined {
    const state = this.#state;
    if (state === undefined) return undefined;
    const { path, segment, nextSerial, undelivered, away, identity: secret, silentMs = 0 } = state;
    const { clockOffsetMs } = state;
    const sessions = state.sessions.map((session) =>
      this.#hooks.knows(session.peer) ? session : { ...session, peer: "" }
    );
    const times = { away, silentMs, clockOffsetMs };
    return { path, segment, nextSerial, undelivered, secret, sessions, ...times };
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

  /** The data worker, which exists once it has been started. */
  get worker(): DataWorker {
    if (this.#worker === undefined) throw new Error("The data worker has not been started yet");
    return this.#worker;
  }

  /** A promise that resolves when the runtime has stopped, and rejects if it cannot go on. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** The address on which the status is served over TCP; undefined if it is not. */
  get statusAddress(): Endpoint | undefined {
    return this.#statusServers.map(({ address }) => address).find((address) => "port" in address);
  }

  /** The path of the unix socket on which the status is served; undefined if there is none. */
  get statusSocket(): string | undefined {
    return this.#statusServers.map(({ address }) => address).find((address) => "path" in address)
      ?.path;
  }

  /** True while the side does its job. */
  get healthy(): boolean {
    return this.#isUp && this.worker.linkState === "up" && this.#hooks.healthy() &&
      !this.#problems.list(performance.now()).some(({ blocks }) => blocks);
  }

  /** Describes the current state of the side. */
  async status(): Promise<Status> {
    const { sessions, ...totals } = await this.worker.snapshot();
    return { ...this.#describe(totals), sessions };
  }

  /** Describes the current state of the side without its sessions. */
  async summary(): Promise<StatusSummary> {
    return this.#describe(await this.worker.totals());
  }

  #describe({ tunnels, sessionCounts, counters, balance, dials }: Totals): StatusSummary {
    const { worker } = this;
    return {
      mode: this.#side,
      version: VERSION,
      uptimeSeconds: Math.floor((performance.now() - this.#startedMs) / 1000),
      interface: this.#options.interface,
      interfaceState: worker.linkState,
      interfaceReason: worker.linkReason,
      healthy: this.healthy,
      problems: this.#problems.list(performance.now()),
      reconnects: this.#hooks.reconnects(),
      tunnels: this.#hooks.tunnels(tunnels),
      keys: this.#hooks.keys?.(),
      sessionCounts,
      ...counters,
      dials,
      balance,
      ...this.#hooks.ofSide?.(),
    };
  }

  /** True if a stop can leave the sessions to the next run. */
  get keepsSessions(): boolean {
    return this.#options.stateDir !== undefined && this.#options.graceMs !== 0;
  }

  /** Applies new values of the options that can change at run time. */
  reload({ debug = false, limits = {} }: Pick<RuntimeOptions, "debug" | "limits">): void {
    this.worker.reload({ debug, limits });
  }

  /** Stops the worker and the status; with `keep`, the sessions are left to the next run. */
  async stop(keep = false): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#problemTimer);
    this.#claim?.stopping();
    const state = this.#state;
    const lost = keep && state !== undefined && !await state.exists();
    if (lost) logLine(this.log, "state-dir-gone", { path: state.path });
    await Promise.all([this.worker.stop(keep && !lost), this.#closeStatus()]);
    await this.#captures.stop();
    await state?.close();
    await this.release();
    this.#budgeted.report();
    this.#finished.resolve();
  }
}

/** The time between two looks for problems. */
const TICK_MS = 1000;

/** The problems without a line in the log: one has lines of its own, and the other is what the operator wants. */
const UNLOGGED: ReadonlySet<ProblemId> = new Set(["link-down", "bandwidth"]);

/** Returns the number of connections to the status, which leaves most descriptors to the tunnels. */
function statusConnections(descriptors: number): number {
  return Math.min(64, Math.max(4, Math.floor(descriptors / 16)));
}

// Returns what this process uses, unless there is no /proc.
function processUsage(): ProcessUsage | undefined {
  try {
    return parseProcessUsage(readSystemFile("/proc/self/stat"));
  } catch {
    return undefined;
  }
}

function nameOf(side: Side, { name, interface: interfaceName }: RuntimeOptions): OwnName {
  if (name === undefined) {
    // If the interface does not exist, the start fails later anyway.
    const mac = readInterface(interfaceName)?.mac ?? new Uint8Array(ETH_ALEN);
    return defaultName(side, Deno.hostname(), mac);
  }
  const fault = nameFault(name);
  if (fault === undefined) return { name, fault };
  throw new ConfigurationError(`Cannot start: the given name (--name) ${fault}`);
}
