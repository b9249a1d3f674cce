// The first frames of a connection, without I/O: hello, then welcome or goodbye.
//
// A machine is given the bytes that arrive and the time. It has bytes to send (`takeOutput`), a time at
// which it wants to be called again (`dueMs`), and in the end a result:
//
//                  a greeting that will do
//     waiting ───────────────────────────────► done     the peer's hello, and the bytes behind it
//        │
//        └───────────────────────────────────► failed   why, and maybe a reason for a goodbye
//          another first frame, one that is too
//          long, a refusal, no greeting in time,
//          the end of the connection
//
// The client has its HELLO to send from the start. The server has something to send at the end: WELCOME,
// or GOODBYE where the client can do something about the reason.

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

/** The version of the protocol that this program speaks; docs/PROTOCOL.md has its history. */
export const PROTOCOL_VERSION = 1;

/** The time that each side waits for the other's first frame, in ms. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;

/** The result of a handshake. */
export interface Handshake {
  /** The peer's greeting. */
  peer: Hello;
  /** Bytes that came behind its greeting. */
  received: Uint8Array;
}

/** The reason why a handshake failed. */
export interface HandshakeFailure {
  /** For the log. */
  message: string;
  /** A code of {@linkcode REASON}, where the peer said goodbye or is told one. */
  reason?: number;
}

/** The state of a handshake. */
export type HandshakeState =
  | { is: "waiting" }
  | { is: "done"; handshake: Handshake }
  | { is: "failed"; failure: HandshakeFailure };

/** A side's opinion of the other's first frame. */
export type Judgement = { peer: Hello } | { failure: HandshakeFailure };

/** The common part of both sides: they wait for one frame, for a limited time. */
export abstract class HandshakeMachine {
  #state: HandshakeState = { is: "waiting" };
  #dueMs: number;
  #output: Uint8Array<ArrayBuffer> | undefined;
  readonly #frame = new FirstFrame();

  /**
   * Begins to wait.
   *
   * @param dueMs The time to give up at, on the caller's clock
   */
  protected constructor(dueMs: number) {
    this.#dueMs = dueMs;
  }

  /** The state of the handshake. */
  get state(): HandshakeState {
    return this.#state;
  }

  /** The time at which {@linkcode tick} is due, on the caller's clock; `Infinity` after the end. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /**
   * Hands over the bytes that wait to be sent, once.
   *
   * @returns The bytes; `undefined` where there are none
   */
  takeOutput(): Uint8Array<ArrayBuffer> | undefined {
    const output = this.#output;
    this.#output = undefined;
    return output;
  }

  /**
   * Takes bytes that have arrived. After the end they are ignored, so a caller stops reading there:
   * what comes then belongs to the tunnel.
   *
   * @param bytes Any part of what the peer sends, which is copied
   * @param nowMs The time in ms, on a clock that never goes back
   */
  receive(bytes: Uint8Array, nowMs: number): void {
    this.tick(nowMs);
    if (this.#state.is !== "waiting") return;
    const fits = this.#frame.push(bytes);
    const { type, payload, behind } = this.#frame;
    if (type === undefined) return;
    const fault = this.checkType(type);
    if (fault !== undefined) return this.#fail(fault);
    if (!fits) return this.#fail({ message: "The greeting is too long", reason: REASON.PROTOCOL });
    if (payload === undefined) return;
    const judgement = this.judge(type, payload);
    if ("failure" in judgement) return this.#fail(judgement.failure);
    this.#end({ is: "done", handshake: { peer: judgement.peer, received: behind } });
  }

  /** Hears that the peer has closed its half of the connection. */
  close(): void {
    this.#fail({ message: "The peer closed the connection" });
  }

  /**
   * Looks at the time.
   *
   * @param nowMs The time in ms, on a clock that never goes back
   */
  tick(nowMs: number): void {
    if (nowMs < this.#dueMs) return;
    this.#fail({ message: "No greeting in time", reason: REASON.TIMEOUT });
  }

  /**
   * Says why the peer's first frame is no greeting.
   *
   * @param type The frame's type, which is known long before its end
   * @returns The failure; `undefined` where it may be one
   */
  protected abstract checkType(type: number): HandshakeFailure | undefined;

  /**
   * Judges the peer's first frame.
   *
   * @param type Its type, which has been checked
   * @param payload Its payload
   * @returns The peer's greeting, or the reason why it will not do
   */
  protected abstract judge(type: number, payload: Uint8Array): Judgement;

  /**
   * Makes the last words to a peer whose handshake failed.
   *
   * @param failure The reason
   * @returns A frame to send; `undefined` to say nothing
   */
  protected abstract lastWords(failure: HandshakeFailure): Uint8Array<ArrayBuffer> | undefined;

  /**
   * Has a frame sent.
   *
   * @param frame The frame; nothing else may wait to be sent
   */
  protected send(frame: Uint8Array<ArrayBuffer>): void {
    this.#output = frame;
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
 * The client's part: says hello, and waits to be welcomed.
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

  /**
   * Begins a handshake.
   *
   * @param hello The greeting to send
   * @param nowMs The time in ms, on a clock that never goes back
   * @param timeoutMs The time to wait for the answer, in ms
   */
  constructor(hello: Hello, nowMs: number, timeoutMs: number = HANDSHAKE_TIMEOUT_MS) {
    super(nowMs + timeoutMs);
    this.#version = hello.version;
    this.send(encodeFrame(FRAME.HELLO, emitHello(hello)));
  }

  /** Expects a welcome or a goodbye. */
  protected override checkType(type: number): HandshakeFailure | undefined {
    if (type === FRAME.WELCOME || type === FRAME.GOODBYE) return undefined;
    return {
      message: `The server answered with frame type ${type}; is it an older one (--legacy)?`,
      reason: REASON.PROTOCOL,
    };
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

  /** Says nothing: the server learns enough from the end of the connection. */
  protected override lastWords(): undefined {
    return undefined;
  }
}

/** The server's part: waits for a hello, and welcomes it. {@linkcode ClientHandshake} has an example. */
export class ServerHandshake extends HandshakeMachine {
  readonly #welcome: Hello;
  readonly #refuse: (peer: Hello) => Goodbye | undefined;

  /**
   * Begins a handshake.
   *
   * @param welcome The greeting to answer with
   * @param nowMs The time in ms, on a clock that never goes back
   * @param refuse Says why a client with such a hello is not welcome; `undefined` where it is
   * @param timeoutMs The time to wait for the hello, in ms
   */
  constructor(
    welcome: Hello,
    nowMs: number,
    refuse: (peer: Hello) => Goodbye | undefined = () => undefined,
    timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
  ) {
    super(nowMs + timeoutMs);
    this.#welcome = welcome;
    this.#refuse = refuse;
  }

  /** Expects a hello. */
  protected override checkType(type: number): HandshakeFailure | undefined {
    if (type === FRAME.HELLO) return undefined;
    return {
      message: `The client began with frame type ${type}; is it an older one (--legacy)?`,
      reason: REASON.PROTOCOL,
    };
  }

  /** Reads a hello, and answers it. */
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

  /** Says goodbye where the client can do something about the reason. */
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
