// The client: beside the hosts. It keeps one tunnel to a server, for ever.
//
// From a host to the server: dataplane/data_plane.ts takes a frame from the link (link/packet_link.ts),
// asks who owns it (relay/relay.ts), and queues it for the tunnel (tunnel/channel.ts). This file makes
// that tunnel: it connects, greets (tunnel/handshake.ts), hands the connection to the data worker
// (dataplane/data_worker.ts), and begins again when it ends; client/reconnect.ts says with which server
// and when.

import { createHmac } from "node:crypto";
import { RunningSide } from "../running_side.ts";
import { Runtime, type RuntimeOptions } from "../runtime.ts";
import { RateLimit } from "../observe/rate_limit.ts";
import type { TunnelStatus } from "../observe/status.ts";
import { reasonOf } from "../reason.ts";
import { connect } from "../net/connect.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { greetServer } from "../tunnel/handshake.ts";
import { type Outcome, Reconnect } from "./reconnect.ts";
import { FEATURE, type Hello, REASON, RESUME_SECRET_LENGTH } from "../wire/mod.ts";

/** How many attempts that fail alike are logged in that time. */
const FAILURES_LOGGED = 3;
const FAILURES_MS = 10_000;
/** How often the first server is looked for while another one is in use. */
const FIRST_AGAIN_MS = 30_000;
/** And how often at most, when it was well for a moment only. */
const FIRST_AGAIN_MOST_MS = 3600_000;

/** What an attempt comes to that is not made any more. */
const FAILED: Outcome = { upMs: 0, held: false, replaced: false, restarts: false };

/** Options for {@linkcode Client.start}. */
export interface ClientOptions extends RuntimeOptions {
  /** The server; or several, of which the next is tried when one is not there. */
  connect: Endpoint | Endpoint[];
  /** Return to the first server when it is well again; the sessions through the other one are closed. */
  preferFirst?: boolean;
  /** How often the first server is looked for then, in ms; 30 s by default. */
  preferFirstMs?: number;
}

/** A connection whose handshake is done. */
interface Greeted {
  conn: Deno.TcpConn;
  /** Which of the servers it leads to. */
  at: number;
  /** What that calls itself. */
  name: string;
  /** Whether it gives sessions back. */
  resumes: boolean;
  received: Uint8Array;
}

/** How a tunnel ended. */
interface End {
  reason: string;
  goodbye?: number;
}

