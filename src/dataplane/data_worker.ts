// The main thread's end of the data worker.

import {
  admitNewConnections,
  closeInOrder,
  EventFd,
  findSocket,
  muteSocket,
  setTunnelOptions,
  type TlsConnection,
} from "../../ffi/mod.ts";
import { type ProblemId, PROBLEMS } from "../problem.ts";
import type { CaptureHandover } from "../capture/recorder.ts";
import { DialCounts, type DialValues, type Limits } from "../relay/mod.ts";
import type { LinkState } from "../link/device.ts";
import type { Control, ControlResult, SessionPage, SessionQuery } from "../observe/control.ts";
import { Counters } from "../observe/counters.ts";
import type { DataPlaneEvent } from "../observe/events.ts";
import type { CounterValues, SessionStatus } from "../observe/status.ts";
import { CongestionControl } from "../transport/congestion.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { ConfigurationError } from "../configuration_error.ts";
import type { FromWorker, PlaneOptions, Totals, ToWorker, TunnelLimits } from "./messages.ts";
import type { TunnelCause } from "../tunnel_cause.ts";

/** The hooks of a data worker's owner. */
export interface DataWorkerHooks {
  /** Called when something has happened in the data plane. */
  event(event: DataPlaneEvent): void;
  /** Called when the operator should know something about the tunnels' congestion control. */
  warn(message: string): void;
  /** Called when a capture has new blocks in its ring. */
  captured(): void;
  /** Called when a segment of the journal is full. */
  segment(segment: number): void;
  /** Called when the worker has died, so no frames are carried any more. */
  failed(error: Error): void;
}

/** The time within which the worker must send the next part of a snapshot. */
const SNAPSHOT_MS = 1000;

/**
 * The factor between the time without a byte from the peer that ends a tunnel, and the kernel's limit.
 *
 * The kernel counts from the first loss of a recovery, even if acknowledgements advance all the time, so that
 * it would end a busy tunnel over a path that often loses packets. Pings notice a dead path at both ends, so
 * that the limit only catches the rest.
 */
const KERNEL_PATIENCE = 4;

/** The time that a stop may take before the worker is terminated. */
const STOP_MS = 1500;

/** The whole status of the data plane. Thousands of sessions are described over several turns. */
export interface Snapshot extends Totals {
  sessions: SessionStatus[];
}

interface SnapshotRequest {
  readonly request: number;
  /** The sessions that have arrived so far. */
  readonly sessions: SessionStatus[];
  readonly done: PromiseWithResolvers<Snapshot>;
  /** Rejects `done` when the worker has been silent for too long. */
  timer: ReturnType<typeof setTimeout>;
}

/** A question other than one for a snapshot. */
interface Question {
  readonly answered: PromiseWithResolvers<unknown>;
  /** The time that the answer may take, in ms, since this or another one. */
  readonly patienceMs: number;
  /** Rejects `answered` when the worker has been silent for too long. */
  timer: ReturnType<typeof setTimeout>;
}

/** The data worker, as the main thread sees it: the data plane on a thread of its own. */
export class DataWorker {
  readonly #worker: Worker;
  readonly #options: PlaneOptions;
  readonly #hooks: DataWorkerHooks;
  readonly #congestion: CongestionControl;
  readonly #counters = new Counters();
  readonly #posted = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  /** The connections of the tunnels, with those of TLS within them, by the tunnels' ids. */
  readonly #conns = new Map<number, { conn: Deno.TcpConn; tls?: TlsConnection }>();
  /** The snapshot that the worker is taking, and one more for every caller that has asked since. */
  #snapshot: SnapshotRequest | undefined;
  #nextSnapshot: Promise<Snapshot> | undefined;
  /** The other questions that the worker has not answered yet, by their numbers. */
  readonly #questions = new Map<number, Question>();
  readonly #started = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #wake = EventFd.open();
  /** The counts of dials in the last snapshot. */
  #dials: DialValues = new DialCounts().read();
  /** Resolves when a capture has begun or ended. */
  #captureChanged: PromiseWithResolvers<void> | undefined;
  #linkState: LinkState = "down";
  #linkReason: string | undefined;
  /** The codes of the problems of which the peers know. */
  #codes: number[] = [];
  #requests = 0;
  #ids = 0;
  #over = false;

