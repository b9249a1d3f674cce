// The server, which runs beside the AC, accepts the tunnels of clients and gives each client its frames.
//
// From a client to the AC: a connection is accepted here and admitted or refused (admission.ts). If it comes
// from a proxy, the client's address is read first (proxy_header.ts). It is greeted (tunnel/handshake.ts) and
// handed to the data worker (dataplane/data_worker.ts). There the loop of dataplane/data_plane.ts reads it
// (tunnel/channel.ts), looks up the owner of each frame (relay/relay.ts), and injects the frame
// (link/link_output.ts). From the AC to a client, frames take the same way back.
//
// This file owns the connections until they are tunnels, but makes no decisions about them. The listener, with its
// guard against floods, is in listener.ts, and the clients with a tunnel are in clients.ts.

import { descriptorLimit, type TlsConnection, type TlsContext } from "../../ffi/mod.ts";
import type { ClientKey } from "../keys/key.ts";
import type { KeyRing } from "../keys/key_ring.ts";
import { allowList, EVERYBODY, proxyList } from "../net/address_list.ts";
import { addressFault, goneNames, KEY_REMOVED, limitsOfKey, presentKey } from "./access.ts";
import { Admission, type AdmissionRules, boundedClients, type RefusalReason } from "./admission.ts";
import { AdmissionLog } from "./admission_log.ts";
import { ClientWatch } from "./client_watch.ts";
import { Clients } from "./clients.ts";
import { KeyUse } from "./key_use.ts";
import { Listener } from "./listener.ts";
import { ProxyHeaderReader, type ProxyHeaderState } from "./proxy_header.ts";
import { countedReason, reasonCounted, Refusal, refusalCause, refusalReason } from "./refusal.ts";
import { UNUSED_LOOK_MS, UNUSED_MS, unusedKeys } from "./unused_keys.ts";
import { logLine } from "../observe/log_lines.ts";
import { RunningSide } from "../running_side.ts";
import { Runtime, type RuntimeOptions } from "../runtime.ts";
import { type AddedTags, checkAddedTags } from "../relay/mod.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { type Carried, carry } from "../tunnel/carry.ts";
import { greetClientWithKey } from "../tunnel/greet_with_key.ts";
import { greetClient, type Handshake, HANDSHAKE_TIMEOUT_MS } from "../tunnel/handshake.ts";
import { KernelTlsChoice } from "../tunnel/kernel_tls_choice.ts";
import { namedPeerKey, peerKey, peerKeyOfName } from "../tunnel/identity.ts";
import { tlsContext } from "../tunnel/tls_context.ts";
import type { TunnelCause } from "../tunnel_cause.ts";
import { type Goodbye, type Hello, REASON } from "../wire/mod.ts";

/** A connection, from its arrival to its end. */
interface Visit {
  readonly id: number;
  readonly conn: Deno.TcpConn;
  /** True if it is reset when it is closed, because it has come in a flood. */
  readonly resets: boolean;
  /** The address of the client: of the connection, until a proxy has told another one. */
  source: Endpoint;
  /** The proxy that the connection comes from, if any. */
  proxy?: Endpoint;
  /** True for a connection of a proxy itself, as for a health check. */
  isLocal?: boolean;
  /** The name of the key that the client has proved, once it has greeted. */
  name?: string;
}

/** A client that has greeted. */
interface Greeted extends Handshake {
  /** The key that it has proved, and the connection of TLS that it uses; undefined without keys. */
  readonly key?: ClientKey;
  readonly tls?: TlsConnection;
}

/** Options for {@linkcode Server.start}. */
export interface ServerOptions extends RuntimeOptions, AddedTags {
  /** The address that clients connect to; port 0 lets the system choose. */
  listen: Endpoint;
  /** The addresses and networks that may connect; by default only loopback, or all of them with `keys`. */
  allow?: string[];
  /**
   * The addresses and networks of proxies, whose connections begin with a header of version 2 of the PROXY
   * protocol. It has the client's address, which then counts for `allow`; by default none.
   */
  proxyProtocol?: string[];
  /**
   * The maximum number of connected clients; 256 by default, 1000 at most. A client whose sessions are held
   * may always return.
   */
  maxClients?: number;
  /**
   * The maximum number of clients from one IP address, or from one IPv6 network of 64 bits; by default a
   * quarter of `maxClients`. A client whose sessions are held may always return.
   */
  maxClientsPerAddress?: number;
  /**
   * The pre-shared keys of the clients. With them every tunnel is encrypted, and a client without a key is
   * refused. By default nothing is encrypted.
   */
  keys?: KeyRing;
}

