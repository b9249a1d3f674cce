// The handshake over a real connection, by the machines of handshake_machine.ts, which make every decision.

import type { Goodbye, Hello } from "../wire/mod.ts";
import { type Carried, carry } from "./carry.ts";
import {
  ClientHandshake,
  type Handshake,
  HANDSHAKE_TIMEOUT_MS,
  type HandshakeMachine,
  type HandshakeState,
  ServerHandshake,
} from "./handshake_machine.ts";

export { HANDSHAKE_TIMEOUT_MS, PROTOCOL_VERSION } from "./handshake_machine.ts";
export type { Handshake } from "./handshake_machine.ts";

/** Error thrown when a handshake fails. */
export class HandshakeError extends Error {
  /** The class's name. */
  override name = "HandshakeError";
  /** The code of `REASON` in the goodbye that was received or sent; undefined if there was none. */
  readonly reason: number | undefined;

  /** Makes an error, with the code of its goodbye if there is one. */
  constructor(message: string, reason?: number) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Performs the client's part of a handshake: says hello, and waits for the welcome.
 *
 * @param conn A connection to a server, which the caller closes on an error
 * @param hello The greeting to send
 * @param timeoutMs The time to wait for the answer, in ms
 * @returns The server's greeting
 * @throws {HandshakeError} If the server refuses, does not answer in time, or does not speak this protocol
 *
 * @example Both sides on one machine
 * ```ts
 * import { greetClient, greetServer, PROTOCOL_VERSION } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const hello = (name: string) => ({ version: PROTOCOL_VERSION, features: 0, name, software: "" });
 * const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const accepted = listener.accept();
 * const near = await Deno.connect({ ...listener.addr as Deno.NetAddr, transport: "tcp" });
 * const far = await accepted;
 * const [server, client] = await Promise.all([
 *   greetServer(near, hello("osaka")),
 *   greetClient(far, hello("tokyo")),
 * ]);
 * assertEquals([server.peer.name, client.peer.name], ["tokyo", "osaka"]);
 * for (const closable of [near, far, listener]) closable.close();
 * ```
 *
 * See docs/PROTOCOL.md.
 */
export async function greetServer(
  conn: Deno.Conn,
  hello: Hello,
  timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
): Promise<Handshake> {
  return await perform(conn, new ClientHandshake(hello, performance.now(), timeoutMs));
}

/**
 * Performs the server's part of a handshake: waits for a hello, and answers with a welcome.
 * {@linkcode greetServer} has an example.
 *
 * @param conn A client's connection, which the caller closes on an error
 * @param welcome The greeting to answer with
 * @param refuse Returns the goodbye for a client that is refused; undefined if it is welcome
 * @param timeoutMs The time to wait for the hello, in ms
 * @param received The start of the client's bytes, if it has been read already
 * @returns The client's greeting
 * @throws {HandshakeError} If the client sends no acceptable hello; the client has been told the reason
 */
export async function greetClient(
  conn: Pick<Deno.Conn, "read" | "write">,
  welcome: Hello,
  refuse: (peer: Hello) => Goodbye | undefined = () => undefined,
  timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
  received?: Uint8Array,
): Promise<Handshake> {
  const machine = new ServerHandshake(welcome, performance.now(), refuse, timeoutMs);
  return await perform(conn, machine, received);
}

async function perform(
  conn: Carried,
  machine: HandshakeMachine,
  received?: Uint8Array,
): Promise<Handshake> {
  const state = await carry<HandshakeState>(conn, machine, received);
  if (state.is === "done") return state.handshake;
  throw new HandshakeError(state.failure.message, state.failure.reason);
}
