// TLS 1.3 with a pre-shared key, by OpenSSL, between two pieces of memory: no socket and no certificate.
//
// A context belongs to one thread, and so does a handshake, because OpenSSL calls back into JavaScript. A
// connection can move to another thread afterwards, by its address. During its handshake it has two memory
// BIOs, one for the bytes from the peer and one for the bytes to it. After that it uses those of its thread,
// which copy less, and are the same for all connections (tls_memory.ts).
//
// If the kernel shall encrypt what is sent (kTLS), the latter is the socket itself until the end of the
// handshake, because OpenSSL hands the key to the kernel then. If it did not, a memory BIO takes its place.

import { cString } from "./structs.ts";
import { asUsize } from "./pinned.ts";
import { type OpenSsl, openssl } from "./openssl.ts";
import type { TlsMemory } from "./tls_memory.ts";

const TLS1_3_VERSION = 0x0304;
const SSL_CTRL_MODE = 33;
const SSL_CTRL_SET_SESS_CACHE_MODE = 44;
const SSL_CTRL_CLEAR_MODE = 78;
const SSL_CTRL_SET_GROUPS_LIST = 92;
const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
const SSL_CTRL_SET_MAX_PROTO_VERSION = 124;
const SSL_SESS_CACHE_OFF = 0;
const SSL_MODE_AUTO_RETRY = 4;
const SSL_MODE_RELEASE_BUFFERS = 0x10;
const BIO_CTRL_GET_KTLS_SEND = 73;
const BIO_NOCLOSE = 0;
const SSL_OP_ENABLE_KTLS = 1n << 3n;
const SSL_OP_NO_TICKET = 1n << 14n;
const SSL_OP_PRIORITIZE_CHACHA = 1n << 21n;
const SSL_OP_CIPHER_SERVER_PREFERENCE = 1n << 22n;
const SSL_OP_NO_RENEGOTIATION = 1n << 30n;
const SSL_VERIFY_PEER = 1;
const SSL_KEY_UPDATE_NOT_REQUESTED = 0;
const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_ZERO_RETURN = 6;
const OPENSSL_INFO_CPU_SETTINGS = 1008;

const GROUPS = cString("X25519:P-256");
const AES_FIRST = cString("TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256");
const CHACHA_FIRST = cString("TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256");
/** The bytes by which a handshake names TLS_AES_128_GCM_SHA256. A key goes with every cipher of SHA-256. */
const KEY_CIPHER = Uint8Array.of(0x13, 0x01);

/** The results of a call that can have more to do. */
export const TLS = {
  /** More bytes of the peer are needed. */
  AGAIN: -1,
  /** The connection cannot go on; {@linkcode TlsConnection.fault} has the reason. */
  BROKEN: -2,
  /** The peer has ended its stream in order. */
  END: 0,
  /** The handshake is done. */
  DONE: 1,
} as const;

/** The reasons of libssl that the program distinguishes, as in openssl/sslerr.h. */
export const SSL_REASON = {
  NO_SUITABLE_SIGNATURE_ALGORITHM: 118,
  CERTIFICATE_VERIFY_FAILED: 134,
  NO_SHARED_CIPHER: 193,
  UNEXPECTED_MESSAGE: 244,
  BINDER_DOES_NOT_VERIFY: 253,
  UNSUPPORTED_PROTOCOL: 258,
  /** An alert of the peer has this plus its own number (RFC 8446, section 6). */
  ALERT: 1000,
} as const;

/** The reason why a connection cannot go on. */
export interface TlsFault {
  /** One of {@linkcode SSL_REASON}, or another reason of OpenSSL; 0 if it gives none. */
  reason: number;
  /** The reason in OpenSSL's words. */
  text: string;
}

/** A pre-shared key, as a handshake uses it. */
export interface PreSharedKey {
  /** The text that names it in the clear. */
  id: string;
  /** The secret. */
  secret: Uint8Array<ArrayBuffer>;
}

/** Returns the secret of a key, for the text by which a client names it. */
export type FindSecret = (id: Uint8Array) => Uint8Array<ArrayBuffer>;

const USE = {
  parameters: ["pointer", "pointer", "pointer", "pointer", "pointer"],
  result: "i32",
} as const;
const FIND = { parameters: ["pointer", "pointer", "usize", "pointer"], result: "i32" } as const;

