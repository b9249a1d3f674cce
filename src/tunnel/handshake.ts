// The first frames of a connection, on the main thread: hello, and welcome or goodbye.

import {
  describeGoodbye,
  emitGoodbye,
  emitHello,
  encodeFrame,
  FRAME,
  type Goodbye,
  type Hello,
  parseGoodbye,
  parseHello,
  readHeader,
  REASON,
} from "../wire/mod.ts";

/** The version of the protocol that this program speaks; docs/PROTOCOL.md has its history. */
export const PROTOCOL_VERSION = 1;

/** How long each side waits for the other's first frame. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;

/** No greeting is longer, so nobody makes us keep more for him. */
const GREETING_MAX = 1024;

/** What each side may begin with. */
const FIRST: { [side in Side]: ReadonlySet<number> } = {
  client: new Set([FRAME.HELLO]),
  server: new Set([FRAME.WELCOME, FRAME.GOODBYE]),
};

type Side = "client" | "server";

/** What a handshake came to. */
export interface Handshake {
  /** What the peer said of itself. */
  peer: Hello;
  /** Bytes that came behind its greeting. */
  received: Uint8Array;
}

/** A handshake that failed: for what reason, by whose word. */
export class HandshakeError extends Error {
  /** The class's name. */
  override name = "HandshakeError";
  /** A code of `REASON`, where the peer said goodbye or is to be told. */
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
 * @param conn A connection to a server. On an error it is the caller's to close.
 * @param hello What to say of this side.
 * @param timeoutMs How long to wait for the answer, in ms.
 * @returns What the server said of itself.
 * @throws {HandshakeError} If the server refuses, says nothing in time, or does not speak this protocol.
 *
 * @see docs/PROTOCOL.md
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
 */
export async function greetServer(
  conn: Deno.Conn,
  hello: Hello,
  timeoutMs = HANDSHAKE_TIMEOUT_MS,
): Promise<Handshake> {
  await writeAll(conn, encodeFrame(FRAME.HELLO, emitHello(hello)));
  const { type, payload, received } = await readFirst(conn, "server", timeoutMs);
  if (type === FRAME.GOODBYE) {
    const goodbye = parseGoodbye(payload);
    throw new HandshakeError(`Refused: ${describeGoodbye(goodbye)}`, goodbye?.reason);
  }
  const peer = checkVersion(parse(payload, "server"), "server");
  if (peer.version > hello.version) {
    throw new HandshakeError(
      `The server chose version ${peer.version} of the protocol, but ${hello.version} was the highest offered`,
      REASON.VERSION,
    );
  }
  return { peer, received };
}

/**
 * The server's part: waits for a hello, and welcomes it. {@linkcode greetServer} has an example.
 *
 * @param conn A client's connection. On an error it is the caller's to close.
 * @param welcome What to say of this side.
 * @param refuse Why a client with such a hello is not to be welcomed; undefined: it is.
 * @param timeoutMs How long to wait for the hello, in ms.
 * @returns What the client said of itself.
 * @throws {HandshakeError} If what comes is no hello that fits; the client has been told why.
 */
export async function greetClient(
  conn: Deno.Conn,
  welcome: Hello,
  refuse: (peer: Hello) => Goodbye | undefined = () => undefined,
  timeoutMs = HANDSHAKE_TIMEOUT_MS,
): Promise<Handshake> {
  try {
    const { payload, received } = await readFirst(conn, "client", timeoutMs);
    const peer = checkVersion(parse(payload, "client"), "client");
    const refusal = refuse(peer);
    if (refusal !== undefined) throw new HandshakeError(refusal.text, refusal.reason);
    const version = Math.min(peer.version, welcome.version);
    await writeAll(conn, encodeFrame(FRAME.WELCOME, emitHello({ ...welcome, version })));
    return { peer, received };
  } catch (error) {
    if (error instanceof HandshakeError && error.reason !== undefined) {
      await sayGoodbye(conn, error.reason, error.message);
    }
    throw error;
  }
}

/** Says goodbye on a connection whose handshake is not done; whether it arrives is the peer's business. */
export async function sayGoodbye(conn: Deno.Conn, reason: number, text: string): Promise<void> {
  try {
    await writeAll(conn, encodeFrame(FRAME.GOODBYE, emitGoodbye({ reason, text })));
  } catch {
    // Gone already.
  }
}

function parse(payload: Uint8Array, whose: Side): Hello {
  const result = parseHello(payload);
  if (!result.ok) {
    throw new HandshakeError(
      `Cannot read the ${whose}'s greeting: ${result.fault}`,
      REASON.PROTOCOL,
    );
  }
  return result.hello;
}

function checkVersion(peer: Hello, whose: Side): Hello {
  if (peer.version >= PROTOCOL_VERSION) return peer;
  throw new HandshakeError(
    `The ${whose} speaks version ${peer.version} of the protocol, this side version ${PROTOCOL_VERSION}`,
    REASON.VERSION,
  );
}

async function readFirst(
  conn: Deno.Conn,
  whose: Side,
  timeoutMs: number,
): Promise<{ type: number; payload: Uint8Array; received: Uint8Array }> {
  const bytes = new Uint8Array(GREETING_MAX);
  const header = { type: 0, length: 0 };
  let end = 0;
  const deadline = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => deadline.reject(new HandshakeError("No greeting in time", REASON.TIMEOUT)),
    timeoutMs,
  );
  try {
    while (true) {
      const reading = conn.read(bytes.subarray(end));
      // It outlives the deadline, and ends when the connection is closed.
      reading.catch(() => {});
      const count = await Promise.race([reading, deadline.promise]);
      if (count === null) throw new HandshakeError("The peer closed the connection");
      end += count;
      // What is no greeting is known by its type, long before its end.
      const type = (bytes[0] << 8) | bytes[1];
      if (end >= 2 && !FIRST[whose].has(type)) {
        const did = whose === "client" ? "began" : "answered";
        throw new HandshakeError(
          `The ${whose} ${did} with frame type ${type}; is it an older one (--legacy)?`,
          REASON.PROTOCOL,
        );
      }
      const size = readHeader(bytes, 0, end, header);
      if (size < 0 || size + header.length > GREETING_MAX) {
        throw new HandshakeError("The greeting is too long", REASON.PROTOCOL);
      }
      const whole = size + header.length;
      if (size > 0 && end >= whole) {
        return {
          type: header.type,
          payload: bytes.subarray(size, whole),
          received: bytes.slice(whole, end),
        };
      }
      if (end === GREETING_MAX) {
        throw new HandshakeError("The greeting is too long", REASON.PROTOCOL);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
