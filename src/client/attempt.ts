// One attempt to reach a server: resolves its name, connects to each address in turn, and greets.

import { ConnectAttempt } from "../net/connect_attempt.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { FEATURE, type Hello } from "../wire/mod.ts";
import type { ClientCommand, ClientEvent, ClientFailure } from "./messages.ts";

/** A connection that can be handed over. */
export interface Greeted {
  readonly id: number;
  /** The index of the server. */
  readonly at: number;
  /** The name that the server gives itself. */
  readonly name: string;
  /** The server's key across tunnels; undefined if it keeps no sessions. */
  readonly peer: string | undefined;
  /** The address of the server, as HOST:PORT. */
  readonly endpoint: string;
  /** The server's greeting; undefined for an older server, which sends none. */
  readonly hello: Hello | undefined;
}

/** The result of an attempt. */
export type AttemptResult = { greeted: Greeted } | { failure: ClientFailure };

/** The machine, as its attempts see it. */
export interface AttemptHost {
  /** Takes commands. */
  command(command: ClientCommand): void;
  /** Returns an id that has never been used. */
  newId(): number;
  /** True for older servers, which know no handshake and count as greeted once they are connected. */
  readonly legacy: boolean;
}

/** An attempt at one server. Times are in ms, by a monotonic clock. */
export class Attempt {
  /** The index of the server. */
  readonly at: number;
  /** The result; undefined while the attempt continues. */
  result: AttemptResult | undefined;
  readonly #server: Endpoint;
  readonly #host: AttemptHost;
  readonly #connect: ConnectAttempt;
  /** The id of the lookup or connection that is under way. */
  #id = 0;
  #endpoint = "";

  /**
   * Begins an attempt.
   *
   * @param at The index of the server
   * @param server The server
   * @param host Takes the commands
   * @param nowMs The time
   */
  constructor(at: number, server: Endpoint, host: AttemptHost, nowMs: number) {
    this.at = at;
    this.#server = server;
    this.#host = host;
    this.#connect = new ConnectAttempt(server, nowMs);
    this.#begin();
  }

  /** The time at which to call {@linkcode tick}. A greeting has its own deadline, in the handshake. */
  get dueMs(): number {
    return this.result === undefined ? this.#connect.dueMs : Infinity;
  }

  /**
   * Handles an event that may belong to this attempt.
   *
   * @param event The event; one for another id is ignored
   * @param nowMs The time
   */
  handle(event: ClientEvent, nowMs: number): void {
    if (!("id" in event) || event.id !== this.#id || this.result !== undefined) return;
    switch (event.type) {
      case "resolved":
        return this.#move(() => this.#connect.resolved(event.addresses, nowMs));
      case "connected":
        this.#endpoint = event.endpoint;
        return this.#move(() => this.#connect.connected());
      case "greeted":
        if (this.#connect.step.is !== "connected") return;
        return this.#greeted(event.server);
      case "failed":
        if (this.#connect.step.is !== "connected") {
          return this.#move(() => this.#connect.failed(event.reason, nowMs));
        }
        this.result = { failure: { step: "greet", reason: event.reason } };
        return;
    }
  }

  /**
   * Gives up the current step if its time is over.
   *
   * @param nowMs The time
   */
  tick(nowMs: number): void {
    if (nowMs < this.dueMs) return;
    this.#host.command({ type: "drop", id: this.#id });
    this.#move(() => this.#connect.tick(nowMs));
  }

  /** Gives up the attempt. */
  drop(): void {
    if (this.result === undefined) this.#host.command({ type: "drop", id: this.#id });
  }

  /** Moves the connecting on, and issues the next command. */
  #move(act: () => void): void {
    const { step } = this.#connect;
    act();
    if (this.#connect.step !== step) this.#begin();
  }

  #begin(): void {
    const { step } = this.#connect;
    switch (step.is) {
      case "resolve":
        this.#id = this.#host.newId();
        return this.#host.command({ type: "resolve", id: this.#id, hostname: step.hostname });
      case "connect":
        this.#id = this.#host.newId();
        return this.#host.command({ type: "connect", id: this.#id, address: step.address });
      case "connected":
        if (this.#host.legacy) return this.#greeted(undefined);
        return this.#host.command({ type: "greet", id: this.#id, server: this.#server });
      case "failed":
        this.result = { failure: step.failure };
    }
  }

  #greeted(hello: Hello | undefined): void {
    const resumes = hello !== undefined && (hello.features & FEATURE.RESUME) !== 0;
    this.result = {
      greeted: {
        id: this.#id,
        at: this.at,
        name: hello?.name ?? this.#endpoint,
        peer: resumes ? formatEndpoint(this.#server) : undefined,
        endpoint: this.#endpoint,
        hello,
      },
    };
  }
}