/** The settings that all connections of one side have in common. */
export class TlsContext implements Disposable {
  readonly #ssl: OpenSsl;
  readonly #context: Deno.PointerValue;
  readonly #isServer: boolean;
  readonly #use = new Deno.UnsafeCallback(USE, (ssl, _digest, id, idLength, session) => {
    return this.#useKey(ssl, id, idLength, session);
  });
  readonly #find = new Deno.UnsafeCallback(FIND, (ssl, id, length, session) => {
    return this.#findKey(ssl, id, length, session);
  });
  /** The key of the connection whose handshake goes on at the moment, or the function that finds it. */
  #key: PreSharedKey | FindSecret | undefined;
  #disposed = false;
  /** The id of a client's key, at an address that OpenSSL reads after the callback. */
  #id = new Uint8Array(1);

  /**
   * Makes a context.
   *
   * @param side The side whose connections it is for
   * @throws {Error} If OpenSSL is missing
   */
  constructor(side: "client" | "server") {
    const ssl = this.#ssl = openssl();
    this.#isServer = side === "server";
    const method = this.#isServer ? ssl.TLS_server_method() : ssl.TLS_client_method();
    const context = this.#context = ssl.SSL_CTX_new(method);
    if (context === null) throw new Error("Cannot use TLS: OpenSSL refuses to make its settings");
    const control = (command: number, value: number) =>
      ssl.SSL_CTX_ctrl(context, command, BigInt(value), null);
    control(SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_3_VERSION);
    control(SSL_CTRL_SET_MAX_PROTO_VERSION, TLS1_3_VERSION);
    control(SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF);
    // A connection that rests keeps no buffers of 32 KiB. Each message that is not data ends a read, so that
    // they can be counted.
    control(SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS);
    control(SSL_CTRL_CLEAR_MODE, SSL_MODE_AUTO_RETRY);
    ssl.SSL_CTX_ctrl(context, SSL_CTRL_SET_GROUPS_LIST, 0n, GROUPS);
    ssl.SSL_CTX_set_ciphersuites(context, hasFastAes(ssl) ? AES_FIRST : CHACHA_FIRST);
    ssl.SSL_CTX_set_options(
      context,
      SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
        SSL_OP_PRIORITIZE_CHACHA,
    );
    ssl.SSL_CTX_set_num_tickets(context, 0n);
    if (this.#isServer) ssl.SSL_CTX_set_psk_find_session_callback(context, this.#find.pointer);
    else {
      ssl.SSL_CTX_set_psk_use_session_callback(context, this.#use.pointer);
      // Nobody is trusted by a certificate, so a server that shows one is refused.
      ssl.SSL_CTX_set_verify(context, SSL_VERIFY_PEER, null);
    }
  }

  /**
   * Begins a connection.
   *
   * @param key The client's key; at a server, a function that finds the client's
   * @param fd The descriptor of its socket, if the kernel shall encrypt what is sent; the handshake then
   * writes to it, and there is no output
   * @returns The connection, which the caller frees
   */
  open(key: PreSharedKey | FindSecret, fd?: number): TlsConnection {
    const ssl = this.#ssl;
    const connection = ssl.SSL_new(this.#context);
    if (connection === null) throw new Error("Cannot use TLS: OpenSSL has no memory");
    const output = fd === undefined
      ? ssl.BIO_new(ssl.BIO_s_mem())
      : ssl.BIO_new_socket(fd, BIO_NOCLOSE);
    ssl.SSL_set_bio(connection, ssl.BIO_new(ssl.BIO_s_mem()), output);
    if (fd !== undefined) ssl.SSL_set_options(connection, SSL_OP_ENABLE_KTLS);
    if (this.#isServer) ssl.SSL_set_accept_state(connection);
    else ssl.SSL_set_connect_state(connection);
    return new TlsConnection(connection, fd !== undefined, (proceed) => {
      // Without the callbacks, which are closed by then, there is no way on.
      if (this.#disposed) return 0;
      this.#key = key;
      try {
        return proceed();
      } finally {
        this.#key = undefined;
      }
    });
  }

  /** Frees the context; connections keep what they need of it. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#ssl.SSL_CTX_free(this.#context);
    this.#use.close();
    this.#find.close();
  }

  #useKey(
    ssl: Deno.PointerValue,
    id: Deno.PointerValue,
    idLength: Deno.PointerValue,
    session: Deno.PointerValue,
  ): number {
    const key = this.#key;
    if (key === undefined || typeof key === "function") return 0;
    this.#id = new TextEncoder().encode(key.id);
    put(id, Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#id)));
    put(idLength, BigInt(this.#id.length));
    put(session, this.#session(ssl, key.secret));
    return 1;
  }

  #findKey(
    ssl: Deno.PointerValue,
    id: Deno.PointerValue,
    length: bigint,
    session: Deno.PointerValue,
  ): number {
    const find = this.#key;
    if (typeof find !== "function" || id === null) return 0;
    try {
      const bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(id, Number(length)));
      put(session, this.#session(ssl, find(bytes.slice())));
      return 1;
    } catch {
      return 0;
    }
  }

  // Makes the session by which OpenSSL knows a key. It owns the session.
  #session(ssl: Deno.PointerValue, secret: Uint8Array<ArrayBuffer>): bigint {
    const { SSL_SESSION_new, SSL_SESSION_set1_master_key, ...calls } = this.#ssl;
    const session = SSL_SESSION_new();
    SSL_SESSION_set1_master_key(session, secret, BigInt(secret.length));
    calls.SSL_SESSION_set_cipher(session, calls.SSL_CIPHER_find(ssl, KEY_CIPHER));
    calls.SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION);
    return Deno.UnsafePointer.value(session);
  }
}

/** Runs a step of a handshake with the key at hand. */
type WithKey = (proceed: () => number) => number;

/** One end of a connection. Nothing here allocates, except during the handshake and for a fault. */
export class TlsConnection {
  readonly #ssl = openssl();
  #connection: Deno.PointerValue;
  #input: Deno.PointerValue;
  /** The BIO from which the bytes for the peer are taken. */
  #output: Deno.PointerValue;
  /** True while OpenSSL writes to the socket. */
  #isDirect: boolean;
  readonly #withKey: WithKey;
  #fault: TlsFault | undefined;

  /**
   * Wraps a connection of OpenSSL.
   *
   * @param connection The connection
   * @param isDirect True if it writes to a socket
   * @param withKey Runs a step of its handshake; needless after that
   */
  constructor(
    connection: Deno.PointerValue,
    isDirect: boolean,
    withKey: WithKey = (proceed) => proceed(),
  ) {
    this.#connection = connection;
    this.#isDirect = isDirect;
    this.#withKey = withKey;
    // Each call that can fail leaves the queue of errors empty, so that `read` and `write` find it empty.
    this.#ssl.ERR_clear_error();
    this.#input = this.#ssl.SSL_get_rbio(connection);
    this.#output = this.#ssl.SSL_get_wbio(connection);
  }

  /**
   * Takes a connection over from another thread, which does not use it meanwhile.
   *
   * @param address The address of the connection
   * @param kernel True if the kernel encrypts what it sends
   * @returns The connection
   */
  static at(address: bigint, kernel: boolean): TlsConnection {
    return new TlsConnection(Deno.UnsafePointer.create(address), kernel);
  }

  /** The address, for another thread. */
  get address(): bigint {
    return Deno.UnsafePointer.value(this.#connection);
  }

  /** The reason why the connection cannot go on. */
  get fault(): TlsFault {
    return this.#fault ?? { reason: 0, text: "no reason given" };
  }

  /** True if the kernel encrypts what is written to the socket, which is known after the handshake. */
  get kernel(): boolean {
    return this.#isDirect;
  }

  /** True if both sides have proved that they know the key. */
  get isProved(): boolean {
    return this.#ssl.SSL_session_reused(this.#connection) === 1;
  }

  /** The name of the cipher, such as `AES-128-GCM`. */
  get cipher(): string {
    const cipher = this.#ssl.SSL_get_current_cipher(this.#connection);
    const name = this.#ssl.SSL_CIPHER_get_name(cipher);
    if (name === null) return "none";
    return Deno.UnsafePointerView.getCString(name)
      .replace(/^TLS_/, "").replace(/_SHA\d+$/, "").replaceAll("_", "-");
  }

  /** The number of bytes for the peer that have not been taken. */
  get outputBytes(): number {
    return this.#isDirect ? 0 : this.#ssl.BIO_ctrl_pending(this.#output);
  }

  /** The number of the peer's bytes that have not been looked at. */
  get inputBytes(): number {
    return this.#ssl.BIO_ctrl_pending(this.#input);
  }

  /**
   * Uses the memory of this thread from now on. Nothing may be left in the connection's own.
   *
   * @param memory The memory, in which nothing may be left when another connection uses it
   */
  share(memory: TlsMemory): void {
    const ssl = this.#ssl;
    ssl.BIO_up_ref(memory.input);
    ssl.SSL_set0_rbio(this.#connection, memory.input);
    this.#input = memory.input;
    if (this.#isDirect) return;
    ssl.BIO_up_ref(memory.output);
    ssl.SSL_set0_wbio(this.#connection, memory.output);
    this.#output = memory.outlet;
  }

  /**
   * Adds bytes of the peer, which are copied, during the handshake.
   *
   * @param bytes The memory that they are in
   * @param length Their number
   */
  feed(bytes: Uint8Array, length: number): void {
    this.#ssl.BIO_write(this.#input, bytes as Uint8Array<ArrayBuffer>, length);
  }

  /**
   * Takes bytes for the peer.
   *
   * @param into The memory for them
   * @returns Their number; 0 or less if there are none
   */
  take(into: Uint8Array): number {
    if (this.#isDirect) return 0;
    return this.#ssl.BIO_read(this.#output, into as Uint8Array<ArrayBuffer>, into.length);
  }

  /**
   * Goes on with the handshake.
   *
   * @returns DONE, AGAIN or BROKEN of {@linkcode TLS}
   */
  handshake(): number {
    const result = this.#withKey(() => this.#ssl.SSL_do_handshake(this.#connection));
    if (result !== 1) return this.#resultOf(result);
    if (this.#isDirect) this.#settleOutput();
    return TLS.DONE;
  }

  /**
   * Reads data of the peer: at most one record.
   *
   * @param address The address of the memory for it
   * @param length The length of that memory
   * @returns The number of bytes, or AGAIN, END or BROKEN of {@linkcode TLS}. After AGAIN there may be
   * more, if `inputBytes` is not 0: a message without data was read
   */
  read(address: number, length: number): number {
    const count = this.#ssl.SSL_read(this.#connection, asUsize(address), length);
    return count > 0 ? count : this.#resultOf(count);
  }

  /**
   * Seals data for the peer.
   *
   * @param address The address of the data
   * @param length Its length, more than 0
   * @returns False if the connection is broken
   */
  write(address: number, length: number): boolean {
    const count = this.#ssl.SSL_write(this.#connection, asUsize(address), length);
    if (count === length) return true;
    this.#resultOf(count);
    return false;
  }

  /** Changes the key by which this side seals, with the next data. The peer changes nothing. */
  updateKey(): void {
    this.#ssl.SSL_key_update(this.#connection, SSL_KEY_UPDATE_NOT_REQUESTED);
    this.#ssl.ERR_clear_error();
  }

  /** Tells the peer, in the output, that no more data follows. */
  end(): void {
    this.#ssl.SSL_shutdown(this.#connection);
    this.#ssl.ERR_clear_error();
  }

  /** Frees the connection and its memory, once. No thread may use it any more. */
  free(): void {
    if (this.#connection !== null) this.#ssl.SSL_free(this.#connection);
    this.#connection = null;
  }

  // Finds out whether the kernel has taken the key. If not, the output is in memory from now on.
  #settleOutput(): void {
    const ssl = this.#ssl;
    if (ssl.BIO_ctrl(this.#output, BIO_CTRL_GET_KTLS_SEND, 0n, null) > 0) return;
    this.#isDirect = false;
    this.#output = ssl.BIO_new(ssl.BIO_s_mem());
    ssl.SSL_set0_wbio(this.#connection, this.#output);
  }

  #resultOf(result: number): number {
    const error = this.#ssl.SSL_get_error(this.#connection, result);
    if (error === SSL_ERROR_WANT_READ) return TLS.AGAIN;
    if (error === SSL_ERROR_ZERO_RETURN) return TLS.END;
    const fault = this.#readFault();
    this.#fault ??= fault;
    return TLS.BROKEN;
  }

  #readFault(): TlsFault {
    const code = this.#ssl.ERR_get_error();
    this.#ssl.ERR_clear_error();
    const text = this.#ssl.ERR_reason_error_string(BigInt(code));
    return {
      reason: code & 0x7f_ffff,
      text: text === null ? `error ${code}` : Deno.UnsafePointerView.getCString(text),
    };
  }
}

/**
 * Tells whether the processor encrypts AES fast, as OpenSSL sees it.
 *
 * @param ssl OpenSSL
 * @returns True also if that is not known
 */
function hasFastAes(ssl: OpenSsl): boolean {
  const info = ssl.OPENSSL_info(OPENSSL_INFO_CPU_SETTINGS);
  if (info === null) return true;
  return settingsHaveAes(Deno.UnsafePointerView.getCString(info));
}

/**
 * Looks for AES in OpenSSL's settings for the processor.
 *
 * @param settings The settings, such as `OPENSSL_ia32cap=0x7ffaf3ffffebffff:0x18405f5ef1bf07ab`
 * @returns True also if they are of another kind
 *
 * See OPENSSL_ia32cap(3).
 */
export function settingsHaveAes(settings: string): boolean {
  const [, kind, capabilities] = /^OPENSSL_(ia32|arm)cap=0x([0-9a-f]+)/.exec(settings) ?? [];
  if (kind === undefined) return true;
  // Bit 25 of ECX of CPUID 1, which is the upper half; and ARMV8_AES of arm_arch.h.
  return (BigInt(`0x${capabilities}`) >> (kind === "ia32" ? 57n : 2n) & 1n) === 1n;
}

function put(at: Deno.PointerValue, value: bigint): void {
  if (at === null) return;
  new BigUint64Array(Deno.UnsafePointerView.getArrayBuffer(at, 8))[0] = value;
}
