// The server: beside the AC. It takes clients' tunnels and gives each its own frames.
//
// From a client to the AC: a connection is accepted here, checked against the allow list, greeted
// (tunnel/handshake.ts) and handed to the data worker (dataplane/data_worker.ts). There the loop of
// dataplane/data_plane.ts reads it (tunnel/channel.ts), asks who owns each frame (relay/relay.ts), and
// injects it (link/link_output.ts). From the AC to a client it is the same way back.

import { createHash } from "node:crypto";
import { AllowList } from "./allow.ts";
import { RunningSide } from "../running_side.ts";
import { Runtime, type RuntimeOptions } from "../runtime.ts";
import { RateLimit } from "../observe/rate_limit.ts";
import { type AddedTags, checkAddedTags } from "../relay/mod.ts";
import { type Endpoint, formatEndpoint, listenReason } from "../net/endpoint.ts";
import { greetClient } from "../tunnel/handshake.ts";
import { FEATURE, type Goodbye, type Hello, REASON } from "../wire/mod.ts";

/** How many connections may be at their handshake at once, and how many of them of one address. */
const HANDSHAKES = 256;
const HANDSHAKES_OF_ONE = 64;
/** How often a stranger, or a handshake that failed, is logged, for each address. */
const LOG_EVERY_MS = 60_000;
/** How many refusals are logged in that time, of all addresses. */
const REFUSALS_LOGGED = 30;
/** How many clients of one address are logged in that time as they come, and as they go. */
const CHANGES_LOGGED = 20;
/** What `accept` fails with when the connection is gone already. */
const GONE = [
  Deno.errors.NotConnected,
  Deno.errors.ConnectionReset,
  Deno.errors.ConnectionAborted,
];
/** How long to wait after an accept that failed, for example for want of descriptors. */
const ACCEPT_AGAIN_MS = 200;

/** Options for {@linkcode Server.start}. */
export interface ServerOptions extends RuntimeOptions, AddedTags {
  /** Where clients connect to; port 0 lets the system choose. */
  listen: Endpoint;
  /** Addresses and networks that may connect; by default loopback only. */
  allow?: string[];
  /**
   * How many clients may be connected at once; 256 by default, 1000 at most. One whose sessions are held
   * may come back in any case.
   */
  maxClients?: number;
}

/**
 * A server that runs.
 *
 * @example Serve clients of one network
 * ```ts
 * import { listInterfaces, Server } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const [ethernet] = listInterfaces();
 * if (Deno.uid() === 0 && ethernet !== undefined) {
 *   const server = await Server.start({
 *     interface: ethernet,
 *     listen: { hostname: "127.0.0.1", port: 0 },
 *     allow: ["127.0.0.0/8"],
 *   });
 *   assertEquals((await server.status()).tunnels, []);
 *   await server.stop();
 * }
 * ```
 */
export class Server extends RunningSide {
  readonly #runtime: Runtime;
  readonly #listener: Deno.TcpListener;
  #allow: AllowList;
  #options: ServerOptions;
  readonly #tunnels = new Map<number, { name: string; address: string; peer?: string }>();
  /** Connections at their handshake, in the order they came, with their addresses. */
  readonly #greeting = new Map<Deno.TcpConn, string>();
  /** The clients that are away, with how many sessions they have here. */
  readonly #held = new Map<string, number>();
  readonly #strangers = new RateLimit(LOG_EVERY_MS);
  readonly #refusals = new RateLimit(LOG_EVERY_MS, REFUSALS_LOGGED);
  readonly #comings = new RateLimit(LOG_EVERY_MS, CHANGES_LOGGED);
  readonly #goings = new RateLimit(LOG_EVERY_MS, CHANGES_LOGGED);

  private constructor(
    runtime: Runtime,
    options: ServerOptions,
    allow: AllowList,
    listener: Deno.TcpListener,
  ) {
    super(runtime);
    this.#runtime = runtime;
    this.#options = options;
    this.#allow = allow;
    this.#listener = listener;
  }

