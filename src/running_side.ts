// The interface of a client and of a server to the program that embeds them.

import type { Endpoint } from "./net/endpoint.ts";
import type { Status } from "./observe/status.ts";
import type { Runtime, RuntimeOptions } from "./runtime.ts";

/** A client or a server that runs. */
export abstract class RunningSide {
  readonly #runtime: Runtime;
  #stopping: Promise<void> | undefined;

  /**
   * Stands before a runtime, which may not have been started yet.
   *
   * @ignore
   */
  protected constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** The address that the status is served on; undefined where it is not served. */
  get statusAddress(): Endpoint | undefined {
    return this.#runtime.statusAddress;
  }

  /** Resolves when the side has stopped; rejects when it can't go on. */
  get finished(): Promise<void> {
    return this.#runtime.finished;
  }

  /** True where a stop can leave the sessions to the next run. */
  get keepsSessions(): boolean {
    return this.#runtime.keepsSessions;
  }

  /** True once {@linkcode stop} was called. */
  protected get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /**
   * Describes what the side is doing.
   *
   * @returns The status, all of one moment
   */
  status(): Promise<Status> {
    return this.#runtime.status();
  }

  /**
   * Takes new values of `limits` and `debug`; everything else needs another start.
   *
   * @param options The new values; what is missing gets its default
   */
  reload(options: Pick<RuntimeOptions, "limits" | "debug">): void {
    this.#runtime.reload(options);
  }

  /**
   * Ends, within 2 s: closes every session on both sides, or leaves them to the next run, and says
   * goodbye to the peers.
   *
   * @param how With `keepSessions`, the sessions are left to the next run
   * @throws {Error} If `keepSessions` is set, and there is no state directory to keep them in.
   */
  stop({ keepSessions = false }: { keepSessions?: boolean } = {}): Promise<void> {
    if (keepSessions && !this.keepsSessions) {
      return Promise.reject(new Error("Cannot keep the sessions: there is no state directory"));
    }
    this.#stopping ??= this.#stop(keepSessions);
    return this.#stopping;
  }

  /** Ends what makes new tunnels. */
  protected abstract end(): void | Promise<void>;

  async #stop(keepSessions: boolean): Promise<void> {
    const ended = this.end();
    await this.#runtime.stop(keepSessions);
    await ended;
    this.#runtime.log.info("Stopped");
  }
}
