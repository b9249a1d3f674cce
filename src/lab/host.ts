// A simulated PPPoE host on a segment: dials, carries data, answers LCP echo, hangs up.
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

/** Discovery that came to nothing. */
export class DialError extends Error {
  override name = "DialError";
  /** What the AC said; `undefined` when nobody answered. */
  readonly refusal?: Refusal;

  constructor(message: string, refusal?: Refusal) {
    super(message);
    this.refusal = refusal;
  }
}

/** A session as the host knows it. */
export interface HostSession {
  sessionId: number;
  /** The AC's MAC address as the host sees it. */
  ac: Uint8Array;
  acName: string;
  /** From the first PADI to PADS. */
  setupMs: number;
}

const EXPIRE_EVERY_MS = 50;

/** One host with one session at a time. Its decisions are {@linkcode HostProtocol}'s. */
export class SimulatedHost {
  readonly protocol: HostProtocol;
  /** Data frames of the session that came in. */
  onData?: (payload: Uint8Array, protocol: number) => void;
  /** Sees every frame first; when it returns true, the host does not. */
  onFrame?: (frame: Uint8Array) => boolean | void;

  readonly #segment: Segment;
  readonly #deafen: () => void;
  readonly #changed = new Set<() => void>();
  readonly #echoes = new Map<number, () => void>();
  #timer?: ReturnType<typeof setTimeout>;
  #nextEcho = 1;

  constructor(segment: Segment, options: HostOptions) {
    this.#segment = segment;
    this.protocol = new HostProtocol(options);
    this.#deafen = segment.listen((frame) => this.#receive(frame));
  }

  /** The address that it uses. */
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
   * @returns The session.
   * @throws {DialError} If the AC refuses or nobody answers.
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
      throw new DialError(`Cannot open a session: refused: ${refusal!.text}`, refusal);
    }
    if (state === "closed") throw new DialError("Cannot open a session: the host hung up");
    const missing = offer ? "PADR" : "PADI";
    const reason = refusal ? `: ${refusal.text}` : "";
    throw new DialError(`Cannot open a session: no answer to ${missing}${reason}`, refusal);
  }

  /**
   * Sends a session frame.
   *
   * @param payload What follows the PPP protocol number.
   * @param protocol PPP protocol number; IPv4 when not given.
   * @throws {Error} If no session is open.
   */
  send(payload: Uint8Array, protocol: number = PPP_PROTOCOL.IPV4): void {
    const { state, offer, sessionId } = this.protocol;
    if (state !== "open") throw new Error(`Cannot send: the session is ${state}`);
    this.#segment.send(
      emitSession({ destination: offer!.mac, source: this.mac, sessionId, protocol, payload }),
    );
  }

  /** Puts any frame on the segment as if from this host. */
  sendRaw(frame: Uint8Array): void {
    this.#segment.send(frame);
  }

  /**
   * Asks the AC for an LCP Echo-Reply.
   *
   * @param timeoutMs How long to wait for it.
   * @returns The round-trip time in milliseconds.
   * @throws {Error} If no session is open or no reply came.
   */
  async echo(timeoutMs = patient(2000)): Promise<number> {
    const identifier = this.#nextEcho++ & 0xff;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const startMs = performance.now();
    this.send(makeEchoRequest(identifier), PPP_PROTOCOL.LCP);
    this.#echoes.set(identifier, resolve);
    const timer = setTimeout(
      () => reject(new Error(`Cannot get an Echo-Reply: none came in ${timeoutMs} ms`)),
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
   * Sends numbered payloads to an AC that echoes them, and checks what returns, every byte.
   *
   * @param options How many, how large, how many at once.
   * @returns What came of it; it ends early when the session does.
   * @throws {Error} If no session is open.
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

  /** Sends PADT, when a session is open. */
  hangUp(): void {
    this.#act(this.protocol.hangUp());
  }

  /**
   * Waits until the session is over.
   *
   * @param timeoutMs How long.
   * @returns Who ended it.
   * @throws {Error} If it is still there.
   */
  async closed(timeoutMs = patient(2000)): Promise<"host" | "ac"> {
    const closed = this.#until(() => this.protocol.state === "closed", timeoutMs);
    await closed;
    return this.protocol.closedBy!;
  }

  /** Leaves the segment without a word, as a host whose power fails. */
  close(): void {
    this.#deafen();
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

  // Sends what the protocol said, sets its clock and tells those who wait.
  #act(frame: Uint8Array | undefined): void {
    if (frame) this.#segment.send(frame);
    clearTimeout(this.#timer);
    const { deadlineMs } = this.protocol;
    if (deadlineMs !== Infinity) {
      const delayMs = Math.max(0, Math.ceil(deadlineMs - performance.now()));
      this.#timer = setTimeout(() => this.#act(this.protocol.tick(performance.now())), delayMs);
    }
    for (const tell of [...this.#changed]) tell();
  }

  async #until(met: () => boolean, timeoutMs?: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = () => met() && resolve();
    const timer = timeoutMs === undefined ? undefined : setTimeout(
      () => reject(new Error(`Cannot see the session end: ${this.protocol.state}`)),
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
