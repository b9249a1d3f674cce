// The handshake with a pre-shared key over a real connection, by the machines of tls_handshake.ts.

import type { TlsContext } from "../../ffi/mod.ts";
import type { ClientKey, Key, KeyLookup } from "../keys/key.ts";
import type { Goodbye, Hello } from "../wire/mod.ts";
import { type Carried, carry } from "./carry.ts";
import { HANDSHAKE_TIMEOUT_MS, HandshakeError } from "./handshake.ts";
import {
  ClientTlsHandshake,
  type SecuredHandshake,
  ServerTlsHandshake,
  type TlsHandshakeState,
} from "./tls_handshake.ts";

/**
 * Performs the client's part of a handshake with a pre-shared key: proves the key, then says hello.
 *
 * @param conn A connection to a server, which the caller closes on an error
 * @param context The settings of TLS
 * @param key The client's key
 * @param hello The greeting to send
 * @param fd The connection's descriptor, if the kernel shall encrypt what is sent
 * @param timeoutMs The time to wait for the answer, in ms
 * @returns The server's greeting, and the connection of TLS, which the caller frees
 * @throws {HandshakeError} If the server refuses the key, has none, or does not answer in time
 */
export async function greetServerWithKey(
  conn: Carried,
  context: TlsContext,
  key: Key,
  hello: Hello,
  fd?: number,
  timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
): Promise<SecuredHandshake> {
  using machine = new ClientTlsHandshake(context, key, hello, performance.now(), timeoutMs, fd);
  const state = await carry<TlsHandshakeState>(conn, machine);
  machine.release();
  return handshakeOf(state);
}

/** The part of a server in a handshake with a pre-shared key. */
export interface KeyedGreeting {
  /** The settings of TLS. */
  context: TlsContext;
  /** The keys of the clients. */
  keys: KeyLookup;
  /** Returns the greeting to answer with. */
  welcome(): Hello;
  /** Returns the goodbye for a client that is refused; undefined if it is welcome. */
  refuse(peer: Hello, key: ClientKey): Goodbye | undefined;
  /** Returns the connection's descriptor, if the kernel shall encrypt what is sent. */
  socket?(): number | undefined;
}

/**
 * Performs the server's part of a handshake with a pre-shared key: waits for the proof of a key, then for a
 * hello. The greeting that it returns has the name of the key.
 *
 * @param conn A client's connection, which the caller closes on an error
 * @param greeting The keys, and what to say to a client that has proved one
 * @param timeoutMs The time to wait for the hello, in ms
 * @param received The start of the client's bytes, if it has been read already
 * @returns The client's greeting and key, and the connection of TLS, which the caller frees
 * @throws {HandshakeError} If the client proves no key, or sends no acceptable hello
 */
export async function greetClientWithKey(
  conn: Carried,
  { context, keys, welcome, refuse, socket }: KeyedGreeting,
  timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
  received?: Uint8Array,
): Promise<SecuredHandshake & { key: ClientKey }> {
  const nowMs = performance.now();
  using machine = new ServerTlsHandshake(context, keys, welcome, nowMs, refuse, timeoutMs, socket);
  const state = await carry<TlsHandshakeState<SecuredHandshake & { key: ClientKey }>>(
    conn,
    machine,
    received,
  );
  machine.release();
  return handshakeOf(state);
}

function handshakeOf<H extends SecuredHandshake>(
  state: Exclude<TlsHandshakeState<H>, { is: "waiting" }>,
): H {
  if (state.is === "done") return state.handshake;
  throw new HandshakeError(state.failure.message, state.failure.reason);
}
