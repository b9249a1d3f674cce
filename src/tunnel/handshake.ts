// The handshake over a real connection: carries bytes between a connection and the machines of
// handshake_machine.ts, which make every decision.

import type { Goodbye, Hello } from "../wire/mod.ts";
import { GREETING_MAX } from "./first_frame.ts";
import {
  ClientHandshake,
  type Handshake,
  HANDSHAKE_TIMEOUT_MS,
  type HandshakeMachine,
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
  return await carry(conn, new ClientHandshake(hello, performance.now(), timeoutMs));
}

/**
 * Performs the server's part of a handshake: waits for a hello, and answers with a welcome.
 * {@linkcode greetServer} has an example.
 *
 * @param conn A client's connection, which the caller closes on an error
 * @param welcome The greeting to answer with
 * @param refuse Returns the goodbye for a client that is refused; undefined if it is welcome
 * @param timeoutMs The time to wait for the hello, in ms
 * @returns The client's greeting
 * @throws {HandshakeError} If the client sends no acceptable hello; the client has been told the reason
 */
export async function greetClient(
  conn: Deno.Conn,
  welcome: Hello,
  refuse: (peer: Hello) => Goodbye | undefined = () => undefined,
  timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
): Promise<Handshake> {
  return await carry(conn, new ServerHandshake(welcome, performance.now(), refuse, timeoutMs));
}

async function carry(conn: Deno.Conn, machine: HandshakeMachine): Promise<Handshake> {
  const bytes = new Uint8Array(GREETING_MAX);
  let reading: Promise<Reading> | undefined;
  while (machine.state.is === "waiting") {
    // What a peer that is already gone has said can still be read.
    await tell(conn, machine.takeOutput());
    reading ??= read(conn, bytes);
    const result = await before(machine.dueMs, reading);
    const nowMs = performance.now();
    if (result === "late") machine.tick(Math.max(nowMs, machine.dueMs));
    else {
      reading = undefined;
      if (typeof result === "number") machine.receive(bytes.subarray(0, result), nowMs);
      else machine.close(result);
    }
  }
  const { state } = machine;
  if (state.is === "failed") {
    await tell(conn, machine.takeOutput());
    throw new HandshakeError(state.failure.message, state.failure.reason);
  }
  await writeAll(conn, machine.takeOutput());
  return state.handshake;
}

/** The number of bytes that were read, or how the peer has ended the connection. */
type Reading = number | "closed" | "reset";

/** The errors of a peer that has ended the connection, and not in order. */
const RESET = [Deno.errors.ConnectionReset, Deno.errors.ConnectionAborted, Deno.errors.BrokenPipe];

async function read(conn: Deno.Conn, bytes: Uint8Array): Promise<Reading> {
  try {
    return await conn.read(bytes) ?? "closed";
  } catch (error) {
    if (RESET.some((reset) => error instanceof reset)) return "reset";
    throw error;
  }
}

/** Waits for a limited time. A read that is late continues; it ends when the connection is closed. */
async function before(dueMs: number, reading: Promise<Reading>): Promise<Reading | "late"> {
  reading.catch(() => {});
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), dueMs - performance.now());
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes to a peer that may be gone. */
async function tell(conn: Deno.Conn, bytes: Uint8Array<ArrayBuffer> | undefined): Promise<void> {
  try {
    await writeAll(conn, bytes);
  } catch {
    // The peer is already gone.
  }
}

async function writeAll(conn: Deno.Conn, bytes = new Uint8Array(0)): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
