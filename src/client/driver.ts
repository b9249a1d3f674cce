// The shell around the client's machine: carries out its commands and reports their results. It makes no
// decisions.

import type { TlsConnection, TlsContext } from "../../ffi/mod.ts";
import type { DataWorker } from "../dataplane/data_worker.ts";
import type { Key } from "../keys/key.ts";
import { lookUp } from "../net/connect.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { logLine } from "../observe/log_lines.ts";
import { reasonOf } from "../reason.ts";
import type { Runtime } from "../runtime.ts";
import { greetServerWithKey } from "../tunnel/greet_with_key.ts";
import { greetServer, type Handshake } from "../tunnel/handshake.ts";
import type { KernelTlsChoice } from "../tunnel/kernel_tls_choice.ts";
import { secretFor, secretOfKey } from "../tunnel/identity.ts";
import { Lookups } from "./lookups.ts";
import type { ClientMachine } from "./machine.ts";
import type { ClientCommand, ClientEvent } from "./messages.ts";
import { logNote } from "./notes.ts";
import type { ServerWatch } from "./server_trouble.ts";
import { ServerRoutes } from "../net/server_routes.ts";
import type { TunnelCause } from "../tunnel_cause.ts";

/** The part of a runtime that a driver needs. The worker must exist by the first event. */
export type DriverRuntime = Pick<Runtime, "hello" | "log"> & {
  readonly worker: Pick<DataWorker, "addTunnel" | "leave" | "probe" | "end">;
};

/** The encryption of a client's tunnels. */
export interface Security {
  /** The settings of TLS. */
  readonly context: TlsContext;
  /** Knows where the kernel may encrypt. */
  readonly kernel: KernelTlsChoice;
  /** Returns the key for the next tunnel. */
  key(): Key;
}

/** A lookup or a connection that is under way. */
interface UnderWay {
  conn?: Deno.TcpConn;
  /** The connection of TLS within it, once the server has greeted. */
  tls?: TlsConnection;
  /** Bytes that arrived after the greeting. */
  received: Uint8Array;
}

/** Connects a client's machine with the network, the data worker, the clock and the log. */
export class ClientDriver {
  readonly #machine: ClientMachine;
  readonly #runtime: DriverRuntime;
  readonly #legacy: boolean;
  readonly #security: Security | undefined;
  /** Lookups and connections, by their ids in the machine. */
  readonly #underWay = new Map<number, UnderWay>();
  /** The ids of tunnels in the machine, and their own addresses, by their ids in the worker. */
  readonly #tunnels = new Map<number, { id: number; ownAddress: string }>();
  readonly #lookups = new Lookups(lookUp);
  readonly #routes: Pick<ServerRoutes, keyof ServerRoutes>;
  readonly #watch: Pick<ServerWatch, "look"> | undefined;
  /** True if the tunnel's own address was gone at the last look. */
  #lost = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Makes a driver. Nothing happens before the first event.
   *
   * @param machine The machine
   * @param runtime The runtime, which has a worker once it has started
   * @param legacy True if the servers know no handshake
   * @param security The encryption; by default there is none
   * @param routes The routes to the server
   * @param watch Looks for the reason why there is no tunnel; by default nobody does
   */
  constructor(
    machine: ClientMachine,
    runtime: DriverRuntime,
    legacy: boolean,
    security?: Security,
    routes: Pick<ServerRoutes, keyof ServerRoutes> = new ServerRoutes(),
    watch?: Pick<ServerWatch, "look">,
  ) {
    this.#machine = machine;
    this.#runtime = runtime;
    this.#legacy = legacy;
    this.#security = security;
    this.#routes = routes;
    this.#watch = watch;
  }

  /**
   * Passes an event to the machine, and carries out the resulting commands.
   *
   * @param event The event
   */
  handle(event: ClientEvent): void {
    this.#machine.handle(event, performance.now());
    this.#carryOut();
  }

  /**
   * Tells the machine that the worker now drives a tunnel.
   *
   * @param tunnel The worker's id
   */
  tunnelUp(tunnel: number): void {
    const id = this.#tunnels.get(tunnel)?.id;
    if (id !== undefined) this.handle({ type: "tunnel-up", id });
  }

  /**
   * Tells the machine that a tunnel has ended.
   *
   * @param tunnel The worker's id
   * @param reason The reason
   * @param cause The cause, for programs
   * @param goodbye The code of the server's goodbye, if there was one
   */
  tunnelDown(tunnel: number, reason: string, cause: TunnelCause, goodbye?: number): void {
    const id = this.#tunnels.get(tunnel)?.id;
    this.#tunnels.delete(tunnel);
    this.#security?.kernel.down(tunnel, performance.now());
    if (id !== undefined) this.handle({ type: "tunnel-down", id, reason, cause, goodbye });
  }

