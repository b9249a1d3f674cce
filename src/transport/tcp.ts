// A tunnel over TCP, by the descriptor of its socket.

import {
  congestionControl,
  ERRNO,
  receive,
  restartBbr,
  setNotsentLowat,
  shutdownWrite,
  StreamSender,
  systemError,
  tcpInfo,
} from "../../ffi/mod.ts";
import { SYSTEM_CONGESTION } from "./congestion.ts";
import { AGAIN, BROKEN, type Transport, type TransportStatus } from "./transport.ts";

/**
 * A connected TCP socket as a transport.
 *
 * @example Bytes from one end to the other
 * ```ts
 * import { findSocket, Pinned, TcpTransport } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const accepted = listener.accept();
 * const near = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
 * const far = await accepted;
 * const transport = new TcpTransport(findSocket(near.localAddr, near.remoteAddr));
 *
 * transport.add(new Pinned(Uint8Array.of(1, 2, 3)), 0, 3);
 * assertEquals(transport.send(), 3);
 * const bytes = new Uint8Array(3);
 * await far.read(bytes);
 * assertEquals(bytes, Uint8Array.of(1, 2, 3));
 * for (const closable of [near, far, listener]) closable.close();
 * ```
 */
// It is a StreamSender itself: what is called for each frame has no layer in between.
export class TcpTransport extends StreamSender implements Transport {
  /** The socket's descriptor, which stays the caller's to close. */
  readonly fd: number;
  readonly #refreshes: boolean;
  #error: number = ERRNO.EIO;

  /**
   * Takes a connected socket.
   *
   * @param fd Its descriptor
   * @param congestion The congestion control that the operator asked for, if any
   */
  constructor(fd: number, congestion?: string) {
    super(fd);
    this.fd = fd;
    this.#refreshes = congestion !== SYSTEM_CONGESTION;
  }

  /** Why it is broken. */
  get failure(): string {
    return systemError("the connection broke", this.#error).message;
  }

  /** Reads once, without waiting; see {@linkcode Transport.receive}. */
  receive(into: Uint8Array): number {
    const count = receive(this.fd, into);
    return count >= 0 ? count : this.#failed(-count);
  }

  /** Sends the batch; see {@linkcode Transport.send}. */
  override send(): number {
    const count = super.send();
    return count >= 0 ? count : this.#failed(-count);
  }

  /** Sets TCP_NOTSENT_LOWAT. */
  holdUnsent(bytes: number): void {
    setNotsentLowat(this.fd, bytes);
  }

  /**
   * Keeps bbr from its pause of 200 ms every 10 s, in which a tunnel full of frames loses those of a
   * tenth of a second, and delays as many. It pauses to see the path without its own queue; a tunnel
   * that carries less than the path does has none, so there it is for nothing.
   */
  refresh(): void {
    if (this.#refreshes) restartBbr(this.fd);
  }

  /** Ends this side of the stream. */
  shutdown(): void {
    shutdownWrite(this.fd);
  }

  /** The state of the connection. */
  status(): TransportStatus {
    const { retransmits = 0, unsentBytes = 0 } = tcpInfo(this.fd) ?? {};
    return { retransmits, unsentBytes, congestion: congestionControl(this.fd) ?? null };
  }

  #failed(error: number): number {
    if (error === ERRNO.EAGAIN) return AGAIN;
    this.#error = error;
    return BROKEN;
  }
}
