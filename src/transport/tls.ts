// A transport over TLS, on top of one over TCP, after a handshake that was made elsewhere.
//
// Sending: the pieces of a batch are joined, sealed with one call, and given to the socket with one call.
// Ciphertext that the socket refuses is kept and goes first the next time; nothing more is sealed before it
// is gone. After a refusal one record at a time is sealed, until a whole batch has been taken again, so that
// little waits where no control frame can overtake it.
// tls_reader.ts receives.

import { copyMemory, Pinned, type TlsConnection } from "../../ffi/mod.ts";
import { RECORD_BYTES, SealedBytes } from "./sealed_bytes.ts";
import type { TcpTransport } from "./tcp.ts";
import { describeFault, ReadMemory, TlsReader } from "./tls_reader.ts";
import {
  AGAIN,
  BROKEN,
  type PathFault,
  type PathVerdict,
  type Transport,
  type TransportStatus,
} from "./transport.ts";

/** The number of bytes that are sealed at once as long as the socket takes everything. */
const SEALED_AT_ONCE = 4 * RECORD_BYTES;
/** The maximum length of a batch: that of the outbox, a frame that goes beyond it, and the rest of another. */
const BATCH_BYTES = 256 * 1024;
/**
 * The number of records after which this side changes its key. AES-GCM is safe for 2^24.5 of the largest ones
 * (RFC 8446, section 5.5).
 */
const RECORDS_PER_KEY = 2 ** 22;

/** Memory that the transports of one thread share, because none of them needs it between two calls. */
export class TlsBuffers {
  /** The data of a batch. */
  readonly plain: Pinned = new Pinned(new Uint8Array(BATCH_BYTES));
  /** The same after sealing, with room for the messages of a change of keys. */
  readonly sealed: Pinned = new Pinned(new Uint8Array(SEALED_AT_ONCE + 1024));
  /** Bytes from a socket. */
  readonly received: ReadMemory = new ReadMemory();
}

/** A connection of TLS over a connected TCP socket as a transport. */
export class TlsTransport implements Transport {
  /** The number of bytes in the present batch. */
  bytes = 0;
  readonly #tcp: TcpTransport;
  readonly #tls: TlsConnection;
  readonly #buffers: TlsBuffers;
  readonly #recordsPerKey: number;
  readonly #cipher: string;

  /** The last piece of the batch, which is not copied as long as it is the only one. */
  #piece: Pinned | undefined;
  #pieceStart = 0;
  #pieceEnd = 0;
  /** The number of bytes of the batch that were copied. */
  #copied = 0;

  /** Ciphertext that the socket has refused. */
  #held: Pinned | undefined;
  #heldStart = 0;
  #heldEnd = 0;
  /** The number of bytes that the next call seals. */
  #step = SEALED_AT_ONCE;
  #recordsOfKey = 0;
  readonly #flight = new SealedBytes();
  /** The number of sealed bytes that OpenSSL has given out, and of those that it still has. */
  #takenOut = 0;
  #left = 0;

  readonly #reader: TlsReader;
  /** The reason why TLS is broken for what is sent. */
  #fault: string | undefined;

  /**
   * Takes over a connection after its handshake.
   *
   * @param tcp The transport over its socket
   * @param tls The connection, which the caller frees once the transport is not used any more
   * @param buffers The memory that is shared with the other transports of this thread
   * @param recordsPerKey The number of records after which this side changes its key
   */
  constructor(
    tcp: TcpTransport,
    tls: TlsConnection,
    buffers: TlsBuffers,
    recordsPerKey: number = RECORDS_PER_KEY,
  ) {
    this.#tcp = tcp;
    this.#tls = tls;
    this.#buffers = buffers;
    this.#recordsPerKey = recordsPerKey;
    this.#cipher = tls.cipher;
    this.#reader = new TlsReader(tcp, tls, buffers.received);
  }

  /** The socket's descriptor, which the caller closes. */
  get fd(): number {
    return this.#tcp.fd;
  }

  /** The reason why the connection is broken. */
  get failure(): string {
    return this.#fault ?? this.#tcp.failure;
  }

  /** The number of bytes that wait for the socket. */
  get heldBytes(): number {
    return this.#heldEnd - this.#heldStart + this.#left;
  }

