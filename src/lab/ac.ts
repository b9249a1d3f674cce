// A simulated access concentrator on a segment: offers, opens sessions, answers, hangs up.
import { PPP_PROTOCOL } from "../wire/mod.ts";
import { type AcOptions, AcProtocol, type AcSession } from "./ac_protocol.ts";
import type { Segment } from "./segment.ts";

/** One AC. Its decisions are {@linkcode AcProtocol}'s. */
export class SimulatedAc {
  readonly protocol: AcProtocol;
  /** Sees every frame first; when it returns true, the AC does not. */
  onFrame?: (frame: Uint8Array) => boolean | void;

  readonly #segment: Segment;
  readonly #deafen: () => void;

  constructor(segment: Segment, options: AcOptions) {
    this.#segment = segment;
    this.protocol = new AcProtocol(options);
    this.#deafen = segment.listen((frame) => this.#receive(frame));
  }

  /** The address that it uses. */
  get mac(): Uint8Array {
    return this.protocol.options.mac;
  }

  /** The open sessions by id. */
  get sessions(): ReadonlyMap<number, AcSession> {
    return this.protocol.sessions;
  }

  /** The sessions that are over, oldest first. */
  get closed(): readonly AcSession[] {
    return this.protocol.closed;
  }

  /**
   * Sends a session frame to a host.
   *
   * @param sessionId Which session.
   * @param payload What follows the PPP protocol number.
   * @param protocol PPP protocol number; IPv4 when not given.
   * @throws {Error} If no such session is open.
   */
  send(sessionId: number, payload: Uint8Array, protocol: number = PPP_PROTOCOL.IPV4): void {
    this.#segment.send(this.protocol.sessionFrame(sessionId, protocol, payload));
  }

  /** Puts any frame on the segment as if from this AC. */
  sendRaw(frame: Uint8Array): void {
    this.#segment.send(frame);
  }

  /**
   * Ends a session with PADT.
   *
   * @param sessionId Which one.
   * @throws {Error} If no such session is open.
   */
  hangUp(sessionId: number): void {
    this.#segment.send(this.protocol.hangUp(sessionId));
  }

  /** Leaves the segment without a word, as an AC that crashed. */
  close(): void {
    this.#deafen();
  }

  #receive(frame: Uint8Array): void {
    if (this.onFrame?.(frame)) return;
    for (const answer of this.protocol.receive(frame, performance.now())) {
      this.#segment.send(answer);
    }
  }
}