/**
 * A client that runs.
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
  readonly #options: ClientOptions;
  readonly #servers: Endpoint[];
  readonly #reconnect: Reconnect;
  readonly #abort = new AbortController();
  readonly #failuresLogged = new RateLimit(FAILURES_MS, FAILURES_LOGGED);
  #state: "connecting" | "up" | "waiting" = "connecting";
  #serverName = "";
  #connected = 0;
  /** Of which server sessions are held, and how many. */
  readonly #held = new Map<string, number>();
  /** Ends an attempt at a server for which nothing is held any more. */
  #released = new AbortController();
  #ended: (end: End) => void = () => {};
  /** A connection to the first server, which waits for the present tunnel to end. */
  #first: Greeted | undefined;
  /** After how long it is looked for. */
  #firstAgainMs: number;
  #running: Promise<void> = Promise.resolve();

  private constructor(runtime: Runtime, options: ClientOptions, servers: Endpoint[]) {
    super(runtime);
    this.#runtime = runtime;
    this.#options = options;
    this.#servers = servers;
    this.#reconnect = new Reconnect(servers.length);
    this.#firstAgainMs = options.preferFirstMs ?? FIRST_AGAIN_MS;
  }

  /**
   * Starts a client: opens the interface, then goes on connecting until it is stopped.
   *
   * @throws {Error} If the interface or the status address cannot be had, or there is no server to
   * connect to.
   */
  static async start(options: ClientOptions): Promise<Client> {
    const servers = [options.connect].flat();
    if (servers.length === 0) {
      throw new Error("Cannot start a client: there is no server to connect to");
    }
    const client = new Client(new Runtime("client", options), options, servers);
    await client.#start();
    return client;
  }

  async #start(): Promise<void> {
    const keys = this.#servers.map(formatEndpoint);
    await this.#runtime.start({
      // Not before the worker has it: until then a host's frames have nowhere to go.
      tunnelUp: () => this.#state = "up",
      tunnelEnded: (_id, reason, goodbye) => this.#tunnelEnded({ reason, goodbye }),
      held: (peer, sessions) => this.#holds(peer, sessions),
      knows: (peer) => keys.includes(peer),
      failed: () => this.#abort.abort(),
      healthy: () => this.#state === "up",
      reconnects: () => Math.max(0, this.#connected - 1),
      tunnels: (up) => up.length > 0 ? up : [this.#absentTunnel()],
    });
    this.#resume();
    this.#running = this.#run();
  }

  /** Gives up connecting. */
  protected override end(): Promise<void> {
    this.#abort.abort();
    return this.#running;
  }

  // What an earlier run has left is held, and can only go on with its own server.
  #resume(): void {
    const first = this.#servers.findIndex((server) => this.#held.has(formatEndpoint(server)));
    if (first > 0) this.#reconnect.moved(first);
  }

  async #run(): Promise<void> {
    const { log } = this.#runtime;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      let upMs = 0;
      let replaced = false;
      let restarts = false;
      let told = true;
      try {
        this.#state = "connecting";
        const greeted = this.#takeFirst() ?? await this.#attempt();
        const sinceMs = performance.now();
        const { reason, goodbye } = await this.#carry(greeted);
        upMs = performance.now() - sinceMs;
        replaced = goodbye === REASON.REPLACED && this.#first === undefined;
        restarts = goodbye === REASON.RESTART;
        if (!signal.aborted && this.#first === undefined) {
          log.warning("Tunnel lost", { reason, held: this.#heldForNext });
        }
      } catch (error) {
        const givenUp = signal.aborted || this.#released.signal.aborted;
        if (!givenUp) told = this.#logFailure(reasonOf(error));
      }
      if (this.#first !== undefined) continue;
      if (signal.aborted) break;
      const held = this.#heldForNext !== undefined;
      const delayMs = this.#reconnect.next({ upMs, held, replaced, restarts }, Math.random());
      this.#state = "waiting";
      if (this.#reconnect.rival) {
        log.error("Another program is connected as this client: is its state directory a copy?");
      }
      if (told) {
        log.info("Connecting again", {
          server: formatEndpoint(this.#servers[this.#reconnect.at]),
          seconds: Math.round(delayMs / 100) / 10,
        });
      }
      await delay(delayMs, signal);
      // What was held for it may be over by now: it has failed once more, and the others have their turn.
      if (held && this.#heldForNext === undefined && this.#servers.length > 1) {
        this.#reconnect.next(FAILED, Math.random());
      }
    }
    this.#first?.conn.close();
  }

  // While sessions are held there are several attempts a second.
  #logFailure(reason: string): boolean {
    const suppressed = this.#failuresLogged.allow(reason, performance.now());
    if (suppressed < 0) return false;
    this.#runtime.log.warning(reason, suppressed > 0 ? { suppressed } : {});
    return true;
  }

  // How many sessions are held for the server that is to be tried next; undefined: none.
  get #heldForNext(): number | undefined {
    return this.#held.get(formatEndpoint(this.#servers[this.#reconnect.at]));
  }

  #holds(peer: string, sessions: number): void {
    if (sessions > 0) {
      this.#held.set(peer, sessions);
      return;
    }
    const waitsForIt = this.#servers.length > 1 && this.#heldForNext !== undefined;
    this.#held.delete(peer);
    // The others have their turn at once, whatever this one's attempt is waiting for.
    if (waitsForIt && this.#heldForNext === undefined) this.#released.abort();
  }

  #attempt(): Promise<Greeted> {
    this.#released = new AbortController();
    return this.#connect(
      this.#reconnect.at,
      AbortSignal.any([this.#abort.signal, this.#released.signal]),
    );
  }

  async #connect(at: number, signal: AbortSignal): Promise<Greeted> {
    const { log } = this.#runtime;
    const hello = this.#helloFor(this.#servers[at]);
    const conn = await connect(this.#servers[at], signal);
    const close = () => conn.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      const endpoint = formatEndpoint(conn.remoteAddr);
      if (this.#options.legacy) {
        return { conn, at, name: endpoint, resumes: false, received: new Uint8Array(0) };
      }
      const { peer: server, received } = await greetServer(conn, hello);
      const { name, software, features } = server;
      signal.throwIfAborted();
      if (server.linkDown && !this.#mustUse(at)) {
        throw new Error(`The interface of the server ${name} is not up`);
      }
      const held = this.#held.get(formatEndpoint(this.#servers[at]));
      log.info("Tunnel up", { name, peer: endpoint, software, held });
      return { conn, at, name, resumes: (features & FEATURE.RESUME) !== 0, received };
    } catch (error) {
      if (!signal.aborted) conn.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", close);
    }
  }

  // Elsewhere hosts may find an AC; but what is held goes on nowhere else.
  #mustUse(at: number): boolean {
    return this.#servers.length === 1 || this.#held.has(formatEndpoint(this.#servers[at]));
  }

  // No server learns what this client shows to another one.
  #helloFor(server: Endpoint): Hello {
    const { hello } = this.#runtime;
    const secret = createHmac("sha256", hello.resumeSecret!).update(formatEndpoint(server))
      .digest();
    return { ...hello, resumeSecret: secret.subarray(0, RESUME_SECRET_LENGTH) };
  }

  #tunnelEnded(end: End): void {
    this.#state = "waiting";
    this.#ended(end);
  }

  // Resolves when the tunnel has ended.
  async #carry({ conn, at, name, resumes, received }: Greeted): Promise<End> {
    const { promise, resolve } = Promise.withResolvers<End>();
    this.#ended = resolve;
    const sinceMs = performance.now();
    const peer = resumes ? formatEndpoint(this.#servers[at]) : undefined;
    let id: number;
    try {
      id = this.#runtime.worker.addTunnel(conn, {
        peer,
        name,
        legacy: this.#options.legacy ?? false,
        received,
      });
    } catch (error) {
      conn.close();
      throw error;
    }
    if (peer !== undefined) this.#held.delete(peer);
    this.#reconnect.moved(at);
    this.#serverName = name;
    this.#connected++;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, over.signal]);
    const looking = at > 0 && this.#options.preferFirst
      ? this.#lookForFirst(id, peer, signal)
      : undefined;
    const end = await promise;
    over.abort();
    await looking;
    if (at === 0 && this.#connected > 1) this.#judgeFirst(performance.now() - sinceMs);
    return end;
  }

  // Goes over to the first server as soon as that greets.
  async #lookForFirst(id: number, peer: string | undefined, signal: AbortSignal): Promise<void> {
    while (true) {
      await delay(this.#firstAgainMs, signal);
      if (signal.aborted) return;
      try {
        this.#first = await this.#connect(0, signal);
        this.#runtime.worker.leave(id, peer);
        return;
      } catch {
        // Not yet.
      }
    }
  }

  // Each return to a first server that is not well after all costs all sessions.
  #judgeFirst(upMs: number): void {
    const leastMs = this.#options.preferFirstMs ?? FIRST_AGAIN_MS;
    this.#firstAgainMs = upMs < 2 * leastMs
      ? Math.min(2 * this.#firstAgainMs, FIRST_AGAIN_MOST_MS)
      : leastMs;
  }

  #takeFirst(): Greeted | undefined {
    const first = this.#first;
    this.#first = undefined;
    return first;
  }

  #absentTunnel(): TunnelStatus {
    return {
      name: this.#serverName,
      peer: formatEndpoint(this.#servers[this.#reconnect.at]),
      state: this.#state === "up" ? "connecting" : this.#state,
      rttMs: null,
      framesIn: 0,
      framesOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      queuedBytes: 0,
      unsentBytes: 0,
      retransmits: 0,
      congestion: null,
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