  /**
   * Starts a server: listens, then opens the interface, then accepts clients.
   *
   * @param options What to listen on, for whom, and more
   * @returns The server, which accepts clients
   * @throws {Error} If the interface or an address cannot be had, or an option is wrong.
   */
  static async start(options: ServerOptions): Promise<Server> {
    const allow = AllowList.parse(options.allow ?? []);
    checkAddedTags(tagsOf(options));
    const runtime = new Runtime("server", options);
    const server = new Server(runtime, options, allow, listen(options.listen));
    try {
      await server.#start();
    } catch (error) {
      closeListener(server.#listener);
      throw error;
    }
    return server;
  }

  async #start(): Promise<void> {
    const options = this.#options;
    await this.#runtime.start({
      tunnelUp: () => {},
      tunnelEnded: (id, reason) => this.#tunnelEnded(id, reason),
      held: (peer, sessions) =>
        void (sessions > 0 ? this.#held.set(peer, sessions) : this.#held.delete(peer)),
      knows: () => true,
      failed: () => closeListener(this.#listener),
      healthy: () => !this.isStopping,
      reconnects: () => 0,
      tunnels: (up) => up,
    }, { tags: tagsOf(options), maxHeld: maxClientsOf(options) });
    this.#runtime.log.info("Listening", {
      address: formatEndpoint(this.address),
      allow: String(this.#allow),
    });
    this.#accept();
  }

  /** Where it listens. */
  get address(): Endpoint {
    const { hostname, port } = this.#listener.addr as Deno.NetAddr;
    return { hostname, port };
  }

  /**
   * Takes new values of `allow`, `maxClients`, `limits` and `debug`; all else needs another start. Who is
   * connected already stays so.
   *
   * @throws {Error} If an entry of `allow` is wrong; then nothing has changed.
   */
  override reload(options: Pick<ServerOptions, "allow" | "maxClients" | "limits" | "debug">): void {
    this.#allow = AllowList.parse(options.allow ?? []);
    this.#options = { ...this.#options, allow: options.allow, maxClients: options.maxClients };
    super.reload(options);
  }

  /** Closes the listener, and the connections that are at their handshake. */
  protected override end(): void {
    closeListener(this.#listener);
    for (const conn of this.#greeting.keys()) conn.close();
    this.#greeting.clear();
  }

  async #accept(): Promise<void> {
    while (!this.isStopping) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (this.isStopping || error instanceof Deno.errors.BadResource) return;
        // One that was reset while it waited is nobody's loss, and must not keep others waiting.
        if (GONE.some((gone) => error instanceof gone)) continue;
        this.#logRefused("", `cannot accept: ${error}`);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_AGAIN_MS));
        continue;
      }
      this.#admit(conn);
    }
  }

  #admit(conn: Deno.TcpConn): void {
    const { hostname } = conn.remoteAddr;
    if (!this.#allow.allows(hostname)) {
      conn.close();
      return this.#logRefused(hostname, "not on the allow list");
    }
    // A client says hello at once; what has waited the longest is the least likely to.
    const same = [...this.#greeting].filter(([, address]) => address === hostname);
    if (same.length >= HANDSHAKES_OF_ONE) this.#giveUp(same[0][0]);
    else if (this.#greeting.size >= HANDSHAKES) {
      const [oldest] = this.#greeting.keys();
      this.#giveUp(oldest);
    }
    this.#greeting.set(conn, hostname);
    this.#greet(conn);
  }

  #giveUp(conn: Deno.TcpConn): void {
    const { hostname } = conn.remoteAddr;
    this.#greeting.delete(conn);
    conn.close();
    this.#logRefused(hostname, "too many connections at once that have not said hello");
  }

  async #greet(conn: Deno.TcpConn): Promise<void> {
    const endpoint = formatEndpoint(conn.remoteAddr);
    try {
      const legacy = this.#options.legacy ?? false;
      const { peer: hello, received } = legacy
        ? {
          peer: { name: endpoint, software: "unknown", features: 0, version: 0 },
          received: new Uint8Array(0),
        }
        : await greetClient(conn, this.#welcome, (peer) => this.#full(peerKey(peer)));
      // Closed by a stop meanwhile.
      if (!this.#greeting.has(conn)) return;
      // Others may have come while this one was greeted.
      const peer = peerKey(hello);
      const full = this.#full(peer);
      if (full !== undefined) throw new Error(full.text);
      const { name, software } = hello;
      const id = this.#runtime.worker.addTunnel(conn, {
        peer,
        name,
        legacy,
        received,
      });
      this.#greeting.delete(conn);
      this.#tunnels.set(id, { name, address: conn.remoteAddr.hostname, peer });
      const held = this.#heldFor(peer);
      if (peer !== undefined) this.#held.delete(peer);
      if (this.#comings.allow(conn.remoteAddr.hostname, performance.now()) >= 0) {
        this.#runtime.log.info("Client connected", { name, peer: endpoint, software, held });
      }
    } catch (error) {
      if (!this.#greeting.delete(conn)) return;
      conn.close();
      this.#logRefused(
        conn.remoteAddr.hostname,
        error instanceof Error ? error.message : `${error}`,
      );
    }
  }

  get #welcome(): Hello {
    const { hello, worker } = this.#runtime;
    return worker.linkState === "up" ? hello : { ...hello, linkDown: true };
  }

  #full(peer: string | undefined): Goodbye | undefined {
    const most = maxClientsOf(this.#options);
    if (this.#tunnels.size < most) return undefined;
    // One that comes back takes the place of itself; one that has sessions here has one in any case.
    if (peer !== undefined) {
      const known = [...this.#tunnels.values()].some((tunnel) => tunnel.peer === peer);
      if (known || this.#held.has(peer)) return undefined;
    }
    return { reason: REASON.FULL, text: `${most} clients are connected already (--max-clients)` };
  }

  #logRefused(address: string, reason: string): void {
    const nowMs = performance.now();
    const suppressed = this.#strangers.allow(address, nowMs);
    // Whoever has many addresses can't fill the log either.
    if (suppressed < 0 || this.#refusals.allow("", nowMs) < 0) return;
    this.#runtime.log.warning("Connection refused", {
      peer: address || undefined,
      reason,
      suppressed: suppressed || undefined,
    });
  }

  #tunnelEnded(id: number, reason: string): void {
    const { name, address, peer } = this.#tunnels.get(id) ?? { name: "", address: "" };
    this.#tunnels.delete(id);
    if (this.#goings.allow(address, performance.now()) >= 0) {
      this.#runtime.log.info("Client gone", { name, reason, held: this.#heldFor(peer) });
    }
  }

  // For the log, which does not tell of none.
  #heldFor(peer: string | undefined): number | undefined {
    return peer === undefined ? undefined : this.#held.get(peer);
  }
}

function listen(endpoint: Endpoint): Deno.TcpListener {
  try {
    return Deno.listen({ ...endpoint, transport: "tcp" });
  } catch (error) {
    throw new Error(`Cannot listen on ${formatEndpoint(endpoint)}: ${listenReason(error)}`, {
      cause: error,
    });
  }
}

function tagsOf({ hostUniq, relayTag, circuitId, remoteId }: ServerOptions): AddedTags {
  return { hostUniq, relayTag, circuitId, remoteId };
}

// The data worker may die before a stop, and during one.
function closeListener(listener: Deno.TcpListener): void {
  try {
    listener.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

function maxClientsOf({ maxClients = 256 }: ServerOptions): number {
  return Math.min(maxClients, 1000);
}

// The secret stays here: what tells clients apart is shown, and kept in files.
function peerKey({ features, resumeSecret }: Hello): string | undefined {
  if ((features & FEATURE.RESUME) === 0 || resumeSecret === undefined) return undefined;
  return createHash("sha256").update(resumeSecret).digest("hex").slice(0, 32);
}
