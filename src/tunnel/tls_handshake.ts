// The first bytes of a connection whose peer has a pre-shared key: TLS 1.3, then the greetings within it.
//
// Like the machine in handshake_machine.ts, which it wraps, it does no I/O: bytes and the time go in, bytes
// and a result come out.
//
//                 the first bytes         both sides have
//                 look like TLS           proved the key
//     first ────────────────► handshake ────────────────► greeting ────► done
//       │                         │                          │
//       └─────────────────────────┴──────────────────────────┴─────────► failed
//
// A client is in `handshake` from the start. Before the proof, nothing is sent but TLS itself: no name, no
// version, no goodbye. A server sends nothing at all to a peer that does not begin with TLS. It gives a client
// with an unknown key a random one, so that it fails like a client with a wrong key, in the same time.

import { concat } from "@std/bytes";
import { Pinned, SSL_REASON, TLS, type TlsConnection, type TlsContext } from "../../ffi/mod.ts";
import { type ClientKey, type Key, type KeyLookup, SECRET_BYTES } from "../keys/key.ts";
import { type Goodbye, type Hello, REASON } from "../wire/mod.ts";
import { quoteBytes } from "../wire/text.ts";
import {
  ClientHandshake,
  type Handshake,
  HANDSHAKE_TIMEOUT_MS,
  type HandshakeFailure,
  type HandshakeMachine,
  ServerHandshake,
} from "./handshake_machine.ts";
import {
  type HandshakeWords,
  KEYED_WORDS_ABOUT,
  recognize,
  WORDS_ABOUT,
  wordsAboutProved,
} from "./stranger.ts";

/**
 * The maximum number of bytes that a peer may send before its proof. The first message of a client has about
 * 300, and all messages of a server with a key have about 250. Other TLS servers send certificates.
 */
const UNPROVED_MAX = { client: 4096, server: 32 * 1024 } as const;
/** The maximum length of a quoted id, in bytes. */
const ID_SHOWN = 32;
/** The type of a record that begins a handshake, and the first byte of its version (RFC 8446, section 5.1). */
const HANDSHAKE_RECORD = [0x16, 0x03] as const;
/** The type of a record with an alert. */
const ALERT_RECORD = 0x15;

/** The alerts by which a server refuses a key; RFC 8446, section 6.2. */
const REFUSALS = [
  40, // handshake_failure
  47, // illegal_parameter
  51, // decrypt_error
  115, // unknown_psk_identity
];

/** The result of a handshake with a key. */
export interface SecuredHandshake extends Handshake {
  /** The connection within which everything else happens. Its owner frees it. */
  tls: TlsConnection;
  /** The key that both sides have proved. */
  key: Key;
}

/** The state of such a handshake. */
export type TlsHandshakeState<H extends SecuredHandshake = SecuredHandshake> =
  | { is: "waiting" }
  | { is: "done"; handshake: H }
  | { is: "failed"; failure: HandshakeFailure };

/** The common part of both sides. */
abstract class TlsHandshake<K extends Key> implements Disposable {
  #state: TlsHandshakeState<SecuredHandshake & { key: K }> = { is: "waiting" };
  readonly #dueMs: number;
  readonly #output: Uint8Array<ArrayBuffer>[] = [];
  readonly #limit: number;
  readonly #memory = new Pinned(new Uint8Array(2048));
  /** The number of bytes that have arrived. */
  #bytesIn = 0;
  /** Data that has arrived behind the greeting. */
  readonly #behind: Uint8Array[] = [];
  #tls: TlsConnection | undefined;
  /** The handshake within, from the proof on. */
  #inner: HandshakeMachine | undefined;
  #key: K | undefined;

  protected constructor(limit: number, dueMs: number) {
    this.#limit = limit;
    this.#dueMs = dueMs;
  }

  /** The state of the handshake. */
  get state(): TlsHandshakeState<SecuredHandshake & { key: K }> {
    return this.#state;
  }

