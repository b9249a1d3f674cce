// A simulated PPPoE host on a segment, which dials, exchanges data, answers LCP echo and hangs up.

import {
  emitSession,
  LCP_CODE,
  parseLcp,
  parseSession,
  PPP_PROTOCOL,
  type SessionPacket,
} from "../wire/mod.ts";
import { Exchange, type ExchangeOptions, type ExchangeResult } from "./exchange.ts";
import { type HostOptions, HostProtocol, type Offer, type Refusal } from "./host_protocol.ts";
import { answerEcho, makeEchoRequest } from "./lcp.ts";
import { patient } from "./patience.ts";
import type { Segment } from "./segment.ts";

/** Error thrown when discovery fails. */
export class DialError extends Error {
  override name = "DialError";
  /** The AC's refusal, or `undefined` if nothing answered. */
  readonly refusal?: Refusal;

  constructor(message: string, refusal?: Refusal) {
    super(message);
    this.refusal = refusal;
  }
}

/** The host's record of a session. */
export interface HostSession {
  sessionId: number;
  /** The AC's MAC address as the host sees it. */
  ac: Uint8Array;
  acName: string;
  /** Time from the first PADI to the PADS. */
  setupMs: number;
}

const EXPIRE_EVERY_MS = 50;

/** A simulated host with one session at a time. {@linkcode HostProtocol} makes its decisions. */
export class SimulatedHost {
  readonly protocol: HostProtocol;
  /** Called with each received data frame of the session. */
  onData?: (payload: Uint8Array, protocol: number) => void;
  /** Called with every received frame first; if it returns true, the host ignores the frame. */
  onFrame?: (frame: Uint8Array) => boolean | void;

  readonly #segment: Segment;
  readonly #stopListening: () => void;
  readonly #changed = new Set<() => void>();
  readonly #echoes = new Map<number, () => void>();
  #timer?: ReturnType<typeof setTimeout>;
  #nextEcho = 1;

  constructor(segment: Segment, options: HostOptions) {
    this.#segment = segment;
    this.protocol = new HostProtocol(options);
    this.#stopListening = segment.listen((frame) => this.#receive(frame));
  }

  /** The MAC address of the host. */
  get mac(): Uint8Array {
    return this.protocol.options.mac;
  }

  /** The offers of the latest discovery. */
  get offers(): readonly Offer[] {
    return this.protocol.offers;
  }

