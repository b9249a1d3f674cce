// One attempt to reach a server: finds an address that answers, and greets.

import { ConnectAttempt, type ConnectCommand } from "../net/connect_attempt.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import type { KnownAddresses } from "../net/known_addresses.ts";
import { FEATURE, type Hello } from "../wire/mod.ts";
import type { ClientCommand, ClientEvent, ClientFailure } from "./messages.ts";

/** A server that a client may use. */
export interface ServerFacts {
  /** Its place in the list of servers. */
  readonly at: number;
  readonly endpoint: Endpoint;
  readonly known: KnownAddresses;
}

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
export interface AttemptCaller {
  /** Takes commands. */
  command(command: ClientCommand): void;
  /** Returns an id that has never been used. */
  newId(): number;
  /** True for older servers, which know no handshake and count as greeted once they are connected. */
  readonly legacy: boolean;
  /** Returns true if another address may be better than one whose server says that its link is down. */
  avoidsLinkDown(at: number): boolean;
  /** Notes that a lookup has failed, although the attempt goes on with the addresses of an earlier one. */
  lookupFailed(at: number, reason: string, nowMs: number): void;
}

/** An attempt at one server. Times are in ms, by a monotonic clock. */
export class Attempt {
  /** The index of the server. */
  readonly at: number;
  /** The result; undefined while the attempt continues. */
  result: AttemptResult | undefined;
  readonly #server: ServerFacts;
  readonly #caller: AttemptCaller;
  readonly #connect: ConnectAttempt;
  /** The greetings and addresses of connections, by their ids. */
  readonly #answers = new Map<number, { endpoint: string; hello?: Hello }>();
  #toldLookupFailure = false;

  /**
   * Begins an attempt.
   *
   * @param server The server
   * @param caller Takes the commands
   * @param nowMs The time
   */
  constructor(server: ServerFacts, caller: AttemptCaller, nowMs: number) {
    this.at = server.at;
    this.#server = server;
    this.#caller = caller;
    this.#connect = new ConnectAttempt(server.endpoint, server.known, {
      command: (command) => caller.command(this.#asClient(command)),
      newId: () => caller.newId(),
      checks: !caller.legacy,
    }, nowMs);
  }

  /** The time at which to call {@linkcode tick}. A greeting has its own deadline, in the handshake. */
  get dueMs(): number {
    return this.#connect.dueMs;
  }

  /**
   * Handles an event that may belong to this attempt.
   *
   * @param event The event; one for another id is ignored
   * @param nowMs The time
   */
  handle(event: ClientEvent, nowMs: number): void {
    if (!("id" in event) || this.result !== undefined || !this.#connect.has(event.id)) return;
    const { id } = event;
    switch (event.type) {
      case "resolved":
        this.#connect.resolved(id, event.addresses, nowMs);
        break;
      case "connected":
        this.#answers.set(id, { endpoint: event.endpoint });
        this.#connect.connected(id, nowMs);
        break;
      case "greeted": {
        const { server: hello } = event;
        const answer = this.#answers.get(id);
        if (answer === undefined) return;
        answer.hello = hello;
        const isGood = !(hello.linkDown ?? false) || !this.#caller.avoidsLinkDown(this.at);
        this.#connect.checked(id, isGood, nowMs);
        break;
      }
      case "failed":
        this.#connect.failed(id, event.reason, nowMs);
    }
    this.#settle(nowMs);
  }

  /**
   * Does the work that is due.
   *
   * @param nowMs The time
   */
  tick(nowMs: number): void {
    this.#connect.tick(nowMs);
    this.#settle(nowMs);
  }

  /**
   * Tries again what has failed or is stuck, because the network has changed.
   *
   * @param nowMs The time
   */
  renew(nowMs: number): void {
    this.#connect.renew(nowMs);
    this.#settle(nowMs);
  }

  /** Gives up the attempt. */
  drop(): void {
    if (this.result === undefined) this.#connect.drop();
  }

  #asClient(command: ConnectCommand): ClientCommand {
    if (command.type !== "check") return command;
    return { type: "greet", id: command.id, server: this.#server.endpoint };
  }

  #settle(nowMs: number): void {
    const { result, lookupFailure } = this.#connect;
    if (result === undefined) {
      if (lookupFailure === undefined || this.#toldLookupFailure) return;
      this.#toldLookupFailure = true;
      return this.#caller.lookupFailed(this.at, lookupFailure, nowMs);
    }
    if ("id" in result) {
      const { endpoint, hello } = this.#answers.get(result.id)!;
      this.result = { greeted: this.#greeted(result.id, endpoint, hello) };
    } else {
      const { step, reason } = result.failure;
      this.result = { failure: { step: step === "check" ? "greet" : step, reason } };
    }
  }

  #greeted(id: number, endpoint: string, hello: Hello | undefined): Greeted {
    const resumes = hello !== undefined && (hello.features & FEATURE.RESUME) !== 0;
    return {
      id,
      at: this.at,
      name: hello?.name ?? endpoint,
      peer: resumes ? formatEndpoint(this.#server.endpoint) : undefined,
      endpoint,
      hello,
    };
  }
}
