// The first frames of a connection, without I/O: hello, then welcome or goodbye.
//
// A machine takes the bytes that arrive, and the time. It returns bytes to send (`takeOutput`), the time of
// the next call (`dueMs`), and finally a result:
//
//                  an acceptable greeting
//     waiting ───────────────────────────────► done     the peer's greeting, and the bytes after it
//        │
//        └───────────────────────────────────► failed   the reason, and the code for a goodbye, if any
//          another program, a greeting that is too
//          long, a refusal, no greeting in time,
//          the end of the connection
//
// The client sends HELLO at the start. The server sends WELCOME at the end, or GOODBYE if the client can do
// something about the reason.
//
// Bytes that cannot be a greeting come from another program, which stranger.ts recognizes. A server that has
// said nothing for a while is one that waits for something else, so the client asks it: the original
// pppoeproxy answers a ping, and many programs answer the end of a line. A pppoe-proxy server that is only
// slow answers the ping as well, after its WELCOME, and skips a frame of an unknown type.

import { concat } from "@std/bytes";
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
  REASON,
} from "../wire/mod.ts";
import type { Side } from "../side.ts";
import { FirstFrame } from "./first_frame.ts";
import { type HandshakeWords, recognize, WORDS_ABOUT } from "./stranger.ts";

/** The version of the protocol that this program speaks; docs/PROTOCOL.md has its history. */
export const PROTOCOL_VERSION = 1;

/** The time that each side waits for the other's first frame, in ms. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;

/** The part of that time after which a client asks a silent server what it is. */
const ASK_AFTER = 0.4;
/** The questions: a ping, and a frame of an unknown type that contains an empty line. */
const QUESTIONS = concat([
  encodeFrame(FRAME.PING, new Uint8Array(0)),
  encodeFrame(0x0d0a, new TextEncoder().encode("\r\n\r\n")),
]);

/** The result of a handshake. */
export interface Handshake {
  /** The peer's greeting. */
  peer: Hello;
  /** The bytes that arrived after the greeting. */
  received: Uint8Array;
}

/** The reason why a handshake failed. */
export interface HandshakeFailure {
  /** The reason in words, for the log. */
  message: string;
  /** The code of {@linkcode REASON} in the goodbye that was received or is sent; undefined if there is none. */
  reason?: number;
}

/** The state of a handshake. */
export type HandshakeState =
  | { is: "waiting" }
  | { is: "done"; handshake: Handshake }
  | { is: "failed"; failure: HandshakeFailure };

/** A side's judgement of the peer's first frame. */
export type Judgement = { peer: Hello } | { failure: HandshakeFailure };

/** The common part of both sides, which wait for one frame for a limited time. */
export abstract class HandshakeMachine {
  #state: HandshakeState = { is: "waiting" };
  #dueMs: number;
  #output: Uint8Array<ArrayBuffer> | undefined;
  readonly #words: HandshakeWords;
  readonly #frame = new FirstFrame();

  /**
   * Starts to wait.
   *
   * @param peer The side of the peer
   * @param dueMs The time at which to give up, by the caller's clock
   * @param words The messages about the peer
   */
  protected constructor(peer: Side, dueMs: number, words: HandshakeWords = WORDS_ABOUT[peer]) {
    this.#words = words;
    this.#dueMs = dueMs;
  }

  /** The state of the handshake. */
  get state(): HandshakeState {
    return this.#state;
  }

  /** The time at which {@linkcode tick} is due, by the caller's clock; `Infinity` after the end. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /**
   * Takes the bytes to send. Each byte is returned once.
   *
   * @returns The bytes; undefined if there are none
   */
  takeOutput(): Uint8Array<ArrayBuffer> | undefined {
    const output = this.#output;
    this.#output = undefined;
    return output;
  }

