// A network in memory on which programs listen and connect. Its paths can delay and lose bytes, and break.

import { Pinned } from "../../../ffi/mod.ts";
import { MemoryDescriptors } from "../../../src/poll/memory.ts";
import { type MemoryPath, MemoryTransport } from "../../../src/transport/memory.ts";
import type { HandshakeMachine } from "../../../src/tunnel/handshake_machine.ts";

/** A clock, and the events that happen by it. */
export interface Clock {
  readonly nowMs: number;
  /** Schedules an event for a time. */
  at(ms: number, happen: () => void): void;
}

/** The conditions on a network, which can change at any time. */
export type Conditions = Pick<MemoryPath, "delayMs" | "roomBytes" | "takes">;

/** The fate of an attempt to connect. */
export type Fate = "answered" | "refused" | "lost";

/** One end of a connection. */
export class MemoryEnd {
  readonly transport: MemoryTransport;
  /** The host that was connected to. */
  readonly host: string;
  peer!: MemoryEnd;
  /** Called when the transport may be ready. */
  ready: () => void = () => {};

  constructor(transport: MemoryTransport, host: string) {
    this.transport = transport;
    this.host = host;
  }
}

/** A network. Everything on it happens as an event of the clock, never within a call. */
export class MemoryNetwork {
  readonly descriptors = new MemoryDescriptors();
  readonly #clock: Clock;
  readonly #conditions: Conditions;
  readonly #listeners = new Map<string, (end: MemoryEnd) => void>();
  readonly #ends = new WeakMap<MemoryTransport, MemoryEnd>();

  constructor(clock: Clock, conditions: Conditions = {}) {
    this.#clock = clock;
    this.#conditions = conditions;
  }

  /** Accepts connections to a host from now on. */
  listen(host: string, accept: (end: MemoryEnd) => void): void {
    this.#listeners.set(host, accept);
  }

  /** Accepts no more connections to a host. */
  close(host: string): void {
    this.#listeners.delete(host);
  }

  /**
   * Connects to a host.
   *
   * @param host The host to connect to
   * @param done Called when the host has answered, with undefined if it refused; never called if the
   * attempt was lost
   * @param fate The fate of the attempt
   */
  connect(
    host: string,
    done: (end: MemoryEnd | undefined) => void,
    fate: Fate = "answered",
  ): void {
    const { delayMs = () => 0 } = this.#conditions;
    if (fate === "lost") return;
    this.#clock.at(this.#clock.nowMs + delayMs(), () => {
      const accept = this.#listeners.get(host);
      if (fate === "refused" || accept === undefined) return done(undefined);
      const [near, far] = this.#pair(host);
      accept(far);
      this.#clock.at(this.#clock.nowMs + delayMs(), () => done(near));
    });
  }

  #pair(host: string): [MemoryEnd, MemoryEnd] {
    const clock = this.#clock;
    const { delayMs, roomBytes, takes } = this.#conditions;
    const [near, far] = MemoryTransport.pair(this.descriptors, {
      now: () => clock.nowMs,
      arrives: (transport, atMs) => clock.at(atMs, () => this.#ends.get(transport)!.ready()),
      delayMs,
      roomBytes,
      takes,
    }).map((transport) => {
      const end = new MemoryEnd(transport, host);
      this.#ends.set(transport, end);
      return end;
    });
    near.peer = far;
    far.peer = near;
    return [near, far];
  }
}

/** Performs a handshake over one end, until it has a result or the end is closed. */
export class Greeting {
  readonly #clock: Clock;
  readonly #end: MemoryEnd;
  readonly #machine: HandshakeMachine;
  readonly #done: () => void;
  #unsent = new Uint8Array(0);
  #dueMs = Infinity;
  #over = false;

  constructor(clock: Clock, end: MemoryEnd, machine: HandshakeMachine, done: () => void) {
    this.#clock = clock;
    this.#end = end;
    this.#machine = machine;
    this.#done = done;
    end.ready = () => this.#move();
    this.#move();
  }

  /** Stops the handshake, because its program is gone. */
  abandon(): void {
    this.#over = true;
  }

  #move(): void {
    if (this.#over) return;
    const { transport } = this.#end;
    const { nowMs } = this.#clock;
    const buffer = new Uint8Array(4096);
    while (this.#machine.state.is === "waiting") {
      const count = transport.receive(buffer);
      if (count > 0) this.#machine.receive(buffer.subarray(0, count), nowMs);
      else {
        if (count === 0 || count < -1) this.#machine.close();
        break;
      }
    }
    this.#machine.tick(nowMs);
    const output = this.#machine.takeOutput();
    if (output !== undefined) this.#unsent = Uint8Array.of(...this.#unsent, ...output);
    this.#send();
    const { dueMs } = this.#machine;
    if (dueMs !== this.#dueMs && dueMs < Infinity) this.#clock.at(dueMs, () => this.#move());
    this.#dueMs = dueMs;
    if (this.#machine.state.is === "waiting" || this.#unsent.length > 0) return;
    this.#over = true;
    this.#end.ready = () => {};
    this.#done();
  }

  #send(): void {
    const { transport } = this.#end;
    while (this.#unsent.length > 0) {
      transport.add(new Pinned(this.#unsent), 0, this.#unsent.length);
      const sent = transport.send();
      if (sent <= 0) {
        // A broken connection accepts nothing more.
        if (sent < -1) this.#unsent = new Uint8Array(0);
        return;
      }
      this.#unsent = this.#unsent.slice(sent);
    }
  }
}