  private constructor(
    options: PlaneOptions,
    hooks: DataWorkerHooks,
    congestion: CongestionControl,
  ) {
    this.#options = options;
    this.#hooks = hooks;
    this.#congestion = congestion;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker[]>) => {
      for (const message of data) this.#handle(message);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new Error(`The data worker died: ${event.message}`));
    };
    this.#post({
      type: "start",
      options,
      counters: this.#counters.buffer,
      posted: this.#posted.buffer as SharedArrayBuffer,
      wakeFd: this.#wake.fd,
    });
  }

  /**
   * Starts the worker and opens the link in it.
   *
   * @param options The options of the data plane
   * @param hooks The owner's hooks
   * @returns The worker, once its link is open
   * @throws {Error} If the link cannot be opened, or the congestion control is not available
   */
  static async start(options: PlaneOptions, hooks: DataWorkerHooks): Promise<DataWorker> {
    const congestion = new CongestionControl(
      options.congestion,
      (message) => hooks.warn(message),
    );
    const choice = congestion.choose();
    const worker = new DataWorker(options, hooks, congestion);
    await worker.#started.promise;
    congestion.warn(choice);
    return worker;
  }

  /** The state of the link's interface. */
  get linkState(): LinkState {
    return this.#linkState;
  }

  /** The reason why the interface is down, with the remedy; undefined if it is not down. */
  get linkReason(): string | undefined {
    return this.#linkReason;
  }

  /**
   * Gives a connection to the worker, which from now on drives its descriptor. The connection object stays
   * open and unused until the worker has released it, because closing it would shut down the socket.
   *
   * @param conn The connection
   * @param tunnel The result of the handshake, and the peer's address if that is not the connection's
   * @returns The tunnel's id
   * @throws {Error} If the connection is already gone, or the worker has ended. The caller then closes
   * the connection, and frees that of TLS.
   */
  addTunnel(
    conn: Deno.TcpConn,
    { source, tls, ...tunnel }: {
      peer: string | undefined;
      name: string;
      legacy: boolean;
      received: Uint8Array;
      /** The address of the peer, if the connection comes from a proxy. */
      source?: Endpoint;
      /** The connection of TLS within it, which the worker drives as well, and this object frees. */
      tls?: TlsConnection;
    } & TunnelLimits,
  ): number {
    if (this.#over) throw new Error("Cannot carry a tunnel: the data worker has ended");
    const local = conn.localAddr as Deno.NetAddr;
    const far = conn.remoteAddr as Deno.NetAddr;
    const fd = findSocket(local, far);
    const congestion = this.#congestion.choose();
    this.#congestion.warn(congestion);
    setTunnelOptions(fd, {
      // An older peer rarely sends pings.
      userTimeoutMs: this.#options.tunnelDeadMs * (tunnel.legacy ? 1 : KERNEL_PATIENCE),
      notsentLowat: this.#options.batchBytes,
      congestion: congestion.name,
    });
    // Options that a listener hands down in a flood.
    closeInOrder(fd);
    admitNewConnections(fd);
    muteSocket(fd);
    const id = ++this.#ids;
    this.#conns.set(id, { conn, tls });
    const peer = source ?? far;
    const endpoint = formatEndpoint(peer);
    const addresses = { endpoint, address: peer.hostname, pathAddress: far.hostname };
    this.#post({
      type: "tunnel",
      tunnel: {
        id,
        fd,
        tls: tls && { address: tls.address, kernel: tls.kernel },
        ...addresses,
        ...tunnel,
      },
    });
    return id;
  }

  /**
   * Takes a snapshot of all tunnels and sessions. The worker takes one at a time, however many callers ask;
   * those who ask meanwhile share the next one.
   *
   * @returns The snapshot, which was begun after the call
   */
  snapshot(): Promise<Snapshot> {
    if (this.#snapshot === undefined) return this.#takeSnapshot();
    // The snapshot that is being taken may already have passed something that this caller has just done.
    const after = () => {
      this.#nextSnapshot = undefined;
      return this.#takeSnapshot();
    };
    this.#nextSnapshot ??= this.#snapshot.done.promise.then(after, after);
    return this.#nextSnapshot;
  }

  async #takeSnapshot(): Promise<Snapshot> {
    if (this.#over) return this.#nothing();
    const done = Promise.withResolvers<Snapshot>();
    const request = ++this.#requests;
    const snapshot: SnapshotRequest = { request, sessions: [], done, timer: deadline(done) };
    this.#snapshot = snapshot;
    this.#post({ type: "snapshot", request });
    try {
      return await done.promise;
    } finally {
      clearTimeout(snapshot.timer);
      this.#snapshot = undefined;
    }
  }

  /** Tells the peers of this side's problems, as far as they concern them. */
  tellProblems(ids: readonly ProblemId[]): void {
    const codes = ids.flatMap((id) => {
      const kind = PROBLEMS[id];
      return "code" in kind ? [kind.code] : [];
    });
    const known = [...new Set(codes)].sort((a, b) => a - b);
    if (this.#over || known.join() === this.#codes.join()) return;
    this.#codes = known;
    this.#post({ type: "problems", codes: known });
  }

  /** The number of dropped frames by reason, which needs no answer of the worker. */
  get drops(): CounterValues["drops"] {
    return this.#counters.read().drops;
  }

  /** Describes everything but the sessions, of which there may be thousands. */
  totals(): Promise<Totals> {
    if (this.#over) return Promise.resolve(this.#nothing());
    return this.#ask({ type: "totals" });
  }

  /** Describes some of the sessions. */
  sessions(query: SessionQuery): Promise<SessionPage> {
    if (this.#over) return Promise.resolve({ sessions: [], total: 0, next: null });
    return this.#ask({ type: "sessions", query });
  }

  /**
   * Lets the worker carry out an order of an operator.
   *
   * @param control The order, whose addresses and ids are valid
   * @returns What was done, or why nothing was
   */
  control(control: Control): Promise<ControlResult> {
    const waitMs = control.order === "discover" ? control.waitMs : 0;
    return this.#ask({ type: "control", control }, SNAPSHOT_MS + waitMs);
  }

  async #ask<T>(
    question: { type: "totals" } | { type: "sessions"; query: SessionQuery } | {
      type: "control";
      control: Control;
    },
    patienceMs = SNAPSHOT_MS,
  ): Promise<T> {
    if (this.#over) throw new Error("The data worker has ended");
    const answered = Promise.withResolvers<unknown>();
    const request = ++this.#requests;
    const asked = { answered, patienceMs, timer: deadline(answered, patienceMs) };
    this.#questions.set(request, asked);
    this.#post({ ...question, request });
    try {
      return await answered.promise as T;
    } finally {
      clearTimeout(asked.timer);
      this.#questions.delete(request);
    }
  }

  /** Gives the worker time for the next question: it answers one after the other. */
  #extendDeadlines(): void {
    for (const question of this.#questions.values()) {
      clearTimeout(question.timer);
      question.timer = deadline(question.answered, question.patienceMs);
    }
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return;
    clearTimeout(snapshot.timer);
    snapshot.timer = deadline(snapshot.done);
  }

  /** Applies new values of the options that can change at run time; missing limits get their defaults. */
  reload(options: { debug: boolean; limits: Partial<Limits> }): void {
    this.#post({ type: "reload", ...options });
  }

  /** Begins a capture, whose ring the caller empties; resolves once frames are recorded. */
  captureStart(capture: CaptureHandover): Promise<void> {
    return this.#captureChange({ type: "capture-start", capture });
  }

  /** Ends a capture; resolves once no more blocks follow. */
  captureStop(): Promise<void> {
    return this.#captureChange({ type: "capture-stop" });
  }

  async #captureChange(message: ToWorker): Promise<void> {
    if (this.#over) return;
    const changed = this.#captureChanged ??= Promise.withResolvers<void>();
    this.#post(message);
    await changed.promise;
  }

  /** Closes all sessions of a peer on both sides, then its tunnel; a `tunnel-down` event follows. */
  leave(id: number, peer: string | undefined): void {
    this.#post({ type: "leave", id, peer });
  }

  /** Ends a tunnel unless its peer answers soon; a `tunnel-down` event follows. */
  probe(id: number): void {
    this.#post({ type: "probe", id });
  }

  /**
   * Ends a tunnel; a `tunnel-down` event follows.
   *
   * @param id The tunnel's id
   * @param reason The reason, for the event
   * @param cause The cause, for programs
   * @param code A code of `REASON` if the peer is to be told the reason
   */
  end(id: number, reason: string, cause: TunnelCause, code?: number): void {
    this.#post({ type: "end", id, reason, cause, code });
  }

  /**
   * Closes all sessions of a peer that is no longer allowed on both sides, then its tunnel, and forgets the
   * peer. A `tunnel-down` event follows if there was a tunnel.
   *
   * @param id The tunnel's id; 0 if the peer has none
   * @param peer The peer's key; undefined if it has none
   * @param reason The reason, which the peer is told
   */
  dismiss(id: number, peer: string | undefined, reason: string): void {
    this.#post({ type: "dismiss", id, peer, reason });
  }

  /** Applies new limits to a tunnel; missing ones get their defaults. */
  limit(id: number, limits: TunnelLimits): void {
    this.#post({ type: "limit", id, limits });
  }

  /** Closes all sessions, or keeps them for the next run; says goodbye on each tunnel; ends the worker. */
  async stop(keep = false): Promise<void> {
    if (this.#over) return;
    this.#post({ type: "stop", keep });
    let gone = true;
    const timer = setTimeout(() => {
      gone = false;
      this.#stopped.resolve();
    }, STOP_MS);
    await this.#stopped.promise;
    clearTimeout(timer);
    this.#end(gone);
  }

  /** Ends the worker's current wait, so that a process that exits does not have to wait for its end. */
  wake(): void {
    if (!this.#over) this.#wake.signal();
  }

  #post(message: ToWorker): void {
    if (this.#over) return;
    // Count the message first: a worker that has handled as many messages as were counted sleeps again.
    Atomics.add(this.#posted, 0, 1);
    this.#worker.postMessage(message);
    this.wake();
  }

  #handle(message: FromWorker): void {
    switch (message.type) {
      case "started":
        this.#linkState = message.linkState;
        return this.#started.resolve();
      case "failed":
        this.#end();
        return this.#started.reject(
          message.configuration
            ? new ConfigurationError(message.message)
            : new Error(message.message),
        );
      case "captured":
        return this.#hooks.captured();
      case "capture-changed":
        this.#captureChanged?.resolve();
        this.#captureChanged = undefined;
        return;
      case "segment":
        return this.#hooks.segment(message.segment);
      case "snapshot-part":
      case "snapshot": {
        const snapshot = this.#snapshot;
        if (snapshot?.request !== message.request) return;
        snapshot.sessions.push(...message.sessions);
        this.#extendDeadlines();
        if (message.type === "snapshot") {
          const { tunnels, sessionCounts, counters, balance, dials } = message;
          const { sessions } = snapshot;
          this.#dials = dials;
          snapshot.done.resolve({ tunnels, sessionCounts, counters, balance, dials, sessions });
        }
        return;
      }
      case "answer":
        this.#extendDeadlines();
        return this.#questions.get(message.request)?.answered.resolve(message.answer);
      case "stopped":
        return this.#stopped.resolve();
      case "link":
        this.#linkState = message.state;
        this.#linkReason = message.reason;
        break;
      case "tunnel-down":
        this.#close(message.id);
        break;
    }
    this.#hooks.event(message);
  }

  // Closes a connection that the worker has released.
  #close(id: number): void {
    const { conn, tls } = this.#conns.get(id) ?? {};
    this.#conns.delete(id);
    tls?.free();
    conn?.close();
  }

  #fail(error: Error): void {
    if (this.#over) return;
    // The owner learns of the worker's death before it learns of the ends of its tunnels.
    this.#end(true, () => this.#hooks.failed(error));
    this.#started.reject(error);
    this.#stopped.resolve();
  }

  // A worker that is not gone may still read its eventfd, whose number must then not be reused.
  #end(gone = true, tell: () => void = () => {}): void {
    if (this.#over) return;
    this.wake();
    this.#over = true;
    this.#linkState = "down";
    this.#worker.terminate();
    tell();
    // A connection of TLS stays in memory, because a worker that is not gone may still use it.
    for (const [id, { conn }] of this.#conns) {
      conn.close();
      const reason = "the data worker has ended";
      this.#hooks.event({ type: "tunnel-down", id, reason, cause: "worker-died" });
    }
    this.#conns.clear();
    this.#snapshot?.done.resolve(this.#nothing());
    for (const { answered } of this.#questions.values()) {
      answered.reject(new Error("The data worker has ended"));
    }
    this.#captureChanged?.resolve();
    if (gone) this.#wake.close();
  }

  // The status once the worker has ended: nothing waits any more.
  #nothing(): Snapshot {
    const none = { discovery: 0, session: 0 };
    const balance = this.#counters.balance({ fromLink: none, fromTunnel: none });
    const counters = this.#counters.read();
    const sessionCounts = { open: 0, held: 0 };
    return { tunnels: [], sessions: [], sessionCounts, counters, balance, dials: this.#dials };
  }
}

// Rejects a question when the worker does not answer, so that its callers do not wait forever.
function deadline<T>(
  done: PromiseWithResolvers<T>,
  patienceMs = SNAPSHOT_MS,
): ReturnType<typeof setTimeout> {
  return setTimeout(() => done.reject(new Error("The data worker does not answer")), patienceMs);
}
