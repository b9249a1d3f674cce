// A server in memory, with the program's own handshakes, admission and data plane.

import type { FromWorker } from "../../../src/dataplane/messages.ts";
import { Admission, MAX_CLIENTS } from "../../../src/server/admission.ts";
import { allowList, proxyList } from "../../../src/net/address_list.ts";
import { ServerHandshake } from "../../../src/tunnel/handshake_machine.ts";
import { peerKey } from "../../../src/tunnel/identity.ts";
import type { Hello } from "../../../src/wire/mod.ts";
import { type Clock, Greeting, type MemoryEnd } from "./network.ts";
import { MemoryPlane, type MemoryPlaneOptions } from "./plane.ts";

/** The address that the admission sees for every client in memory. */
const ADDRESS = "192.0.2.1";

/** Options of {@linkcode MemoryServer}. */
export interface MemoryServerOptions extends Omit<MemoryPlaneOptions, "heard"> {
  /** The host that it listens on. */
  host: string;
  hello: Hello;
  heard?(message: FromWorker): void;
  /** Called when a connection is about to become a tunnel. */
  enters?(tunnel: number, end: MemoryEnd, peer: string | undefined, name: string): void;
  /** Makes a handshake. */
  handshake?(...args: ConstructorParameters<typeof ServerHandshake>): ServerHandshake;
}

/** A server that accepts connections in memory. */
export class MemoryServer {
  readonly plane: MemoryPlane;
  readonly #options: MemoryServerOptions;
  readonly #clock: Clock;
  readonly #admission = new Admission({
    allow: allowList([`${ADDRESS}/32`]),
    proxies: proxyList([]),
    maxClientsPerAddress: MAX_CLIENTS.limit,
  }, { random: () => 0.5 });
  readonly #greeting = new Map<number, { end: MemoryEnd; greeting: Greeting | undefined }>();
  /** The ids of clients in the admission, by the ids of their tunnels in the plane. */
  readonly #tunnels = new Map<number, number>();
  #tunnelIds = 0;
  #over = false;

  constructor(options: MemoryServerOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.plane = new MemoryPlane({ ...options, heard: (message) => this.#heard(message) });
  }

  /** Starts the plane, then listens. */
  start(): void {
    this.plane.start();
    this.#options.network.listen(this.#options.host, (end) => this.#accept(end));
  }

  /** Stops it in an orderly way. */
  stop(keep: boolean): void {
    for (const end of this.#end()) end.transport.close();
    this.plane.stop(keep);
  }

  /** Ends it at once, and returns the ends of all its connections, which stay as they are. */
  kill(): MemoryEnd[] {
    return [...this.#end(), ...this.plane.kill()];
  }

  #end(): MemoryEnd[] {
    this.#options.network.close(this.#options.host);
    this.#over = true;
    const ends = [...this.#greeting.values()].map(({ end, greeting }) => {
      greeting?.abandon();
      return end;
    });
    this.#greeting.clear();
    return ends;
  }

  #heard(message: FromWorker): void {
    this.#options.heard?.(message);
    if (message.type === "held") this.#admission.held(message.peer, message.sessions);
    if (message.type === "tunnel-down") {
      const id = this.#tunnels.get(message.id);
      this.#tunnels.delete(message.id);
      if (id !== undefined) this.#admission.left(id);
    }
  }

  #accept(end: MemoryEnd): void {
    const { nowMs } = this.#clock;
    for (const id of this.#admission.overdue(nowMs)) this.#drop(id);
    const arrival = this.#admission.arrive(ADDRESS, nowMs);
    if ("refused" in arrival) return end.transport.close();
    const { id } = arrival;
    const { handshake = (...args) => new ServerHandshake(...args) } = this.#options;
    const { state } = this.plane.link;
    const { hello } = this.#options;
    const welcome: Hello = state === "up" ? hello : { ...hello, linkDown: true };
    const machine = handshake(
      welcome,
      this.#clock.nowMs,
      (hello) => this.#admission.refusal(id, peerKey(hello)),
    );
    const visit = { end, greeting: undefined as Greeting | undefined };
    this.#greeting.set(id, visit);
    visit.greeting = new Greeting(this.#clock, end, machine, () => {
      if (this.#over || this.#greeting.get(id) !== visit) return;
      if (machine.state.is !== "done") return this.#drop(id);
      const { peer: hello, received } = machine.state.handshake;
      this.#enter(id, end, hello, received);
    });
  }

  #enter(id: number, end: MemoryEnd, hello: Hello, received: Uint8Array): void {
    const peer = peerKey(hello);
    if (this.#admission.refusal(id, peer) !== undefined) return this.#drop(id);
    this.#greeting.delete(id);
    const tunnel = ++this.#tunnelIds;
    this.#tunnels.set(tunnel, id);
    this.#admission.enter(id, peer);
    const { name } = hello;
    this.#options.enters?.(tunnel, end, peer, name);
    const addresses = { endpoint: `${name}:1`, address: name, pathAddress: name };
    const facts = { peer, name, ...addresses, legacy: false, received };
    this.plane.addTunnel({ id: tunnel, ...facts }, end);
  }

  #drop(id: number): void {
    const visit = this.#greeting.get(id);
    this.#greeting.delete(id);
    this.#admission.left(id);
    visit?.greeting?.abandon();
    visit?.end.transport.close();
  }
}
