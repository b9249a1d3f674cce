// The client: beside the hosts. It keeps one tunnel to the server, for ever.
//
// From a host to the server: dataplane/data_plane.ts takes a frame from the link (dataplane/link.ts),
// asks who owns it (relay/relay.ts), and queues it for the tunnel (tunnel/channel.ts). This file makes
// that tunnel: it connects, greets (tunnel/handshake.ts), hands the connection to the data worker
// (dataplane/data_worker.ts), and begins again when it ends.

import { Mode, type ModeOptions } from "./mode.ts";
import type { Status, TunnelStatus } from "./observe/status.ts";
import { backoffMs } from "./tunnel/backoff.ts";
import { connect } from "./tunnel/connect.ts";
import { type Endpoint, formatEndpoint } from "./tunnel/endpoint.ts";
import { greetServer } from "./tunnel/handshake.ts";

/** A tunnel that was up for so long was a good one: the next attempt may come at once. */
const STEADY_MS = 10_000;

/** Options for {@linkcode Client.start}. */
export interface ClientOptions extends ModeOptions {
  /** The server. */
  connect: Endpoint;
}

/**
 * The client mode, running.
 *
 * @example Carry the hosts of one interface
 * ```ts
 * import { Client, listInterfaces } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const [ethernet] = listInterfaces();
 * if (Deno.uid() === 0 && ethernet !== undefined) {
 *   const client = await Client.start({
 *     interface: ethernet,
 *     connect: { hostname: "127.0.0.1", port: 8000 },
 *   });
 *   assertEquals((await client.status()).mode, "client");
 *   await client.stop();
 * }
 * ```
 */
export class Client {
  readonly #mode: Mode;
  readonly #options: ClientOptions;
  readonly #abort = new AbortController();
  #state: "connecting" | "up" | "waiting" = "connecting";
  #serverName = "";
  #connected = 0;
  #ended: (reason: string) => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  private constructor(options: ClientOptions, mode: Mode) {
    this.#options = options;
    this.#mode = mode;
  }

  /**
   * Starts a client: opens the interface, then goes on connecting until it is stopped.
   *
   * @throws {Error} If the interface or the status address cannot be had.
   */
  static async start(options: ClientOptions): Promise<Client> {
    const mode: Mode = await Mode.start("client", options, {
      // Not before the worker has it: until then a host's frames have nowhere to go.
      tunnelUp: () => client.#state = "up",
      tunnelEnded: (_id, reason) => {
        client.#state = "waiting";
        client.#ended(reason);
      },
      failed: () => client.#abort.abort(),
      healthy: () => client.#state === "up",
      reconnects: () => Math.max(0, client.#connected - 1),
      tunnels: (up) => up.length > 0 ? up : [client.#absentTunnel()],
    });
    const client = new Client(options, mode);
    client.#running = client.#run();
    return client;
  }

  /** Where the status is served; undefined where it is not. */
  get statusAddress(): Endpoint | undefined {
    return this.#mode.statusAddress;
  }

  /** Resolves when the client has stopped; rejects when it can't go on. */
  get finished(): Promise<void> {
    return this.#mode.finished;
  }

  /** What the client is doing. */
  status(): Promise<Status> {
    return this.#mode.status();
  }

  /** Closes every session on both sides, says goodbye to the server, and ends; within 2 s. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#abort.abort();
    await this.#mode.stop();
    await this.#running;
    this.#mode.log.info("Stopped");
  }

  async #run(): Promise<void> {
    const { log } = this.#mode;
    const { signal } = this.#abort;
    let failures = 0;
    while (!signal.aborted) {
      try {
        this.#state = "connecting";
        const conn = await this.#connect();
        const sinceMs = performance.now();
        const reason = await this.#carry(conn);
        if (performance.now() - sinceMs >= STEADY_MS) failures = 0;
        if (!signal.aborted) log.warning("Tunnel lost", { reason });
      } catch (error) {
        if (signal.aborted) return;
        log.warning(error instanceof Error ? error.message : String(error));
      }
      if (signal.aborted) return;
      const delayMs = backoffMs(failures++, Math.random());
      this.#state = "waiting";
      log.info("Connecting again", { seconds: Math.round(delayMs / 100) / 10 });
      await delay(delayMs, signal);
    }
  }

  async #connect(): Promise<
    { conn: Deno.TcpConn; name: string; received: Uint8Array }
  > {
    const { log, hello } = this.#mode;
    const { signal } = this.#abort;
    const conn = await connect(this.#options.connect, signal);
    const close = () => conn.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      const peer = formatEndpoint(conn.remoteAddr);
      if (this.#options.legacy) return { conn, name: peer, received: new Uint8Array(0) };
      const { peer: { name, software }, received } = await greetServer(conn, hello);
      signal.throwIfAborted();
      log.info("Tunnel up", { name, peer, software });
      return { conn, name, received };
    } catch (error) {
      if (!signal.aborted) conn.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", close);
    }
  }

  // Resolves with the reason when the tunnel has ended.
  #carry(
    { conn, name, received }: { conn: Deno.TcpConn; name: string; received: Uint8Array },
  ): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#ended = resolve;
    try {
      const legacy = this.#options.legacy ?? false;
      this.#mode.worker.addTunnel(conn, { name, legacy, received });
    } catch (error) {
      conn.close();
      throw error;
    }
    this.#serverName = name;
    this.#connected++;
    return promise;
  }

  #absentTunnel(): TunnelStatus {
    return {
      name: this.#serverName,
      peer: formatEndpoint(this.#options.connect),
      state: this.#state === "up" ? "connecting" : this.#state,
      rttMs: null,
      framesIn: 0,
      framesOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      queuedBytes: 0,
      retransmits: 0,
    };
  }
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
