// The main thread's end of the data worker.

import { EventFd, findSocket, muteSocket, setTunnelOptions } from "../../ffi/mod.ts";
import type { Limits } from "../relay/mod.ts";
import type { LinkState } from "../link/device.ts";
import { Counters } from "../observe/counters.ts";
import type { DataPlaneEvent } from "../observe/events.ts";
import type { CounterValues, SessionStatus, TunnelStatus } from "../observe/status.ts";
import { CongestionControl } from "../transport/congestion.ts";
import { formatEndpoint } from "../net/endpoint.ts";
import { ConfigurationError } from "../configuration_error.ts";
import type { FromWorker, PlaneOptions, ToWorker } from "./messages.ts";

/** The hooks of a data worker's owner. */
export interface DataWorkerHooks {
  /** Something has happened in the data plane. */
  event(event: DataPlaneEvent): void;
  /** The operator should know this of the tunnels' congestion control. */
  warn(message: string): void;
  /** A segment of the journal is full. */
  segment(segment: number): void;
  /** The worker died; nothing can go on. */
  failed(error: Error): void;
}

/** How long the worker may say nothing when it was asked for a snapshot. */
const SNAPSHOT_MS = 1000;

/** How long a stop may take before the worker is ended anyway. */
const STOP_MS = 1500;

/** All tunnels and sessions; of some thousands not quite of one moment. */
export interface Snapshot {
  tunnels: TunnelStatus[];
  sessions: SessionStatus[];
}

interface SnapshotRequest {
  readonly request: number;
  /** Those that have come so far. */
  readonly sessions: SessionStatus[];
  readonly done: PromiseWithResolvers<Snapshot>;
  /** Rejects it when the worker says nothing for too long. */
  timer: ReturnType<typeof setTimeout>;
}

/** The data plane, on a thread of its own. */
export class DataWorker {
  readonly #worker: Worker;
  readonly #options: PlaneOptions;
  readonly #hooks: DataWorkerHooks;
  readonly #congestion: CongestionControl;
  readonly #counters = new Counters();
  readonly #posted = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #conns = new Map<number, Deno.TcpConn>();
  /** The snapshot that the worker is at, and one more for all who have asked since. */
  #snapshot: SnapshotRequest | undefined;
  #nextSnapshot: Promise<Snapshot> | undefined;
  readonly #started = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #wake = EventFd.open();
  #linkState: LinkState = "down";
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
   * @throws {Error} If the link cannot be opened, or there is no such congestion control.
   */
  static async start(options: PlaneOptions, hooks: DataWorkerHooks): Promise<DataWorker> {
    const congestion = new CongestionControl(
      options.congestion,
      (message) => hooks.warn(message),
    );
    const choice = congestion.choose();
    const worker = new DataWorker(options, hooks, congestion);
    await worker.#started.promise;
    congestion.tell(choice);
    return worker;
  }

  get linkState(): LinkState {
    return this.#linkState;
  }

  /** The counters at this moment. */
  counters(): CounterValues {
    return this.#counters.read();
  }

  /**
   * Gives a connection to the worker, which drives its descriptor from here on. The connection is
   * kept and left alone until the worker has let go: to close it would shut the socket down.
   *
   * @returns The tunnel's id.
   * @throws {Error} If the connection is gone already, or the worker is; it is then the caller's to close.
   */
  addTunnel(
    conn: Deno.TcpConn,
    tunnel: { peer: string | undefined; name: string; legacy: boolean; received: Uint8Array },
  ): number {
    if (this.#over) throw new Error("Cannot carry a tunnel: the data worker has ended");
    const local = conn.localAddr as Deno.NetAddr;
    const far = conn.remoteAddr as Deno.NetAddr;
    const fd = findSocket(local, far);
    const congestion = this.#congestion.choose();
    this.#congestion.tell(congestion);
    setTunnelOptions(fd, {
      userTimeoutMs: this.#options.tunnelDeadMs,
      notsentLowat: this.#options.batchBytes,
      congestion: congestion.name,
    });
    muteSocket(fd);
    const id = ++this.#ids;
    this.#conns.set(id, conn);
    this.#post({
      type: "tunnel",
      tunnel: { id, fd, endpoint: formatEndpoint(far), address: far.hostname, ...tunnel },
    });
    return id;
  }

  /**
   * All tunnels and sessions at this moment, or a later one: however many ask, the worker is at one
   * snapshot at a time.
   */
  snapshot(): Promise<Snapshot> {
    if (this.#snapshot === undefined) return this.#takeSnapshot();
    // What it is at may have passed what this caller has just done.
    const after = () => {
      this.#nextSnapshot = undefined;
      return this.#takeSnapshot();
    };
    this.#nextSnapshot ??= this.#snapshot.done.promise.then(after, after);
    return this.#nextSnapshot;
  }

  async #takeSnapshot(): Promise<Snapshot> {
    if (this.#over) return { tunnels: [], sessions: [] };
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

  /** Changes what can change while it runs; limits that are not given are the default ones. */
  reload(what: { debug: boolean; limits: Partial<Limits> }): void {
    this.#post({ type: "reload", ...what });
  }

  /** Closes all sessions of a peer on both sides, then its tunnel; `tunnelEnded` tells when it is done. */
  leave(id: number, peer: string | undefined): void {
    this.#post({ type: "leave", id, peer });
  }

  /** Closes all sessions unless they are to be kept, says goodbye on each tunnel, and ends the worker. */
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

  /** Ends the worker's present wait, so that a process that exits does not have to sit it out. */
  wake(): void {
    if (!this.#over) this.#wake.signal();
  }

  #post(message: ToWorker): void {
    if (this.#over) return;
    // Counted first: a worker that has handled what was counted goes to sleep again.
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
      case "segment":
        return this.#hooks.segment(message.segment);
      case "snapshot-part":
      case "snapshot": {
        const snapshot = this.#snapshot;
        if (snapshot?.request !== message.request) return;
        snapshot.sessions.push(...message.sessions);
        clearTimeout(snapshot.timer);
        snapshot.timer = deadline(snapshot.done);
        if (message.type === "snapshot") {
          snapshot.done.resolve({ tunnels: message.tunnels, sessions: snapshot.sessions });
        }
        return;
      }
      case "stopped":
        return this.#stopped.resolve();
      case "link":
        this.#linkState = message.state;
        break;
      case "tunnel-down":
        this.#conns.get(message.id)?.close();
        this.#conns.delete(message.id);
        break;
    }
    this.#hooks.event(message);
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#end();
    this.#started.reject(error);
    this.#stopped.resolve();
    this.#hooks.failed(error);
  }

  // A worker that is not gone may still read its eventfd, whose number nobody else is to get.
  #end(gone = true): void {
    if (this.#over) return;
    this.wake();
    this.#over = true;
    this.#linkState = "down";
    this.#worker.terminate();
    for (const [id, conn] of this.#conns) {
      conn.close();
      this.#hooks.event({ type: "tunnel-down", id, reason: "the data worker has ended" });
    }
    this.#conns.clear();
    this.#snapshot?.done.resolve({ tunnels: [], sessions: [] });
    if (gone) this.#wake.close();
  }
}

// A worker that does not answer is not to keep whoever asks.
function deadline(done: PromiseWithResolvers<Snapshot>): ReturnType<typeof setTimeout> {
  return setTimeout(() => done.reject(new Error("The data worker does not answer")), SNAPSHOT_MS);
}
