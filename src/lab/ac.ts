// A simulated access concentrator on a segment, which opens sessions, answers and hangs up.

import { PPP_PROTOCOL } from "../wire/mod.ts";
import { type AcOptions, AcProtocol, type AcSession } from "./ac_protocol.ts";
import type { Segment } from "./segment.ts";

/** A simulated AC. {@linkcode AcProtocol} makes its decisions. */
export class SimulatedAc {
  readonly protocol: AcProtocol;
  /** Called with every received frame first; if it returns true, the AC ignores the frame. */
  onFrame?: (frame: Uint8Array) => boolean | void;

  readonly #segment: Segment;
  readonly #stopListening: () => void;

  constructor(segment: Segment, options: AcOptions) {
    this.#segment = segment;
    this.protocol = new AcProtocol(options);
    this.#stopListening = segment.listen((frame) => this.#receive(frame));
  }

  /** The MAC address of the AC. */
  get mac(): Uint8Array {
    return this.protocol.options.mac;
  }

  /** The open sessions by id. */
  get sessions(): ReadonlyMap<number, AcSession> {
    return this.protocol.sessions;
  }

  /** The latest closed sessions, oldest first. */
  get closed(): readonly AcSession[] {
    return this.protocol.closed;
  }

  /**
   * Sends a session frame to a host.
   *
   * @param sessionId The id of an open session
   * @param payload The bytes after the PPP protocol number
   * @param protocol The PPP protocol number, IPv4 by default
   * @throws {Error} If no session with that id is open
   */
  send(sessionId: number, payload: Uint8Array, protocol: number = PPP_PROTOCOL.IPV4): void {
    this.#segment.send(this.protocol.sessionFrame(sessionId, protocol, payload));
  }

  /** Sends any bytes as a frame. */
  sendRaw(frame: Uint8Array): void {
    this.#segment.send(frame);
  }

  /**
   * Ends a session with a PADT.
   *
   * @param sessionId The id of an open session
   * @throws {Error} If no session with that id is open
   */
  hangUp(sessionId: number): void {
    this.#segment.send(this.protocol.hangUp(sessionId));
  }

  /** Leaves the segment without sending a PADT, like an AC that crashed. */
  close(): void {
    this.#stopListening();
  }

  #receive(frame: Uint8Array): void {
    if (this.onFrame?.(frame)) return;
    for (const answer of this.protocol.receive(frame, performance.now())) {
      this.#segment.send(answer);
    }
  }
}
