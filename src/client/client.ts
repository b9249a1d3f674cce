// The client, which runs beside the hosts and keeps one tunnel to a server until it is stopped.
//
// From a host to the server: dataplane/data_plane.ts takes a frame from the link (link/packet_link.ts),
// looks up its owner (relay/relay.ts), and queues it for the tunnel (tunnel/channel.ts). That tunnel is
// made here: machine.ts chooses the server and the time, and driver.ts carries that out. It connects,
// greets (tunnel/handshake.ts), hands the connection to the data worker (dataplane/data_worker.ts), and
// tells the machine when the tunnel has ended.

import { isSameKey, type Key } from "../keys/key.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { logLine } from "../observe/log_lines.ts";
import type { TunnelStatus } from "../observe/status.ts";
import { RunningSide } from "../running_side.ts";
import { Runtime, type RuntimeOptions } from "../runtime.ts";
import { KernelTlsChoice } from "../tunnel/kernel_tls_choice.ts";
import { tlsContext } from "../tunnel/tls_context.ts";
import { ClientDriver, type Security } from "./driver.ts";
import { ClientMachine } from "./machine.ts";
import { ServerWatch } from "./server_trouble.ts";

/** Options for {@linkcode Client.start}. */
export interface ClientOptions extends RuntimeOptions {
  /** The server, or several servers that are tried in turn if one cannot be reached. */
  connect: Endpoint | Endpoint[];
  /**
   * Returns the pre-shared key for the next tunnel. With it every tunnel is encrypted, and a server that does
   * not know it is refused. By default nothing is encrypted.
   */
  key?: () => Key;
  /** True to return to the first server once it works again, which closes the sessions through another one. */
  preferFirst?: boolean;
  /** The time between two checks of the first server, in ms; 30 s by default. */
  preferFirstMs?: number;
}

/**
 * A running client.
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
export class Client extends RunningSide {
  readonly #runtime: Runtime;
  readonly #servers: Endpoint[];
  readonly #machine: ClientMachine;
  readonly #driver: ClientDriver;
  readonly #security: Security | undefined;
  /** Returns the key for the next tunnel; undefined if nothing is encrypted. */
  #key: (() => Key) | undefined;

  private constructor(runtime: Runtime, options: ClientOptions, servers: Endpoint[]) {
    super(runtime);
    const { legacy = false, key, preferFirst, preferFirstMs } = options;
    this.#runtime = runtime;
    this.#servers = servers;
    const random = Math.random;
    const holds = options.graceMs !== 0;
    this.#machine = new ClientMachine({
      servers,
      random,
      legacy,
      holds,
      preferFirst,
      preferFirstMs,
    });
    this.#key = key;
    this.#security = key && {
      key: () => this.#key!(),
      context: tlsContext("client", options),
      kernel: new KernelTlsChoice(),
    };
    const watch = new ServerWatch(servers, {
      problem: (problem) => runtime.problem(problem),
      solved: (id) => runtime.solved(id),
    });
    this.#driver = new ClientDriver(
      this.#machine,
      runtime,
      legacy,
      this.#security,
      undefined,
      watch,
    );
  }

  /**
   * Starts a client: claims and opens the interface, then keeps connecting until it is stopped.
   *
   * @param options The servers to connect to, and other options
   * @returns The client, which has started to connect
   * @throws {Error} If the interface or the status address cannot be used, there is no server to connect to,
   * or a key cannot be used
   */
  static async start(options: ClientOptions): Promise<Client> {
    const servers = [options.connect].flat();
    if (servers.length === 0) {
      throw new Error("Cannot start a client: there is no server to connect to");
    }
    // The server knows a client by the name of its key.
    const name = options.key?.().name ?? options.name;
    const client = new Client(new Runtime("client", { ...options, name }), options, servers);
    try {
      await client.#start();
    } catch (error) {
      client.#security?.context[Symbol.dispose]();
      throw error;
    }
    return client;
  }

  async #start(): Promise<void> {
    const machine = this.#machine;
    const driver = this.#driver;
    const keys = this.#servers.map(formatEndpoint);
    await this.#runtime.claim();
    await this.#runtime.start({
      tunnelUp: (tunnel) => driver.tunnelUp(tunnel),
      tunnelDown: (tunnel, reason, cause, goodbye) =>
        driver.tunnelDown(tunnel, reason, cause, goodbye),
      held: (peer, sessions) => driver.handle({ type: "held", peer, sessions }),
      knows: (peer) => keys.includes(peer),
      networkChanged: () => driver.networkChanged(),
      failed: () => driver.handle({ type: "stop" }),
      healthy: () => machine.state === "up",
      reconnects: () => machine.reconnects,
      tunnels: (up) => up.length > 0 ? up : [this.#absentTunnel()],
    });
    driver.handle({ type: "started" });
  }

  /**
   * Applies new values of `key`, `limits` and `debug`. All other options need a restart. The tunnel stays up; the
   * next one uses the new key.
   *
   * @param options The new values; missing limits get their defaults, and a missing key stays as it is. A client
   * that was started without a key ignores one.
   * @throws {Error} If the new key has another name, in which case nothing changes
   */
  override reload(options: Pick<ClientOptions, "key" | "limits" | "debug">): void {
    const [before, after] = [this.#key?.(), options.key?.()];
    if (before !== undefined && after !== undefined) {
      if (before.name !== after.name) {
        throw new Error(
          `the key is for ${after.name}, and this client is ${before.name}; restart it to change its name`,
        );
      }
      this.#key = options.key;
      if (!isSameKey(before, after)) {
        logLine(this.#runtime.log, "key-changed", { name: after.name });
      }
    }
    super.reload(options);
  }

  /** Stops connecting. */
  protected override end(): void {
    this.#driver.handle({ type: "stop" });
    this.#security?.context[Symbol.dispose]();
  }

  #absentTunnel(): TunnelStatus {
    const { state, server, serverName } = this.#machine;
    return {
      name: serverName,
      peer: formatEndpoint(server),
      // The worker may know of an end before the machine does.
      state: state === "up" ? "connecting" : state,
      rttMs: null,
      framesIn: 0,
      framesOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      queuedBytes: 0,
      queuedFrames: 0,
      heldBackMs: 0,
      unsentBytes: 0,
      retransmits: 0,
      congestion: null,
      encryption: null,
    };
  }
}
