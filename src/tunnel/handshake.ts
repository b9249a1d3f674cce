// The handshake over a real connection: carries bytes between a connection and the machines of
// handshake_machine.ts, which make every decision.

import { emitGoodbye, encodeFrame, FRAME, type Goodbye, type Hello } from "../wire/mod.ts";
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

/** A handshake that failed. */
export class HandshakeError extends Error {
  /** The class's name. */
  override name = "HandshakeError";
  /** A code of `REASON`, where the peer said goodbye or was told one. */
  readonly reason: number | undefined;

  /** An error with its reason, where there is one. */
  constructor(message: string, reason?: number) {
    super(message);
    this.reason = reason;
  }
}

/**
 * The client's part: says hello, and waits to be welcomed.
 *
 * @param conn A connection to a server, which the caller closes on an error
 * @param hello The greeting to send
 * @param timeoutMs The time to wait for the answer, in ms
 * @returns The server's greeting
 * @throws {HandshakeError} If the server refuses, says nothing in time, or does not speak this protocol
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
 * The server's part: waits for a hello, and welcomes it. {@linkcode greetServer} has an example.
 *
 * @param conn A client's connection, which the caller closes on an error
 * @param welcome The greeting to answer with
 * @param refuse Says why a client with such a hello is not welcome; `undefined` where it is
 * @param timeoutMs The time to wait for the hello, in ms
 * @returns The client's greeting
 * @throws {HandshakeError} If what comes is no hello that will do; the client has been told why
 */
export async function greetClient(
  conn: Deno.Conn,
  welcome: Hello,
  refuse: (peer: Hello) => Goodbye | undefined = () => undefined,
  timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
): Promise<Handshake> {
  return await carry(conn, new ServerHandshake(welcome, performance.now(), refuse, timeoutMs));
}

/**
 * Says goodbye on a connection whose handshake is not done. Never fails: the peer may be gone already.
 *
 * @param conn The connection, which stays open
 * @param reason A code of `REASON`
 * @param text Text for the peer's log
 */
export async function sayGoodbye(conn: Deno.Conn, reason: number, text: string): Promise<void> {
  await tell(conn, encodeFrame(FRAME.GOODBYE, emitGoodbye({ reason, text })));
}

async function carry(conn: Deno.Conn, machine: HandshakeMachine): Promise<Handshake> {
  await writeAll(conn, machine.takeOutput());
  const bytes = new Uint8Array(GREETING_MAX);
  while (machine.state.is === "waiting") {
    const count = await readUntil(conn, bytes, machine.dueMs);
    const nowMs = performance.now();
    if (count === "late") machine.tick(Math.max(nowMs, machine.dueMs));
    else if (count === null) machine.close();
    else machine.receive(bytes.subarray(0, count), nowMs);
  }
  const { state } = machine;
  if (state.is === "failed") {
    await tell(conn, machine.takeOutput());
    throw new HandshakeError(state.failure.message, state.failure.reason);
  }
  await writeAll(conn, machine.takeOutput());
  return state.handshake;
}

/** Reads for a limited time. A read that is too late ends when the connection is closed. */
async function readUntil(
  conn: Deno.Conn,
  bytes: Uint8Array,
  dueMs: number,
): Promise<number | null | "late"> {
  const reading = conn.read(bytes);
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
    // Gone already.
  }
}

async function writeAll(conn: Deno.Conn, bytes = new Uint8Array(0)): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
