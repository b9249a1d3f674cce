// Connecting to a server over TCP, at the first of its addresses that answers.

import { lookup } from "node:dns/promises";
import { reasonOf } from "../reason.ts";
import { ConnectAttempt, type ConnectCommand, describeConnectFailure } from "./connect_attempt.ts";
import type { Endpoint } from "./endpoint.ts";
import { KnownAddresses } from "./known_addresses.ts";

/**
 * Connects to a server at the first of its addresses that answers. The next address is tried after a quarter
 * of a second, or at once when one has failed (RFC 8305).
 *
 * @param endpoint The server; a name is looked up each time
 * @param signal Ends the attempt
 * @returns The connection
 * @throws {Error} If no address answers, with the reasons
 */
export async function connect(endpoint: Endpoint, signal: AbortSignal): Promise<Deno.TcpConn> {
  signal.throwIfAborted();
  const connecting = new Connecting(endpoint);
  const abort = () => connecting.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await connecting.conn;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Words for the resolver's codes. */
const REASONS: { readonly [code: string]: string } = {
  ENOTFOUND: "no such name",
  EAI_AGAIN: "no name server answers",
};

/**
 * Looks up a name.
 *
 * @param hostname A name or an IP address
 * @returns The IP addresses, in the order of the system's preference
 * @throws {Error} If the name is unknown, or no resolver answers
 */
export async function lookUp(hostname: string): Promise<string[]> {
  try {
    const found = await lookup(hostname, { all: true });
    return found.map(({ address }) => address);
  } catch (error) {
    const reason = REASONS[(error as { code?: string }).code ?? ""];
    throw reason === undefined ? error : new Error(reason, { cause: error });
  }
}

/** Carries out an attempt. */
class Connecting {
  readonly #endpoint: Endpoint;
  readonly #attempt: ConnectAttempt;
  readonly #conns = new Map<number, Deno.TcpConn>();
  readonly #result = Promise.withResolvers<Deno.TcpConn>();
  #ids = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The last error, as the cause of a failure. */
  #cause: unknown;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    const caller = {
      command: (command: ConnectCommand) => void this.#do(command),
      newId: () => ++this.#ids,
      checks: false,
    };
    this.#attempt = new ConnectAttempt(endpoint, new KnownAddresses(), caller, performance.now());
    this.#settle();
  }

  get conn(): Promise<Deno.TcpConn> {
    return this.#result.promise;
  }

  abort(reason: unknown): void {
    this.#attempt.drop();
    clearTimeout(this.#timer);
    this.#result.reject(reason);
  }

  async #do(command: ConnectCommand): Promise<void> {
    const { type, id } = command;
    try {
      if (type === "resolve") {
        const addresses = await lookUp(command.hostname);
        this.#attempt.resolved(id, addresses, performance.now());
      } else if (type === "connect") {
        const conn = await Deno.connect({ ...command.address, transport: "tcp" });
        if (!this.#attempt.has(id)) return conn.close();
        this.#conns.set(id, conn);
        this.#attempt.connected(id, performance.now());
      } else return;
    } catch (error) {
      this.#cause = error;
      this.#attempt.failed(id, reasonOf(error), performance.now());
    }
    this.#settle();
  }

  #settle(): void {
    clearTimeout(this.#timer);
    const { result, dueMs } = this.#attempt;
    if (result === undefined) {
      if (dueMs === Infinity) return;
      this.#timer = setTimeout(() => {
        this.#attempt.tick(performance.now());
        this.#settle();
      }, Math.max(0, dueMs - performance.now()));
    } else if ("id" in result) this.#result.resolve(this.#conns.get(result.id)!);
    else {
      const message = describeConnectFailure(this.#endpoint, result.failure);
      this.#result.reject(new Error(message, { cause: this.#cause }));
    }
  }
}