  /** The time at which {@linkcode tick} is due, by the caller's clock; `Infinity` after the end. */
  get dueMs(): number {
    if (this.#state.is !== "waiting") return Infinity;
    return Math.min(this.#dueMs, this.#inner?.dueMs ?? Infinity);
  }

  /**
   * Takes the bytes to send. Each byte is returned once.
   *
   * @returns The bytes; undefined if there are none
   */
  takeOutput(): Uint8Array<ArrayBuffer> | undefined {
    const parts = this.#output.splice(0);
    return parts.length === 0 ? undefined : concat(parts) as Uint8Array<ArrayBuffer>;
  }

  /**
   * Handles bytes that have arrived. After the end, bytes are ignored.
   *
   * @param bytes The next bytes from the peer, which are copied
   * @param nowMs The time in ms, by a monotonic clock
   */
  receive(bytes: Uint8Array, nowMs: number): void {
    if (nowMs >= this.#dueMs) this.tick(nowMs);
    if (this.#state.is !== "waiting" || bytes.length === 0) return;
    this.#bytesIn += bytes.length;
    if (this.#inner === undefined && this.#bytesIn > this.#limit) {
      return this.fail("It sends too much before it has proved that it knows a key");
    }
    const ready = this.filter(bytes);
    if (ready === undefined || this.#tls === undefined) return;
    this.#tls.feed(ready, ready.length);
    this.proceed(nowMs);
  }

  /**
   * Notes that the peer has ended the connection.
   *
   * @param how The way: the peer has closed its half, or has reset the connection
   */
  close(how: "closed" | "reset" = "closed"): void {
    if (this.#state.is !== "waiting") return;
    if (this.#inner !== undefined) {
      this.#inner.close(how);
      return this.#settle();
    }
    this.stopped(how);
  }

  /**
   * Gives up if the time is over.
   *
   * @param nowMs The time in ms, by a monotonic clock
   */
  tick(nowMs: number): void {
    if (this.#state.is !== "waiting") return;
    if (this.#inner !== undefined) {
      this.#inner.tick(nowMs);
      return this.#settle();
    }
    if (nowMs >= this.#dueMs) this.stopped("late");
  }

  /** Leaves the connection to the owner of the result. */
  release(): void {
    this.#tls = undefined;
  }

  /** Frees the connection, unless it was released. */
  [Symbol.dispose](): void {
    this.#tls?.free();
    this.#tls = undefined;
  }

  /** True if nothing has arrived from the peer. */
  protected get isSilent(): boolean {
    return this.#bytesIn === 0;
  }

  /** Begins TLS. */
  protected begin(tls: TlsConnection): void {
    this.#tls = tls;
  }

  /** True once TLS has begun. */
  protected get hasBegun(): boolean {
    return this.#tls !== undefined;
  }

  /**
   * Looks at bytes before TLS gets them.
   *
   * @param bytes The bytes that have arrived
   * @returns The bytes for TLS, with those that were held back before; undefined to wait for more
   */
  protected abstract filter(bytes: Uint8Array): Uint8Array | undefined;

  /** Returns the key that was proved, with the handshake to go on with. */
  protected abstract proved(leftMs: number, nowMs: number): { key: K; inner: HandshakeMachine };

  /** Returns the peer's greeting as it counts here. */
  protected abstract greeted(hello: Hello, key: K): Hello;

  /** Returns the reason of a failure of TLS, in words. */
  protected abstract describe(fault: { reason: number; text: string }): string;

  /** Fails because the peer has ended the connection, or the time is over, before the proof. */
  protected abstract stopped(how: "closed" | "reset" | "late"): void;

  /** Fails, with what TLS has to say to the peer about it. A `reason` of null stands for none. */
  protected fail(message: string, reason: number | null = REASON.PROTOCOL): void {
    if (this.#state.is !== "waiting") return;
    this.#state = { is: "failed", failure: { message, reason: reason ?? undefined } };
    this.#takeTls();
    this.#tls?.free();
    this.#tls = undefined;
  }

  /** Fails because the peer has stopped before the proof. */
  protected failAsStopped(
    how: "closed" | "reset" | "late",
    words: HandshakeWords,
    who: string,
  ): void {
    if (how === "late") {
      const stopped = `No greeting in time: ${
        lower(who)
      } stopped in the middle of its TLS handshake`;
      return this.fail(this.isSilent ? words.silent : stopped, REASON.TIMEOUT);
    }
    const ended = `${who} ${how} the connection in the middle of its TLS handshake`;
    this.fail(this.isSilent ? words.ended(how) : ended, null);
  }

  /** Goes on with TLS as far as the bytes allow. */
  protected proceed(nowMs: number): void {
    const tls = this.#tls!;
    if (this.#inner === undefined) {
      const result = tls.handshake();
      this.#takeTls();
      if (result === TLS.AGAIN) return;
      if (result !== TLS.DONE) return this.fail(this.describe(tls.fault));
      if (!tls.isProved) return this.fail("It has not proved that it knows the key");
      const { key, inner } = this.proved(this.#dueMs - nowMs, nowMs);
      this.#key = key;
      this.#inner = inner;
    }
    this.#read(tls, nowMs);
    this.#settle();
  }

  // Gives the data that has arrived to the handshake within, and keeps what follows its end.
  #read(tls: TlsConnection, nowMs: number): void {
    const { bytes, address } = this.#memory;
    const inner = this.#inner!;
    for (;;) {
      const count = tls.read(address, bytes.length);
      if (count > 0) {
        const data = bytes.subarray(0, count);
        if (inner.state.is === "waiting") inner.receive(data, nowMs);
        else this.#behind.push(data.slice());
      } else if (count === TLS.AGAIN) {
        if (tls.inputBytes === 0) return;
      } else if (count === TLS.END) return inner.close("closed");
      else return this.fail(`Its TLS is faulty: ${tls.fault.text}`);
    }
  }

  // Sends what the handshake within has to say, and takes over its result.
  #settle(): void {
    const tls = this.#tls;
    const inner = this.#inner;
    if (tls === undefined || inner === undefined) return;
    const output = inner.takeOutput();
    if (output !== undefined) {
      const { bytes, address } = this.#memory;
      bytes.set(output);
      tls.write(address, output.length);
    }
    const { state } = inner;
    if (state.is === "failed") {
      tls.end();
      return this.fail(state.failure.message, state.failure.reason ?? null);
    }
    this.#takeTls();
    if (state.is !== "done") return;
    const key = this.#key!;
    const peer = this.greeted(state.handshake.peer, key);
    const received = concat([state.handshake.received, ...this.#behind]);
    this.#state = { is: "done", handshake: { peer, received, tls, key } };
  }

  // Queues what TLS has to send.
  #takeTls(): void {
    const tls = this.#tls;
    const { bytes } = this.#memory;
    for (let count; tls !== undefined && (count = tls.take(bytes)) > 0;) {
      this.#output.push(bytes.slice(0, count));
    }
  }
}

/** The client's part of a handshake with a key. */
export class ClientTlsHandshake extends TlsHandshake<Key> {
  readonly #hello: Hello;
  readonly #key: Key;
  #start: Uint8Array = new Uint8Array(0);

  /**
   * Begins a handshake.
   *
   * @param context The settings of a client
   * @param key The client's key
   * @param hello The greeting to send within TLS
   * @param nowMs The time in ms, by a monotonic clock
   * @param timeoutMs The time to wait for the server's greeting, in ms
   * @param fd The socket's descriptor, if the kernel shall encrypt what is sent
   */
  constructor(
    context: TlsContext,
    key: Key,
    hello: Hello,
    nowMs: number,
    timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
    fd?: number,
  ) {
    super(UNPROVED_MAX.server, nowMs + timeoutMs);
    this.#hello = hello;
    this.#key = key;
    this.begin(context.open(key, fd));
    this.proceed(nowMs);
  }

  /** Looks at what the server begins with. */
  protected override filter(bytes: Uint8Array): Uint8Array | undefined {
    if (this.#start.length >= HANDSHAKE_RECORD.length) return bytes;
    const start = this.#start = concat([this.#start, bytes]);
    // A server may begin with an alert as well.
    if (!mayBeTls(start, true)) return void this.#stranger(false);
    return start.length < HANDSHAKE_RECORD.length ? undefined : start;
  }

  /** Begins to greet. */
  protected override proved(
    leftMs: number,
    nowMs: number,
  ): { key: Key; inner: HandshakeMachine } {
    const words = wordsAboutProved("server", this.#key.name);
    return { key: this.#key, inner: new ClientHandshake(this.#hello, nowMs, leftMs, words) };
  }

  /** Takes the server's greeting as it is. */
  protected override greeted(hello: Hello): Hello {
    return hello;
  }

  /** Explains a failure. */
  protected override describe({ reason, text }: { reason: number; text: string }): string {
    if (REFUSALS.includes(reason - SSL_REASON.ALERT)) {
      return `The server does not accept the key ${this.#key.name}: is its line in the server's key file?`;
    }
    if (reason >= SSL_REASON.ALERT) return `The server has ended the handshake: ${text}`;
    switch (reason) {
      case SSL_REASON.UNEXPECTED_MESSAGE:
        return WORDS_ABOUT.server.stranger({ kind: "greeting-client", said: "" });
      case SSL_REASON.CERTIFICATE_VERIFY_FAILED:
      case SSL_REASON.UNSUPPORTED_PROTOCOL:
        return KEYED_WORDS_ABOUT.server.stranger({ kind: "tls", said: "" });
      default:
        return `The server's TLS handshake is faulty: ${text}`;
    }
  }

  /** Fails without a proof. */
  protected override stopped(how: "closed" | "reset" | "late"): void {
    if (!mayBeTls(this.#start, true)) this.#stranger(true);
    this.failAsStopped(how, KEYED_WORDS_ABOUT.server, "The server");
  }

  #stranger(whole: boolean): void {
    const stranger = recognize(this.#start, whole);
    if (stranger !== undefined) this.fail(KEYED_WORDS_ABOUT.server.stranger(stranger));
  }
}

/** The server's part of a handshake with a key. */
export class ServerTlsHandshake extends TlsHandshake<ClientKey> {
  readonly #context: TlsContext;
  readonly #keys: KeyLookup;
  readonly #welcome: () => Hello;
  readonly #refuse: (peer: Hello, key: ClientKey) => Goodbye | undefined;
  readonly #socket: () => number | undefined;
  #start: Uint8Array = new Uint8Array(0);
  /** The id that the client has shown last, and its key. */
  #id: Uint8Array | undefined;
  #key: ClientKey | undefined;

  /**
   * Begins a handshake.
   *
   * @param context The settings of a server
   * @param keys The keys of the clients
   * @param welcome Returns the greeting to answer with
   * @param nowMs The time in ms, by a monotonic clock
   * @param refuse Returns the goodbye for a client that is refused; undefined if it is welcome
   * @param timeoutMs The time to wait for the client's greeting, in ms
   * @param socket Returns the socket's descriptor, if the kernel shall encrypt what is sent
   */
  constructor(
    context: TlsContext,
    keys: KeyLookup,
    welcome: () => Hello,
    nowMs: number,
    refuse: (peer: Hello, key: ClientKey) => Goodbye | undefined = () => undefined,
    timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
    socket: () => number | undefined = () => undefined,
  ) {
    super(UNPROVED_MAX.client, nowMs + timeoutMs);
    this.#context = context;
    this.#keys = keys;
    this.#welcome = welcome;
    this.#refuse = refuse;
    this.#socket = socket;
  }

  /** Begins TLS once the client has. */
  protected override filter(bytes: Uint8Array): Uint8Array | undefined {
    if (this.hasBegun) return bytes;
    const start = this.#start = concat([this.#start, bytes]);
    if (!mayBeTls(start, false)) return void this.#stranger(false);
    if (start.length < HANDSHAKE_RECORD.length) return undefined;
    this.begin(this.#context.open((id) => this.#find(id), this.#socket()));
    return start;
  }

  /** Begins to greet, by the name of the key. */
  protected override proved(
    leftMs: number,
    nowMs: number,
  ): { key: ClientKey; inner: HandshakeMachine } {
    const key = this.#key!;
    const refuse = (hello: Hello) => this.#refuse(this.greeted(hello, key), key);
    const words = wordsAboutProved("client", key.name);
    return { key, inner: new ServerHandshake(this.#welcome(), nowMs, refuse, leftMs, words) };
  }

  /** Replaces what the client says about itself by the name of the key. */
  protected override greeted(hello: Hello, { name }: ClientKey): Hello {
    const { resumeSecret: _unproved, ...greeting } = hello;
    return { ...greeting, name };
  }

  /** Explains a failure. */
  protected override describe({ reason, text }: { reason: number; text: string }): string {
    const key = this.#key;
    if (this.#id !== undefined && key === undefined) return `No key has the id ${shown(this.#id)}`;
    if (key !== undefined) {
      return reason === SSL_REASON.BINDER_DOES_NOT_VERIFY
        ? `The key ${key.name} is wrong: the proof failed`
        : `The TLS handshake with the key ${key.name} failed: ${text}`;
    }
    switch (reason) {
      case SSL_REASON.UNSUPPORTED_PROTOCOL:
        return "It does not speak TLS 1.3";
      case SSL_REASON.NO_SHARED_CIPHER:
      case SSL_REASON.NO_SUITABLE_SIGNATURE_ALGORITHM:
        return "It offers no pre-shared key";
      default:
        return `Its TLS handshake is faulty: ${text}`;
    }
  }

  /** Fails without a proof. */
  protected override stopped(how: "closed" | "reset" | "late"): void {
    if (!this.hasBegun) this.#stranger(true);
    const who = this.#key === undefined
      ? "The client"
      : `The client with the key ${this.#key.name}`;
    this.failAsStopped(how, KEYED_WORDS_ABOUT.client, who);
  }

  // Looks a key up. An unknown id gets a secret that nobody knows.
  #find(id: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#id = id;
    const random = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
    const key = this.#key = this.#keys.find(String.fromCharCode(...id));
    return key?.secret ?? random;
  }

  #stranger(whole: boolean): void {
    const stranger = recognize(this.#start, whole);
    if (stranger !== undefined) this.fail(KEYED_WORDS_ABOUT.client.stranger(stranger));
  }
}

/** Returns true if bytes can be the start of TLS, as it comes from a client or from a server. */
function mayBeTls(start: Uint8Array, isServer: boolean): boolean {
  const [type, version] = HANDSHAKE_RECORD;
  if (start[0] !== type && !(isServer && start[0] === ALERT_RECORD)) return false;
  return start.length < HANDSHAKE_RECORD.length || start[1] === version;
}

function lower(who: string): string {
  return who[0].toLowerCase() + who.slice(1);
}

function shown(id: Uint8Array): string {
  const text = String.fromCharCode(...id);
  return /^[0-9a-f]{1,64}$/.test(text) ? text : quoteBytes(id.subarray(0, ID_SHOWN));
}
