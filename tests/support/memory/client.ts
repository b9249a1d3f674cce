// A client in memory, with the program's own machine, handshake and data plane.

import { ClientMachine, type ClientMachineOptions } from "../../../src/client/machine.ts";
import type { ClientCommand, ClientEvent, ClientNote } from "../../../src/client/messages.ts";
import type { FromWorker, TunnelFacts } from "../../../src/dataplane/messages.ts";
import type { Endpoint } from "../../../src/net/endpoint.ts";
import { ClientHandshake } from "../../../src/tunnel/handshake_machine.ts";
import { secretFor } from "../../../src/tunnel/identity.ts";
import type { Hello } from "../../../src/wire/mod.ts";
import { type Clock, type Fate, Greeting, type MemoryEnd, type MemoryNetwork } from "./network.ts";
import { MemoryPlane, type MemoryPlaneOptions } from "./plane.ts";

/** Options of {@linkcode MemoryClient}. */
export interface MemoryClientOptions extends Omit<MemoryPlaneOptions, "heard"> {
  machine: Omit<ClientMachineOptions, "servers"> & {
    servers: readonly Endpoint[];
    make?: (options: ClientMachineOptions) => ClientMachine;
  };
  /** The greeting, with the client's own secret, from which a secret for each server is derived. */
  hello: Hello;
  heard?(message: FromWorker): void;
  noted?(note: ClientNote): void;
  /** Returns the fate of an attempt to connect; by default it is answered. */
  fate?(): Fate;
  /** Returns the time in ms that a message to the worker takes; 0 by default. */
  busyMs?(): number;
  /** Makes a handshake. */
  handshake?(...parameters: ConstructorParameters<typeof ClientHandshake>): ClientHandshake;
  /** Called when a connection is about to become a tunnel. */
  handsOver?(tunnel: number, end: MemoryEnd, peer: string | undefined): void;
}

interface UnderWay {
  end?: MemoryEnd;
  greeting?: Greeting;
  received: Uint8Array;
}

/** A client that carries out its machine's commands in memory, as `src/client/driver.ts` does for real. */
export class MemoryClient {
  readonly plane: MemoryPlane;
  readonly machine: ClientMachine;
  readonly #options: MemoryClientOptions;
  readonly #clock: Clock;
  readonly #network: MemoryNetwork;
  readonly #underWay = new Map<number, UnderWay>();
  /** The ids of tunnels in the machine, by their ids in the plane. */
  readonly #tunnels = new Map<number, number>();
  /** Tunnels on their way to the plane, in order. */
  readonly #handing = new Map<number, { facts: TunnelFacts; end: MemoryEnd }>();
  #tunnelIds = 0;
  #over = false;