  /**
   * Handles bytes that have arrived. After the end, bytes are ignored, so the caller must stop reading then:
   * later bytes belong to the tunnel.
   *
   * @param bytes The next bytes from the peer, which are copied
   * @param nowMs The time in ms, by a monotonic clock
   */
  receive(bytes: Uint8Array, nowMs: number): void {
    if (nowMs >= this.#dueMs) this.tick(nowMs);
    if (this.#state.is !== "waiting") return;
    const fits = this.#frame.push(bytes);
    const { type, payload, behind } = this.#frame;
    if (type === undefined) return;
    if (!this.expects(type)) return void this.#failAsStranger(false);
    if (!fits) return this.#fail({ message: "The greeting is too long", reason: REASON.PROTOCOL });
    if (payload === undefined) return;
    const judgement = this.judge(type, payload);
    if ("failure" in judgement) return this.#fail(judgement.failure);
    this.#end({ is: "done", handshake: { peer: judgement.peer, received: behind } });
  }

  /**
   * Notes that the peer has ended the connection.
   *
   * @param how The way: the peer has closed its half, or has reset the connection
   */
  close(how: "closed" | "reset" = "closed"): void {
    if (this.#failAsStranger(true)) return;
    const message = this.#frame.bytes.length === 0
      ? this.#words.ended(how)
      : `The peer ${how} the connection in the middle of its greeting`;
    this.#fail({ message });
  }

  /**
   * Gives up if the time is over.
   *
   * @param nowMs The time in ms, by a monotonic clock
   */
  tick(nowMs: number): void {
    if (nowMs < this.#dueMs || this.#state.is !== "waiting" || this.#failAsStranger(true)) return;
    const message = this.#frame.bytes.length === 0
      ? this.#words.silent
      : "No greeting in time: it began, and did not end";
    this.#fail({ message, reason: REASON.TIMEOUT });
  }

  /** True if nothing has arrived from the peer. */
  protected get isSilent(): boolean {
    return this.#frame.bytes.length === 0;
  }

  /**
   * Checks whether the peer's first frame can be a greeting.
   *
   * @param type The frame's type, which is known long before the frame's end
   * @returns True if the frame may be a greeting
   */
  protected abstract expects(type: number): boolean;

  /**
   * Judges the peer's first frame.
   *
   * @param type The frame's type, which has been checked
   * @param payload The frame's payload
   * @returns The peer's greeting, or the reason why it is not acceptable
   */
  protected abstract judge(type: number, payload: Uint8Array): Judgement;

  /**
   * Makes the last frame for a peer whose handshake failed.
   *
   * @param failure The reason
   * @returns The frame to send; undefined to send nothing
   */
  protected abstract lastWords(failure: HandshakeFailure): Uint8Array<ArrayBuffer> | undefined;

  /**
   * Queues a frame to be sent.
   *
   * @param frame The frame; nothing else may wait to be sent
   */
  protected send(frame: Uint8Array<ArrayBuffer>): void {
    this.#output = frame;
  }

  /** Fails if the bytes so far show another program; returns true if they do. */
  #failAsStranger(whole: boolean): boolean {
    const { type, bytes } = this.#frame;
    // Every frame that may come first begins with 0.
    if (type === undefined ? bytes[0] === 0 : this.expects(type)) return false;
    const stranger = recognize(bytes, whole);
    if (stranger === undefined) return false;
    const message = this.#words.stranger(stranger);
    this.#fail({ message, reason: REASON.PROTOCOL });
    return true;
  }

  #fail(failure: HandshakeFailure): void {
    if (this.#state.is !== "waiting") return;
    this.#end({ is: "failed", failure });
    this.#output = this.lastWords(failure);
  }

  #end(state: HandshakeState): void {
    this.#state = state;
    this.#dueMs = Infinity;
  }
}

/**
 * The client's part of a handshake: says hello, and waits for the welcome.
 *
 * @example Both parts, with nothing between them
 * ```ts
 * import { ClientHandshake, PROTOCOL_VERSION, ServerHandshake } from "pppoe-proxy";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const hello = (name: string) => ({ version: PROTOCOL_VERSION, features: 0, name, software: "" });
 * const nowMs = 0;
 * const client = new ClientHandshake(hello("tokyo"), nowMs);
 * const server = new ServerHandshake(hello("osaka"), nowMs);
 * server.receive(client.takeOutput()!, nowMs);
 * client.receive(server.takeOutput()!, nowMs);
 * assert(client.state.is === "done");
 * assertEquals(client.state.handshake.peer.name, "osaka");
 * ```
 */
export class ClientHandshake extends HandshakeMachine {
  readonly #version: number;
  readonly #askMs: number;
  #asked = false;

  /**
   * Begins a handshake.
   *
   * @param hello The greeting to send
   * @param nowMs The time in ms, by a monotonic clock
   * @param timeoutMs The time to wait for the answer, in ms
   * @param words The messages about the server; by default those without keys
   */
  constructor(
    hello: Hello,
    nowMs: number,
    timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
    words?: HandshakeWords,
  ) {
    super("server", nowMs + timeoutMs, words);
    this.#version = hello.version;
    this.#askMs = nowMs + timeoutMs * ASK_AFTER;
    this.send(encodeFrame(FRAME.HELLO, emitHello(hello)));
  }

  /** The time at which {@linkcode tick} is due. */
  override get dueMs(): number {
    return this.#mayAsk ? Math.min(this.#askMs, super.dueMs) : super.dueMs;
  }

  /** Asks a silent server what it is, and later gives up. */
  override tick(nowMs: number): void {
    super.tick(nowMs);
    if (!this.#mayAsk || nowMs < this.#askMs) return;
    this.#asked = true;
    this.send(QUESTIONS.slice());
  }

  get #mayAsk(): boolean {
    return !this.#asked && this.isSilent && this.state.is === "waiting";
  }

  /** Expects a welcome or a goodbye. */
  protected override expects(type: number): boolean {
    return type === FRAME.WELCOME || type === FRAME.GOODBYE;
  }

  /** Reads a welcome or a goodbye. */
  protected override judge(type: number, payload: Uint8Array): Judgement {
    if (type === FRAME.GOODBYE) {
      const goodbye = parseGoodbye(payload);
      const message = `Refused: ${describeGoodbye(goodbye)}`;
      return { failure: { message, reason: goodbye?.reason } };
    }
    const judgement = readGreeting(payload, "server");
    if ("failure" in judgement || judgement.peer.version <= this.#version) return judgement;
    const message = `The server chose version ${judgement.peer.version} of the protocol, ` +
      `but ${this.#version} was the highest offered`;
    return { failure: { message, reason: REASON.VERSION } };
  }

  /** Sends nothing, because the server learns enough from the end of the connection. */
  protected override lastWords(): undefined {
    return undefined;
  }
}

/**
 * The server's part of a handshake: waits for a hello, and answers with a welcome.
 * {@linkcode ClientHandshake} has an example.
 */
export class ServerHandshake extends HandshakeMachine {
  readonly #welcome: Hello;
  readonly #refuse: (peer: Hello) => Goodbye | undefined;

  /**
   * Begins a handshake.
   *
   * @param welcome The greeting to answer with
   * @param nowMs The time in ms, by a monotonic clock
   * @param refuse Returns the goodbye for a client that is refused; undefined if it is welcome
   * @param timeoutMs The time to wait for the hello, in ms
   * @param words The messages about the client; by default those without keys
   */
  constructor(
    welcome: Hello,
    nowMs: number,
    refuse: (peer: Hello) => Goodbye | undefined = () => undefined,
    timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
    words?: HandshakeWords,
  ) {
    super("client", nowMs + timeoutMs, words);
    this.#welcome = welcome;
    this.#refuse = refuse;
  }

  /** Expects a hello. */
  protected override expects(type: number): boolean {
    return type === FRAME.HELLO;
  }

  /** Reads a hello and answers it. */
  protected override judge(_type: number, payload: Uint8Array): Judgement {
    const judgement = readGreeting(payload, "client");
    if ("failure" in judgement) return judgement;
    const { peer } = judgement;
    const refusal = this.#refuse(peer);
    if (refusal !== undefined) {
      return { failure: { message: refusal.text, reason: refusal.reason } };
    }
    const version = Math.min(peer.version, this.#welcome.version);
    this.send(encodeFrame(FRAME.WELCOME, emitHello({ ...this.#welcome, version })));
    return judgement;
  }

  /** Says goodbye if the client can do something about the reason. */
  protected override lastWords(
    { message, reason }: HandshakeFailure,
  ): Uint8Array<ArrayBuffer> | undefined {
    if (reason === undefined) return undefined;
    return encodeFrame(FRAME.GOODBYE, emitGoodbye({ reason, text: message }));
  }
}

function readGreeting(payload: Uint8Array, whose: Side): Judgement {
  const result = parseHello(payload);
  if (!result.ok) {
    const message = `Cannot read the ${whose}'s greeting: ${result.fault}`;
    return { failure: { message, reason: REASON.PROTOCOL } };
  }
  const peer = result.hello;
  if (peer.version >= PROTOCOL_VERSION) return { peer };
  const message = `The ${whose} speaks version ${peer.version} of the protocol, ` +
    `this side version ${PROTOCOL_VERSION}`;
  return { failure: { message, reason: REASON.VERSION } };
}
