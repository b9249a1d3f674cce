// The interface of a client and of a server to the program that embeds them.

import type { Endpoint } from "./net/endpoint.ts";
import { logLine } from "./observe/log_lines.ts";
import type { Status } from "./observe/status.ts";
import type { Runtime, RuntimeOptions } from "./runtime.ts";

/** A running client or server. */
export abstract class RunningSide {
  readonly #runtime: Runtime;
  #stopping: Promise<void> | undefined;

  /**
   * Wraps a runtime, which may not have been started yet.
   *
   * @ignore
   */
  protected constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** The address on which the status is served over TCP; undefined if it is not. */
  get statusAddress(): Endpoint | undefined {
    return this.#runtime.statusAddress;
  }

  /** The path of the unix socket on which the status is served; undefined if there is none. */
  get statusSocket(): string | undefined {
    return this.#runtime.statusSocket;
  }

  /** A promise that resolves when the side has stopped, and rejects if it cannot go on. */
  get finished(): Promise<void> {
    return this.#runtime.finished;
  }

  /** True if a stop can leave the sessions to the next run. */
  get keepsSessions(): boolean {
    return this.#runtime.keepsSessions;
  }

  /** True once {@linkcode stop} was called. */
  protected get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /**
   * Describes the current state of the side.
   *
   * @returns The status
   */
  status(): Promise<Status> {
    return this.#runtime.status();
  }

  /**
   * Applies new values of `limits` and `debug`. All other options need a restart.
   *
   * @param options The new values; missing ones get their defaults
   */
  reload(options: Pick<RuntimeOptions, "limits" | "debug">): void {
    this.#runtime.reload(options);
  }

  /**
   * Stops within 2 s: closes every session on both sides, or leaves them to the next run, and says goodbye
   * to the peers.
   *
   * @param options With `keepSessions`, the sessions are left to the next run
   * @returns A promise that resolves when the side has stopped
   * @throws {Error} If `keepSessions` is set, but there is no state directory
   */
  stop({ keepSessions = false }: { keepSessions?: boolean } = {}): Promise<void> {
    if (keepSessions && !this.keepsSessions) {
      return Promise.reject(new Error("Cannot keep the sessions: there is no state directory"));
    }
    this.#stopping ??= this.#stop(keepSessions);
    return this.#stopping;
  }

  /** Ends the part that makes new tunnels. */
  protected abstract end(): void | Promise<void>;

  async #stop(keepSessions: boolean): Promise<void> {
    const ended = this.end();
    await this.#runtime.stop(keepSessions);
    await ended;
    logLine(this.#runtime.log, "stopped", {});
  }
}
