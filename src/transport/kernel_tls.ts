// A transport over TLS whose sending half the kernel encrypts (kTLS): it sends as over plain TCP.
//
// OpenSSL does not change the key of the kernel, so the connection ends before the key is used up. A kernel
// may also refuse to send small segments.

import type { TlsConnection } from "../../ffi/mod.ts";
import { RECORD_BYTES } from "./sealed_bytes.ts";
import { type TcpPath, TcpTransport } from "./tcp.ts";
import type { TlsBuffers } from "./tls.ts";
import { TlsReader } from "./tls_reader.ts";
import { BROKEN, type TransportStatus } from "./transport.ts";

/** The number of bytes that count for a record: its header and its tag, and what the cipher needs for itself. */
const OVERHEAD = 64;
/** The number of bytes for which a key is used, half of what AES-GCM allows (RFC 8446, section 5.5). */
const BYTES_PER_KEY = 2 ** 37;

/** A connection of TLS over a connected TCP socket to which the kernel has the key. */
export class KernelTlsTransport extends TcpTransport {
  readonly #tls: TlsConnection;
  readonly #reader: TlsReader;
  readonly #cipher: string;
  readonly #bytesPerKey: number;
  /** The number of bytes that the kernel has encrypted. */
  #sealed = 0;
  #fault: string | undefined;

  /**
   * Takes over a connection after its handshake.
   *
   * @param fd The socket's descriptor
   * @param congestion The operator's choice of congestion control; undefined for the default
   * @param path The path; by default it is not watched
   * @param tls The connection, which the caller frees once the transport is not used any more
   * @param buffers The memory that is shared with the other transports of this thread
   * @param bytesPerKey The number of bytes after which the connection ends
   */
  constructor(
    fd: number,
    congestion: string | undefined,
    path: TcpPath | undefined,
    tls: TlsConnection,
    buffers: TlsBuffers,
    bytesPerKey: number = BYTES_PER_KEY,
  ) {
    super(fd, congestion, path);
    this.#tls = tls;
    this.#cipher = tls.cipher;
    this.#bytesPerKey = bytesPerKey;
    tls.share(buffers.memory);
    const socket = { fd, receive: (into: Uint8Array) => super.receive(into) };
    this.#reader = new TlsReader(socket, tls, buffers.received);
    const remedy = this.pathFault?.remedy;
    if (remedy === "small-packets" || remedy === "smallest-packets") {
      this.#fault = "the kernel cannot encrypt small packets; the next connection does it without";
    }
  }

  /** The reason why the connection is broken. */
  override get failure(): string {
    return this.#fault ?? this.#reader.fault ?? super.failure;
  }

  /** Sends the batch, unless the key is used up. */
  override send(): number {
    const sent = this.#fault === undefined ? super.send() : BROKEN;
    if (sent > 0) {
      this.#sealed += sent + OVERHEAD * Math.ceil(sent / RECORD_BYTES);
      if (this.#sealed > this.#bytesPerKey) this.#fault = "the key of this connection is used up";
    }
    return sent;
  }

  /** Reads once, without waiting. */
  override receive(into: Uint8Array): number {
    return this.#reader.receive(into);
  }

  /** Returns an upper bound, because the kernel counts sealed bytes, and does not tell of a record in work. */
  override unacknowledgedBytes(): number {
    const bytes = super.unacknowledgedBytes();
    return bytes === 0 ? 0 : bytes + RECORD_BYTES;
  }

  /** Ends the stream in this direction, and tells the peer so that nobody else can. */
  override shutdown(): void {
    this.#tls.end();
    super.shutdown();
  }

  /** Describes the connection for the status. */
  override status(): TransportStatus {
    return { ...super.status(), encryption: { cipher: this.#cipher, kernel: true } };
  }
}
