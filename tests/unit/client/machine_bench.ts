// A client's machine with a clock that the test sets, and commands that the test carries out.

import { assert, assertEquals } from "@std/assert";
import type { Endpoint } from "../../../src/net/endpoint.ts";
import { FEATURE, type Hello } from "../../../src/wire/mod.ts";
import { ClientMachine, type ClientMachineOptions } from "../../../src/client/machine.ts";
import type { ClientCommand, ClientEvent, ClientNote } from "../../../src/client/messages.ts";

export const SERVERS: Endpoint[] = ["a.example", "b.example", "c.example"].map((hostname) => ({
  hostname,
  port: 8000,
}));
/** The servers' keys across tunnels. */
export const [A, B, C] = SERVERS.map(({ hostname, port }) => `${hostname}:${port}`);
export const HELLO: Hello = {
  version: 1,
  features: FEATURE.RESUME,
  name: "tokyo",
  software: "test/1",
};

type Action = Exclude<ClientCommand, { type: "note" }>;

export class Bench {
  readonly machine: ClientMachine;
  readonly actions: Action[] = [];
  notes: ClientNote[] = [];
  nowMs = 1_000_000;

  /** Makes a machine with a number of servers. */
  constructor(servers: number, options: Partial<ClientMachineOptions> = {}) {
    const random = () => 0.5;
    this.machine = new ClientMachine({ servers: SERVERS.slice(0, servers), random, ...options });
  }

  /** Makes a machine and starts it. */
  static start(servers: number, options: Partial<ClientMachineOptions> = {}): Bench {
    const bench = new Bench(servers, options);
    bench.handle({ type: "started" });
    return bench;
  }

  handle(event: ClientEvent): void {
    this.machine.handle(event, this.nowMs);
    this.#collect();
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.machine.tick(this.nowMs);
    this.#collect();
  }

  /** Lets time pass until the machine is due; returns the time in ms. */
  due(): number {
    const ms = this.machine.dueMs - this.nowMs;
    assert(ms < Infinity, "it waits for nothing");
    this.pass(ms);
    return ms;
  }

  /** Takes the next command, which must have a certain type. */
  take<T extends Action["type"]>(type: T): Action & { type: T } {
    const action = this.actions.shift();
    assertEquals(action?.type, type);
    return action as Action & { type: T };
  }

  /** Asserts that there are no more commands. */
  idle(): void {
    assertEquals(this.actions, []);
  }

  /** Takes the notes since the last call. */
  takeNotes(): ClientNote[] {
    const { notes } = this;
    this.notes = [];
    return notes;
  }

  /** Completes a lookup and a connection; returns the connection's id. */
  connected(hostname: string): number {
    const lookup = this.take("resolve");
    assertEquals(lookup.hostname, hostname);
    this.handle({ type: "resolved", id: lookup.id, addresses: ["192.0.2.1"] });
    const { id } = this.take("connect");
    this.handle({ type: "connected", id, endpoint: "192.0.2.1:8000" });
    return id;
  }

  /** Completes an attempt up to the server's greeting; returns the connection's id. */
  greeted(hostname: string, hello: Hello = HELLO): number {
    const id = this.connected(hostname);
    assertEquals(this.take("greet"), {
      type: "greet",
      id,
      server: { hostname, port: 8000 },
    });
    this.handle({ type: "greeted", id, server: hello });
    return id;
  }

  /** Completes an attempt up to the tunnel; returns its id. */
  tunnel(hostname: string, hello: Hello = HELLO): number {
    const id = this.greeted(hostname, hello);
    assertEquals(this.take("hand-over").id, id);
    this.handle({ type: "handed-over", id });
    this.handle({ type: "tunnel-up", id });
    assertEquals(this.machine.state, "up");
    return id;
  }

  /** Fails a lookup. */
  fails(hostname: string): void {
    const lookup = this.take("resolve");
    assertEquals(lookup.hostname, hostname);
    this.handle({ type: "failed", id: lookup.id, reason: "no such name" });
    this.idle();
  }

  #collect(): void {
    for (let command; (command = this.machine.poll()) !== undefined;) {
      if (command.type === "note") this.notes.push(command.note);
      else this.actions.push(command);
    }
  }
}