/**
 * A running server.
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
  readonly #listener: Listener;
  readonly #options: ServerOptions;
  readonly #admission: Admission;
  readonly #context: TlsContext | undefined;
  readonly #kernel: KernelTlsChoice;
  readonly #log = new AdmissionLog();
  /** The connections in their handshake, by their ids in the admission. */
  readonly #greeting = new Map<number, Visit>();
  readonly #clients: Clients;
  /** The present keys; undefined if the server has none. */
  #keys: KeyRing | undefined;
  readonly #use = new KeyUse();
  readonly #watch: ClientWatch;
  /** The time since which the keys are the present ones, and that of the next look for those without a use. */
  #keysMs = performance.now();
  #lookMs = -Infinity;

  private constructor(
    runtime: Runtime,
    options: ServerOptions,
    rules: AdmissionRules,
    listener: Listener,
    context: TlsContext | undefined,
  ) {
    super(runtime);
    this.#runtime = runtime;
    this.#options = options;
    this.#keys = options.keys;
    this.#admission = new Admission(rules, { descriptors: descriptorLimit() });
    this.#listener = listener;
    this.#clients = new Clients(runtime);
    this.#watch = new ClientWatch(runtime, performance.now());
    this.#context = context;
    this.#kernel = new KernelTlsChoice(context === undefined ? false : undefined);
  }

  /**
   * Starts a server: claims the interface and listens, then opens the interface, then accepts clients.
   *
   * @param options The address to listen on, the clients to admit, and other options
   * @returns The server, which accepts clients
   * @throws {Error} If the interface or an address cannot be used, or an option is invalid
   */
  static async start(options: ServerOptions): Promise<Server> {
    const rules = rulesOf(options, options.keys !== undefined);
    checkAddedTags(tagsOf(options));
    const runtime = new Runtime("server", options);
    await runtime.claim();
    let listener: Listener | undefined;
    let context: TlsContext | undefined;
    try {
      context = options.keys && tlsContext("server", options);
      listener = new Listener(options.listen);
      const server = new Server(runtime, options, rules, listener, context);
      await server.#start();
      return server;
    } catch (error) {
      listener?.close();
      context?.[Symbol.dispose]();
      await runtime.release();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const options = this.#options;
    await this.#runtime.start({
      tunnelUp: () => {},
      tunnelDown: (id, reason, cause) => this.#tunnelDown(id, reason, cause),
      held: (peer, sessions) => this.#admission.held(peer, sessions),
      knows: this.#knownPeers(),
      failed: () => this.#listener.close(),
      healthy: () => !this.isStopping,
      reconnects: () => 0,
      tunnels: (up) => up,
      ofSide: () => ({
        handshakes: this.#greeting.size,
        refused: { ...this.#admission.refused },
      }),
      tick: (nowMs) => this.#look(nowMs),
      keys: () => this.#keys && this.#use.statuses(this.#keys, performance.now()),
    }, { tags: tagsOf(options), maxHeld: boundedClients(options.maxClients) });
    const { allow, proxies } = this.#admission;
    logLine(this.#runtime.log, "listening", {
      address: formatEndpoint(this.address),
      allow: `${allow}`,
      proxies: proxies.isEmpty ? undefined : `${proxies}`,
    });
    this.#warnOfRules();
    if (this.#keys !== undefined) this.#logKeys(this.#keys);
    this.#listener.accept({
      accepted: (conn, resets) => this.#admit(conn, resets),
      failed: (error) => this.#logRefused("", `cannot accept: ${error}`, "accept"),
      preferred: () => this.#admission.preferred,
    });
  }

  /** Returns the test for the peers of an earlier run that can come back. */
  #knownPeers(): (peer: string) => boolean {
    const keys = this.#keys;
    if (keys === undefined) return () => true;
    const peers = new Set(keys.keys.map(({ name }) => peerKeyOfName(name)));
    return (peer) => peers.has(peer);
  }

  #logKeys({ file, keys }: KeyRing): void {
    logLine(this.#runtime.log, "keys-read", { file, keys: keys.length });
    if (keys.length > 0) return;
    logLine(this.#runtime.log, "no-keys", { file, holder: file ?? "the server" });
  }

  /** Warns of an allow list that keeps out everybody, or all other machines; and of too few descriptors. */
  #warnOfRules(): void {
    const { descriptorWarning } = this.#admission;
    const { log } = this.#runtime;
    const listWarning = this.#admission.warning(this.address.hostname);
    if (listWarning !== undefined) logLine(log, "allow-list", { warning: listWarning });
    if (descriptorWarning !== undefined) {
      logLine(log, "descriptor-limit", { warning: descriptorWarning });
    }
  }

  /** The address that it listens on. */
  get address(): Endpoint {
    return this.#listener.address;
  }

  /**
   * Applies new values of `allow`, `proxyProtocol`, `maxClients`, `maxClientsPerAddress`, `keys`, `limits` and
   * `debug`. All other options need a restart. The tunnel of a client ends if its key or its address is no
   * longer allowed. Its sessions are held if it can come back with another key or from another address, and
   * closed otherwise.
   *
   * @param options The new values; missing ones get their defaults, and missing keys stay as they are. A server
   * that was started without keys ignores them.
   * @throws {Error} If an entry of `allow` or `proxyProtocol` is invalid, in which case nothing changes
   */
  override reload(
    options: Pick<
      ServerOptions,
      | "allow"
      | "proxyProtocol"
      | "maxClients"
      | "maxClientsPerAddress"
      | "keys"
      | "limits"
      | "debug"
    >,
  ): void {
    const before = this.#keys;
    this.#admission.change(rulesOf(options, before !== undefined));
    this.#warnOfRules();
    const keys = before && (options.keys ?? before);
    this.#keys = keys;
    this.#clients.review({ allow: this.#admission.allow, keys });
    if (before !== undefined && keys !== undefined && keys !== before) {
      this.#use.keep(keys);
      this.#keysMs = performance.now();
      this.#runtime.solved("key-unused");
      for (const name of goneNames(before, keys)) {
        this.#runtime.worker.dismiss(0, peerKeyOfName(name), KEY_REMOVED);
      }
      this.#logKeys(keys);
    }
    super.reload(options);
  }

  /** Closes the listener and the connections in their handshake. */
  protected override end(): void {
    this.#listener.close();
    for (const id of [...this.#greeting.keys()]) this.#drop(id);
    this.#context?.[Symbol.dispose]();
  }

  #admit(conn: Deno.TcpConn, resets: boolean): void {
    const { hostname, port } = conn.remoteAddr;
    const nowMs = performance.now();
    for (const id of this.#admission.overdue(nowMs)) this.#giveUp(id);
    const arrival = this.#admission.arrive(hostname, nowMs);
    if ("refused" in arrival) {
      conn.close();
      this.#listener.refused(nowMs);
      return this.#logRefused(hostname, arrival.refused, arrival.cause);
    }
    const { id, proxied } = arrival;
    const visit: Visit = { id, conn, source: { hostname, port }, resets };
    if (proxied) visit.proxy = visit.source;
    this.#greeting.set(id, visit);
    this.#greet(visit);
  }

  /** Closes a connection that has said nothing for too long while many others wait. */
  #giveUp(id: number): void {
    const { source } = this.#drop(id)!;
    this.#admission.countRefused("timeout");
    this.#logRefused(
      source.hostname,
      "no greeting in time, while many connections wait",
      "timeout",
    );
  }

  /** Closes a connection in its handshake, and returns it; undefined if it was already closed. */
  #drop(id: number): Visit | undefined {
    const visit = this.#greeting.get(id);
    this.#greeting.delete(id);
    this.#admission.left(id);
    visit?.conn.close();
    return visit;
  }

  async #greet(visit: Visit): Promise<void> {
    let greeted: Greeted | undefined;
    try {
      const dueMs = performance.now() + HANDSHAKE_TIMEOUT_MS;
      const received = visit.proxy && await this.#identify(visit);
      if (!this.#greeting.has(visit.id)) return;
      greeted = await this.#handshake(visit, dueMs - performance.now(), received);
      if (this.#greeting.has(visit.id)) this.#enter(visit, greeted);
      else greeted.tls?.free();
    } catch (error) {
      // Once it has entered, it belongs to the worker.
      if (this.#greeting.has(visit.id)) greeted?.tls?.free();
      // A connection that was closed meanwhile needs no reason.
      if (!this.#greeting.has(visit.id)) return;
      this.#listener.closesInOrder(visit.conn, visit.resets);
      this.#drop(visit.id);
      const reason = refusalReason(error, visit.isLocal ?? false);
      const counted = countedReason(error);
      if (reason !== undefined && counted !== undefined) this.#admission.countRefused(counted);
      if (reason !== undefined) {
        this.#logRefused(visit.source.hostname, reason, refusalCause(error), visit.name);
      }
    }
  }

  /** Reads the client's address, which a proxy sends first; returns the bytes after that. */
  async #identify(visit: Visit): Promise<Uint8Array> {
    const { id, source: { hostname } } = visit;
    // Nothing is said in the clear to a client that may have a key.
    const tells = !this.#options.legacy && this.#keys === undefined;
    const reader = new ProxyHeaderReader(hostname, performance.now(), tells);
    const state = await carry<ProxyHeaderState>(this.#heard(visit), reader);
    if (state.is === "failed") throw new Refusal(state.failure?.message, "handshake");
    const { header, received } = state;
    if (!this.#greeting.has(id)) return received;
    visit.source = header.source ?? visit.source;
    visit.isLocal = header.isLocal;
    const arrival = this.#admission.identify(id, visit.source.hostname, performance.now());
    // A proxy that checks this server's health need not be on the allow list.
    if ("refused" in arrival) {
      const { refused, cause } = arrival;
      throw new Refusal(header.isLocal ? undefined : refused, undefined, cause);
    }
    return received;
  }

  /** Returns a connection that tells the admission when something arrives on it. */
  #heard({ id, conn }: Visit): Carried {
    return {
      read: async (into) => {
        const count = await conn.read(into);
        if (count !== null) this.#admission.spoke(id);
        return count;
      },
      write: (bytes) => conn.write(bytes),
    };
  }

  async #handshake(
    visit: Visit,
    timeoutMs: number,
    received: Uint8Array = new Uint8Array(0),
  ): Promise<Greeted> {
    const keys = this.#keys;
    const context = this.#context;
    if (keys !== undefined && context !== undefined) {
      return await greetClientWithKey(
        this.#heard(visit),
        {
          context,
          keys,
          welcome: () => this.#welcome,
          socket: () => this.#kernel.socketOf(visit.conn),
          refuse: (peer, key) => this.#refusal(visit, peer, key),
        },
        timeoutMs,
        received,
      );
    }
    if (!this.#options.legacy) {
      const refuse = (peer: Hello) => this.#admission.refusal(visit.id, peerKey(peer));
      return await greetClient(this.#heard(visit), this.#welcome, refuse, timeoutMs, received);
    }
    const name = formatEndpoint(visit.source);
    const peer = { name, software: "unknown", features: 0, version: 0 };
    return { peer, received };
  }

  /** Decides about a client that has proved a key; returns the goodbye if it is refused. */
  #refusal(visit: Visit, hello: Hello, proved: ClientKey): Goodbye | undefined {
    const { id, source } = visit;
    visit.name = proved.name;
    this.#use.proved(proved.id, performance.now());
    const key = this.#keys && presentKey(this.#keys, proved);
    if (key === undefined) return { reason: REASON.NOT_ALLOWED, text: KEY_REMOVED };
    const fault = addressFault(source.hostname, key, this.#admission.allow);
    if (fault !== undefined) return { reason: REASON.NOT_ALLOWED, text: `its address ${fault}` };
    return this.#admission.refusal(id, visitorKey(hello, key), true);
  }

  #enter(visit: Visit, { peer: hello, received, key: proved, tls }: Greeted): void {
    const { id, conn, source, proxy } = visit;
    const { name, software } = hello;
    const peer = proved === undefined ? peerKey(hello) : namedPeerKey(hello, proved);
    // Others may have entered while this one was greeted, and keys and addresses may have changed.
    if (!this.#admission.allow.contains(source.hostname)) {
      throw new Refusal("not on the allow list", "not-allowed");
    }
    const refusal = proved === undefined
      ? this.#admission.refusal(id, peer)
      : this.#refusal(visit, hello, proved);
    const key = proved && this.#keys && presentKey(this.#keys, proved);
    if (refusal !== undefined) throw new Refusal(refusal.text, reasonCounted(refusal.reason));
    const legacy = this.#options.legacy ?? false;
    const tunnel = this.#runtime.worker.addTunnel(conn, {
      peer,
      name,
      legacy,
      received,
      source,
      tls,
      ...limitsOfKey(key),
    });
    this.#greeting.delete(id);
    const address = source.hostname;
    this.#clients.add(tunnel, { id, name, peer, address, key });
    if (key !== undefined) this.#use.entered(key.id);
    this.#watch.look(this.#clients.size, performance.now());
    this.#kernel.up(tunnel, conn.remoteAddr.hostname, tls, performance.now());
    const held = this.#admission.enter(id, visitorKey(hello, key));
    if (!this.#log.coming(address, performance.now())) return;
    logLine(this.#runtime.log, "client-connected", {
      name,
      peer: formatEndpoint(source),
      software,
      held: peer && held,
      proxy: proxy && formatEndpoint(proxy),
    });
  }

  #look(nowMs: number): void {
    this.#watch.look(this.#clients.size, nowMs);
    const keys = this.#keys;
    const sinceMs = nowMs - this.#keysMs;
    if (keys === undefined || sinceMs < UNUSED_MS || nowMs < this.#lookMs) return;
    this.#lookMs = nowMs + UNUSED_LOOK_MS;
    const problem = unusedKeys(this.#use.statuses(keys, nowMs), sinceMs);
    if (problem === undefined) this.#runtime.solved("key-unused");
    else this.#runtime.problem(problem);
  }

  get #welcome(): Hello {
    const { hello, worker } = this.#runtime;
    return worker.linkState === "up" ? hello : { ...hello, linkDown: true };
  }

  #logRefused(
    address: string,
    reason: string,
    cause: RefusalReason | "accept",
    name?: string,
  ): void {
    const nowMs = performance.now();
    this.#watch.refused(address, reason, nowMs);
    const suppressed = this.#log.refusal(address, nowMs);
    if (suppressed < 0) return;
    logLine(this.#runtime.log, "connection-refused", {
      peer: address || undefined,
      reason,
      name,
      suppressed: suppressed || undefined,
      cause,
    });
  }

  #tunnelDown(tunnel: number, reason: string, cause: TunnelCause): void {
    const client = this.#clients.remove(tunnel);
    if (client === undefined) return;
    if (client.key !== undefined) this.#use.left(client.key.id, performance.now());
    this.#kernel.down(tunnel, performance.now());
    const held = this.#admission.left(client.id);
    if (this.#log.going(client.address, performance.now())) {
      logLine(this.#runtime.log, "client-gone", { name: client.name, reason, held, cause });
    }
  }
}

/** The options from which the rules of the admission are made. */
type RuleName = "allow" | "proxyProtocol" | "maxClients" | "maxClientsPerAddress";

function rulesOf(
  { allow = [], proxyProtocol = [], maxClients, maxClientsPerAddress }: Pick<
    ServerOptions,
    RuleName
  >,
  hasKeys: boolean,
): AdmissionRules {
  // Keys say who may connect, so that a list is a restriction that need not be there.
  const allowed = allowList(allow, hasKeys ? EVERYBODY : undefined);
  return { allow: allowed, proxies: proxyList(proxyProtocol), maxClients, maxClientsPerAddress };
}

// Picks the tags from the options. It does not compile if one is missing.
function tagsOf({ hostUniq, relayTag, circuitId, remoteId }: ServerOptions): AddedTags {
  return { hostUniq, relayTag, circuitId, remoteId } satisfies Record<keyof AddedTags, unknown>;
}

/**
 * Returns the key by which the admission knows a client. One with a pre-shared key has one place under its
 * name, whatever its greeting says.
 */
function visitorKey(hello: Hello, key: ClientKey | undefined): string | undefined {
  return key === undefined ? peerKey(hello) : peerKeyOfName(key.name);
}