  constructor(options: MemoryClientOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#network = options.network;
    const { make = (options) => new ClientMachine(options), ...machine } = options.machine;
    this.machine = make(machine);
    this.plane = new MemoryPlane({ ...options, heard: (message) => this.#heard(message) });
  }

  /** The connection that is about to become a tunnel. */
  get connecting(): MemoryEnd | undefined {
    for (const { end } of this.#underWay.values()) if (end !== undefined) return end;
    return undefined;
  }

  /** Starts the plane, then connects. */
  start(): void {
    this.plane.start();
    // Comes after the plane's messages about an earlier run.
    this.#later({ type: "started" });
  }

  /** Stops it in an orderly way. */
  stop(keep: boolean): void {
    for (const tunnel of [...this.#handing.keys()]) this.#add(tunnel);
    this.#end();
    this.plane.stop(keep);
  }

  /** Ends it at once, and returns the ends of all its connections, which stay as they are. */
  kill(): MemoryEnd[] {
    const handing = [...this.#handing.values()].map(({ end }) => end);
    this.#handing.clear();
    return [...handing, ...this.#end(), ...this.plane.kill()];
  }

  /** Tells the machine that the network has changed. */
  networkChanged(): void {
    this.#handle({ type: "network-changed", lost: false, reachable: true });
  }

  #end(): MemoryEnd[] {
    const ends: MemoryEnd[] = [];
    for (const { end, greeting } of this.#underWay.values()) {
      greeting?.abandon();
      if (end !== undefined) ends.push(end);
    }
    this.#handle({ type: "stop" });
    this.#over = true;
    return ends;
  }

  #heard(message: FromWorker): void {
    this.#options.heard?.(message);
    switch (message.type) {
      case "held":
        return this.#later({ type: "held", peer: message.peer, sessions: message.sessions });
      case "tunnel-up": {
        const id = this.#tunnels.get(message.id);
        if (id !== undefined) this.#later({ type: "tunnel-up", id });
        return;
      }
      case "tunnel-down": {
        const id = this.#tunnels.get(message.id);
        this.#tunnels.delete(message.id);
        const { reason, cause, goodbye } = message;
        if (id !== undefined) this.#later({ type: "tunnel-down", id, reason, cause, goodbye });
      }
    }
  }

  // The worker's messages arrive in a turn of their own.
  #later(event: ClientEvent): void {
    this.#clock.at(this.#clock.nowMs, () => this.#handle(event));
  }

  #handle(event: ClientEvent): void {
    if (this.#over) return;
    this.machine.handle(event, this.#clock.nowMs);
    this.#carryOut();
  }

  #carryOut(): void {
    for (let command; (command = this.machine.poll()) !== undefined;) this.#do(command);
    const { dueMs } = this.machine;
    if (dueMs === Infinity) return;
    this.#clock.at(dueMs, () => {
      if (this.#over || this.machine.dueMs !== dueMs) return;
      this.machine.tick(this.#clock.nowMs);
      this.#carryOut();
    });
  }

  #do(command: ClientCommand): void {
    switch (command.type) {
      case "resolve": {
        const { id, hostname } = command;
        return this.#later({ type: "resolved", id, addresses: [hostname] });
      }
      case "connect":
        return this.#connect(command.id, command.address);
      case "greet":
        return this.#greet(command.id, command.server);
      case "hand-over":
        return this.#handOver(command.id, command.peer, command.name);
      case "leave":
        this.#forTunnel(command.id, (tunnel) => this.plane.plane.leave(tunnel, command.peer));
        return this.plane.poke();
      case "probe":
        this.#forTunnel(command.id, (tunnel) => this.plane.plane.probe(tunnel));
        return this.plane.poke();
      case "end":
        this.#forTunnel(command.id, (tunnel) => {
          this.plane.plane.end(tunnel, command.reason, command.cause);
        });
        return this.plane.poke();
      case "drop":
        return this.#drop(command.id);
      case "note":
        return this.#options.noted?.(command.note);
    }
  }

  #forTunnel(id: number, act: (tunnel: number) => void): void {
    for (const [tunnel, known] of this.#tunnels) if (known === id) act(tunnel);
  }

  #connect(id: number, { hostname, port }: Endpoint): void {
    const underWay: UnderWay = { received: new Uint8Array(0) };
    this.#underWay.set(id, underWay);
    this.#network.connect(hostname, (end) => {
      if (this.#over || this.#underWay.get(id) !== underWay) return end?.transport.close();
      if (end === undefined) return this.#fail(id, "Connection refused");
      underWay.end = end;
      this.#handle({ type: "connected", id, endpoint: `${hostname}:${port}` });
    }, this.#options.fate?.());
  }

  #greet(id: number, server: Endpoint): void {
    const underWay = this.#underWay.get(id)!;
    const { hello, handshake: make = (...all) => new ClientHandshake(...all) } = this.#options;
    const resumeSecret = hello.resumeSecret && secretFor(hello.resumeSecret, server);
    const handshake = make({ ...hello, resumeSecret }, this.#clock.nowMs);
    underWay.greeting = new Greeting(this.#clock, underWay.end!, handshake, () => {
      if (this.#underWay.get(id) !== underWay) return;
      const { state } = handshake;
      if (state.is === "failed") return this.#fail(id, state.failure.message);
      if (state.is !== "done") return;
      underWay.received = state.handshake.received;
      this.#handle({ type: "greeted", id, server: state.handshake.peer });
    });
  }

  #handOver(id: number, peer: string | undefined, name: string): void {
    const { end, received } = this.#underWay.get(id)!;
    this.#underWay.delete(id);
    const tunnel = ++this.#tunnelIds;
    this.#tunnels.set(tunnel, id);
    this.#options.handsOver?.(tunnel, end!, peer);
    const addresses = { endpoint: `${name}:1`, address: name, pathAddress: name };
    const facts = { peer, name, ...addresses, legacy: false, received };
    this.#handle({ type: "handed-over", id });
    this.#handing.set(tunnel, { facts: { id: tunnel, ...facts }, end: end! });
    const { busyMs = () => 0 } = this.#options;
    this.#clock.at(this.#clock.nowMs + busyMs(), () => this.#add(tunnel));
  }

  #add(tunnel: number): void {
    const handing = this.#handing.get(tunnel);
    this.#handing.delete(tunnel);
    if (handing !== undefined) this.plane.addTunnel(handing.facts, handing.end);
  }

  #drop(id: number): void {
    const underWay = this.#underWay.get(id);
    this.#underWay.delete(id);
    underWay?.greeting?.abandon();
    underWay?.end?.transport.close();
  }

  #fail(id: number, reason: string): void {
    this.#drop(id);
    this.#handle({ type: "failed", id, reason });
  }
}