  /** Looks at the network again, and tells the machine if something that matters has changed. */
  networkChanged(): void {
    const own = [...this.#tunnels.values()].at(-1)?.ownAddress;
    const lost = own !== undefined && !this.#routes.isOwn(own);
    const { changed, reachable } = this.#routes.look();
    if (!changed && lost === this.#lost) return;
    this.#lost = lost;
    logLine(this.#runtime.log, "way-changed", { lost, reachable });
    this.#lookups.forget();
    this.handle({ type: "network-changed", lost, reachable });
  }

  #carryOut(): void {
    for (let command; (command = this.#machine.poll()) !== undefined;) this.#do(command);
    clearTimeout(this.#timer);
    const { trouble, isStopped } = this.#machine;
    const lookMs = isStopped ? undefined : this.#watch?.look(trouble, performance.now());
    const dueMs = Math.min(this.#machine.dueMs, lookMs ?? Infinity);
    if (dueMs === Infinity) return;
    this.#timer = setTimeout(() => {
      this.#machine.tick(performance.now());
      this.#carryOut();
    }, Math.max(0, dueMs - performance.now()));
  }

  #do(command: ClientCommand): void {
    switch (command.type) {
      case "resolve":
        this.#underWay.set(command.id, { received: new Uint8Array(0) });
        return void this.#resolve(command.id, command.hostname);
      case "connect":
        this.#underWay.set(command.id, { received: new Uint8Array(0) });
        return void this.#connect(command.id, command.address);
      case "greet":
        return void this.#greet(command.id, command.server);
      case "hand-over":
        return this.#handOver(command.id, command.peer, command.name);
      case "leave":
        return this.#forTunnel(command.id, (tunnel) => {
          this.#runtime.worker.leave(tunnel, command.peer);
        });
      case "probe":
        return this.#forTunnel(command.id, (tunnel) => this.#runtime.worker.probe(tunnel));
      case "end":
        return this.#forTunnel(command.id, (tunnel) => {
          this.#runtime.worker.end(tunnel, command.reason, command.cause);
        });
      case "drop":
        return void this.#close(command.id);
      case "note":
        return logNote(this.#runtime.log, command.note, this.#security !== undefined);
    }
  }

  #forTunnel(id: number, act: (tunnel: number) => void): void {
    for (const [tunnel, facts] of this.#tunnels) if (facts.id === id) act(tunnel);
  }

  async #resolve(id: number, hostname: string): Promise<void> {
    try {
      const addresses = await this.#lookups.find(hostname);
      if (this.#underWay.delete(id)) this.handle({ type: "resolved", id, addresses });
    } catch (error) {
      this.#fail(id, error);
    }
  }

  async #connect(id: number, address: Endpoint): Promise<void> {
    this.#routes.use(address.hostname);
    try {
      const conn = await Deno.connect({ ...address, transport: "tcp" });
      const underWay = this.#underWay.get(id);
      if (underWay === undefined) return conn.close();
      underWay.conn = conn;
      this.handle({ type: "connected", id, endpoint: formatEndpoint(conn.remoteAddr) });
    } catch (error) {
      this.#fail(id, error);
    }
  }

  async #greet(id: number, to: Endpoint): Promise<void> {
    const underWay = this.#underWay.get(id)!;
    try {
      const { peer: server, received, tls } = await this.#handshake(underWay.conn!, to);
      // It may have been dropped meanwhile.
      if (!this.#underWay.has(id)) return tls?.free();
      underWay.received = received;
      underWay.tls = tls;
      this.handle({ type: "greeted", id, server });
    } catch (error) {
      this.#fail(id, error);
    }
  }

  async #handshake(
    conn: Deno.TcpConn,
    to: Endpoint,
  ): Promise<Handshake & { tls?: TlsConnection }> {
    const { hello } = this.#runtime;
    const security = this.#security;
    if (security === undefined) {
      return await greetServer(conn, {
        ...hello,
        resumeSecret: secretFor(hello.resumeSecret!, to),
      });
    }
    const key = security.key();
    const ownHello = { ...hello, resumeSecret: secretOfKey(key) };
    const fd = security.kernel.socketOf(conn);
    return await greetServerWithKey(conn, security.context, key, ownHello, fd);
  }

  #handOver(id: number, peer: string | undefined, name: string): void {
    const { conn, received, tls } = this.#underWay.get(id)!;
    try {
      const legacy = this.#legacy;
      const tunnel = this.#runtime.worker.addTunnel(conn!, { peer, name, legacy, received, tls });
      this.#underWay.delete(id);
      const ownAddress = conn!.localAddr.hostname;
      this.#lost = false;
      this.#tunnels.set(tunnel, { id, ownAddress });
      this.#security?.kernel.up(tunnel, conn!.remoteAddr.hostname, tls, performance.now());
    } catch (error) {
      return this.#fail(id, error);
    }
    this.handle({ type: "handed-over", id });
  }

  /** Closes something that has failed, and tells the machine, unless the machine has dropped it. */
  #fail(id: number, error: unknown): void {
    if (this.#close(id)) this.handle({ type: "failed", id, reason: reasonOf(error) });
  }

  /** Closes a connection, and forgets what is under way; returns false if it is forgotten already. */
  #close(id: number): boolean {
    const { conn, tls } = this.#underWay.get(id) ?? {};
    tls?.free();
    conn?.close();
    return this.#underWay.delete(id);
  }
}