  /**
   * Opens a session through discovery.
   *
   * @returns The session
   * @throws {DialError} If the AC refuses or nothing answers
   */
  async dial(): Promise<HostSession> {
    const startMs = performance.now();
    this.#act(this.protocol.dial(startMs));
    const state = await this.#until(() =>
      this.protocol.state !== "discovering" && this.protocol.state !== "requesting"
    );
    const { offer, refusal, sessionId } = this.protocol;
    if (state === "open") {
      const setupMs = performance.now() - startMs;
      return { sessionId, ac: offer!.mac, acName: offer!.acName, setupMs };
    }
    if (state === "refused") {
      throw new DialError(`Cannot open a session: the AC refused: ${refusal!.text}`, refusal);
    }
    if (state === "closed") throw new DialError("Cannot open a session: the host hung up");
    const missing = offer ? "PADR" : "PADI";
    const reason = refusal ? `: ${refusal.text}` : "";
    throw new DialError(`Cannot open a session: no answer to ${missing}${reason}`, refusal);
  }

  /**
   * Sends a session frame.
   *
   * @param payload The bytes after the PPP protocol number
   * @param protocol The PPP protocol number, IPv4 by default
   * @throws {Error} If no session is open
   */
  send(payload: Uint8Array, protocol: number = PPP_PROTOCOL.IPV4): void {
    const { state, offer, sessionId } = this.protocol;
    if (state !== "open") throw new Error(`Cannot send: the session is ${state}`);
    this.#segment.send(
      emitSession({ destination: offer!.mac, source: this.mac, sessionId, protocol, payload }),
    );
  }

  /** Sends any bytes as a frame. */
  sendRaw(frame: Uint8Array): void {
    this.#segment.send(frame);
  }

  /**
   * Sends an LCP Echo-Request and waits for the reply.
   *
   * @param timeoutMs The time to wait, in milliseconds
   * @returns The round-trip time in milliseconds
   * @throws {Error} If no session is open or no reply arrives in time
   */
  async echo(timeoutMs = patient(2000)): Promise<number> {
    const identifier = this.#nextEcho++ & 0xff;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const startMs = performance.now();
    this.send(makeEchoRequest(identifier), PPP_PROTOCOL.LCP);
    this.#echoes.set(identifier, resolve);
    const timer = setTimeout(
      () => reject(new Error(`Cannot get an Echo-Reply: none arrived within ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      await promise;
      return performance.now() - startMs;
    } finally {
      this.#echoes.delete(identifier);
      clearTimeout(timer);
    }
  }

  /**
   * Sends numbered payloads to an AC that echoes them, and checks every byte that returns.
   *
   * @param options The number, the length and the window of the payloads
   * @returns The result, which is incomplete if the session ended
   * @throws {Error} If no session is open
   */
  async exchange(options: ExchangeOptions): Promise<ExchangeResult> {
    const exchange = new Exchange(this.protocol.sessionId, options);
    const { promise, resolve } = Promise.withResolvers<void>();
    const proceed = () => {
      if (this.protocol.state !== "open") exchange.abandon();
      for (let payload; (payload = exchange.next(performance.now())) !== undefined;) {
        this.send(payload);
      }
      if (exchange.done) resolve();
    };
    const before = this.onData;
    this.onData = (payload) => {
      exchange.receive(payload, performance.now());
      proceed();
    };
    this.#changed.add(proceed);
    const timer = setInterval(() => {
      exchange.expire(performance.now());
      proceed();
    }, EXPIRE_EVERY_MS);
    try {
      proceed();
      await promise;
    } finally {
      clearInterval(timer);
      this.#changed.delete(proceed);
      this.onData = before;
    }
    return exchange.result;
  }

  /** Sends a PADT if a session is open. */
  hangUp(): void {
    this.#act(this.protocol.hangUp());
  }

  /**
   * Waits until the session has ended.
   *
   * @param timeoutMs The time to wait, in milliseconds
   * @returns The station that ended it
   * @throws {Error} If it did not end in time
   */
  async closed(timeoutMs = patient(2000)): Promise<"host" | "ac"> {
    await this.#until(() => this.protocol.state === "closed", timeoutMs);
    return this.protocol.closedBy!;
  }

  /** Leaves the segment without sending a PADT, like a host whose power fails. */
  close(): void {
    this.#stopListening();
    clearTimeout(this.#timer);
  }

  #receive(frame: Uint8Array): void {
    if (this.onFrame?.(frame)) return;
    const session = parseSession(frame);
    if (session) this.#receiveSession(session);
    else this.#act(this.protocol.receive(frame, performance.now()));
  }

  #receiveSession(packet: SessionPacket): void {
    if (!this.protocol.owns(packet)) return;
    const reply = answerEcho(packet);
    if (reply) return this.#segment.send(reply);
    if (packet.protocol === PPP_PROTOCOL.LCP) {
      const lcp = parseLcp(packet.payload);
      if (lcp?.code === LCP_CODE.ECHO_REPLY) this.#echoes.get(lcp.identifier)?.();
      return;
    }
    this.onData?.(packet.payload, packet.protocol);
  }

  /** Sends the protocol's frame, sets its timer, and checks all conditions that are waited for. */
  #act(frame: Uint8Array | undefined): void {
    if (frame) this.#segment.send(frame);
    clearTimeout(this.#timer);
    const { deadlineMs } = this.protocol;
    if (deadlineMs !== Infinity) {
      const delayMs = Math.max(0, Math.ceil(deadlineMs - performance.now()));
      this.#timer = setTimeout(() => this.#act(this.protocol.tick(performance.now())), delayMs);
    }
    for (const check of [...this.#changed]) check();
  }

  async #until(met: () => boolean, timeoutMs?: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = () => met() && resolve();
    const timer = timeoutMs === undefined ? undefined : setTimeout(
      () => reject(new Error(`The session did not end: it is ${this.protocol.state}`)),
      timeoutMs,
    );
    this.#changed.add(check);
    try {
      check();
      await promise;
      return this.protocol.state;
    } finally {
      this.#changed.delete(check);
      clearTimeout(timer);
    }
  }
}