  /**
   * Adds a piece to the batch; see {@linkcode Transport.add}.
   *
   * @param memory The memory that contains the piece
   * @param start The offset of the first byte
   * @param end The offset after the last byte
   * @returns False if the batch is full
   */
  add(memory: Pinned, start: number, end: number): boolean {
    if (this.bytes + end - start > BATCH_BYTES) return false;
    if (memory === this.#piece && start === this.#pieceEnd) this.#pieceEnd = end;
    else {
      this.#copyPiece();
      this.#piece = memory;
      this.#pieceStart = start;
      this.#pieceEnd = end;
    }
    this.bytes += end - start;
    return true;
  }

  /**
   * Seals and sends the batch; see {@linkcode Transport.send}.
   *
   * @returns The number of bytes taken; {@linkcode AGAIN} or {@linkcode BROKEN}
   */
  send(): number {
    const { bytes } = this;
    const address = this.#address();
    this.bytes = 0;
    const taken = this.#send(address, bytes);
    this.#piece = undefined;
    return taken;
  }

  #send(address: number, bytes: number): number {
    if (this.#fault !== undefined || !this.#flush()) return BROKEN;
    if (this.heldBytes > 0) return AGAIN;
    let taken = 0;
    while (taken < bytes) {
      const left = bytes - taken;
      const length = left < this.#step ? left : this.#step;
      if (!this.#seal(address + taken, length)) return BROKEN;
      taken += length;
      if (this.heldBytes > 0) {
        this.#step = RECORD_BYTES;
        return taken;
      }
    }
    this.#step = SEALED_AT_ONCE;
    return taken;
  }

  /**
   * Reads once, without waiting; see {@linkcode Transport.receive}.
   *
   * @param into The memory for the bytes
   * @returns The number of bytes; 0 at the end of the stream; {@linkcode AGAIN} or {@linkcode BROKEN}
   */
  receive(into: Uint8Array): number {
    const count = this.#reader.receive(into);
    if (this.#reader.fault !== undefined && this.#fault === undefined) {
      this.#fault = this.#reader.fault;
      // Tells the peer, if the socket takes it.
      this.#left = this.#tls.outputBytes;
      this.#flush();
    }
    return count;
  }

  /**
   * Limits the unsent bytes in the socket.
   *
   * @param bytes The limit
   */
  limitUnsent(bytes: number): void {
    this.#tcp.limitUnsent(bytes);
  }

  /**
   * Limits the bytes that the peer can send before they are read.
   *
   * @param bytes The limit; `Infinity` for that of the system
   */
  limitUnread(bytes: number): void {
    this.#tcp.limitUnread(bytes);
  }

  /** Keeps a path with spare capacity at full speed. */
  refresh(): void {
    this.#tcp.refresh();
  }

  /** The fault of the path that is known; undefined if there is none. */
  get pathFault(): PathFault | undefined {
    return this.#tcp.pathFault;
  }

  /**
   * Finds out whether the path loses large packets only; see {@linkcode Transport.watchPath}.
   *
   * @param nowMs The time in ms, by a monotonic clock
   * @returns The verdict
   */
  watchPath(nowMs: number): PathVerdict {
    return this.#tcp.watchPath(nowMs);
  }

  /**
   * Returns the number of bytes of data that the peer's machine has not acknowledged as part of a whole
   * record.
   *
   * @returns The number of bytes, in the end too
   */
  unacknowledgedBytes(): number {
    const held = this.#heldEnd - this.#heldStart;
    return this.#flight.unacknowledged(this.#takenOut - held - this.#tcp.unacknowledgedBytes());
  }

  /** Ends the stream in this direction, and tells the peer so that nobody else can. */
  shutdown(): void {
    this.#tls.end();
    this.#left = this.#tls.outputBytes;
    this.#flush();
    this.#tcp.shutdown();
  }

  /**
   * Describes the connection for the status.
   *
   * @returns The state of the connection
   */
  status(): TransportStatus {
    const status = this.#tcp.status();
    status.unsentBytes += this.heldBytes;
    status.encryption = { cipher: this.#cipher, kernel: false };
    return status;
  }

  // Returns the address of the batch, for which its pieces are joined unless there is only one.
  #address(): number {
    const piece = this.#piece;
    if (piece === undefined) return 0;
    if (this.#copied === 0) return piece.address + this.#pieceStart;
    this.#copyPiece();
    this.#copied = 0;
    return this.#buffers.plain.address;
  }

  #copyPiece(): void {
    const piece = this.#piece;
    if (piece === undefined) return;
    const length = this.#pieceEnd - this.#pieceStart;
    copyMemory(
      this.#buffers.plain.address + this.#copied,
      piece.address + this.#pieceStart,
      length,
    );
    this.#copied += length;
  }

  // Seals data, and sends it as far as the socket takes it; returns false if the connection is broken.
  #seal(address: number, length: number): boolean {
    if (this.#recordsOfKey >= this.#recordsPerKey) {
      this.#recordsOfKey = 0;
      this.#tls.updateKey();
    }
    if (!this.#tls.write(address, length)) {
      this.#fault = describeFault(this.#tls.fault.text);
      return false;
    }
    // There is room for all of it, and for a change of keys.
    const sent = this.#sendOutput();
    this.#recordsOfKey += this.#flight.sealed(length, this.#takenOut);
    return sent;
  }

  // Sends ciphertext as far as the socket takes it; returns false if the connection is broken.
  #flush(): boolean {
    const held = this.#held;
    if (this.#heldStart < this.#heldEnd) {
      const sent = this.#sendSealed(held!, this.#heldStart, this.#heldEnd);
      if (sent === BROKEN) return false;
      if (sent > 0) this.#heldStart += sent;
      if (this.#heldStart < this.#heldEnd) return true;
      this.#heldStart = this.#heldEnd = 0;
    }
    return this.#left === 0 || this.#sendOutput();
  }

  // Takes ciphertext from OpenSSL, and sends it as far as the socket takes it.
  #sendOutput(): boolean {
    const { sealed } = this.#buffers;
    const count = this.#tls.take(sealed.bytes);
    this.#left = 0;
    if (count <= 0) return true;
    this.#takenOut += count;
    const sent = this.#sendSealed(sealed, 0, count);
    if (sent === BROKEN) return false;
    if (sent < count) this.#hold(sent > 0 ? sent : 0, count);
    return true;
  }

  #sendSealed(memory: Pinned, start: number, end: number): number {
    this.#tcp.add(memory, start, end);
    return this.#tcp.send();
  }

  // Keeps ciphertext that the socket has refused.
  #hold(start: number, end: number): void {
    const { sealed } = this.#buffers;
    // Most tunnels never need it.
    const held = this.#held ??= new Pinned(new Uint8Array(sealed.bytes.length));
    copyMemory(held.address, sealed.address + start, end - start);
    this.#heldStart = 0;
    this.#heldEnd = end - start;
  }
}
