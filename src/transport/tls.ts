// A transport over TLS, on top of one over TCP, after a handshake that was made elsewhere.
//
// Sending: the pieces of a batch are joined, sealed with one call, and given to the socket with one call, from
// where OpenSSL has put them. Ciphertext that the socket refuses is kept and goes first the next time; nothing
// more is sealed before it is gone. After a refusal one record at a time is sealed, until a whole batch has been taken again, so that
// little waits where no control frame can overtake it.
// tls_reader.ts receives.

import { copyMemory, Pinned, type TlsConnection, TlsMemory } from "../../ffi/mod.ts";
import { RECORD_BYTES, SealedBytes } from "./sealed_bytes.ts";
import type { TcpTransport } from "./tcp.ts";
import { describeFault, READ_BYTES, ReadMemory, TlsReader } from "./tls_reader.ts";
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
/** The room for what sealing adds to that data, and for the messages of a change of keys. */
const ADDED_BYTES = 1024;
/** The room for messages behind refused ciphertext: the last words of a connection. */
const LAST_BYTES = 1024;
/**
 * The number of records after which this side changes its key. AES-GCM is safe for 2^24.5 of the largest ones
 * (RFC 8446, section 5.5).
 */
const RECORDS_PER_KEY = 2 ** 22;

/** Memory that the transports of one thread share, because none of them needs it between two calls. */
export class TlsBuffers implements Disposable {
  /** The data of a batch. */
  readonly plain: Pinned = new Pinned(new Uint8Array(BATCH_BYTES));
  /** Sealed bytes, from a socket and for one. */
  readonly memory: TlsMemory = new TlsMemory(READ_BYTES, SEALED_AT_ONCE + ADDED_BYTES);
  /** The places for reads. */
  readonly received: ReadMemory = new ReadMemory(this.memory);

  /** Frees the memory, once no transport uses it any more. */
  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
  }
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
  /** The number of sealed bytes that OpenSSL has given out. */
  #takenOut = 0;

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
    tls.share(buffers.memory);
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
    return this.#heldEnd - this.#heldStart;
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
    if (this.#tls.outputBytes > 0) this.#sendMessages();
    this.#fault ??= this.#reader.fault;
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
    this.#sendMessages();
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
    const isSealed = this.#tls.write(address, length);
    // All of it has room, and a change of keys.
    const sent = this.#sendOutput();
    if (!isSealed) {
      this.#fault = describeFault(this.#tls.fault.text);
      return false;
    }
    this.#recordsOfKey += this.#flight.sealed(length, this.#takenOut);
    return sent;
  }

  // Sends what OpenSSL has to say besides data, such as the reason why it ends the connection, if the socket
  // takes it. A later call sends it otherwise.
  #sendMessages(): void {
    this.#flush();
    this.#sendOutput();
  }

  // Sends ciphertext that the socket has refused; returns false if the connection is broken.
  #flush(): boolean {
    if (this.#heldStart === this.#heldEnd) return true;
    const sent = this.#sendSealed(this.#held!, this.#heldStart, this.#heldEnd);
    if (sent > 0) this.#heldStart += sent;
    return sent !== BROKEN;
  }

  // Takes all ciphertext from OpenSSL, because other connections use the same memory, and sends it as far as the
  // socket takes it. Returns false if the connection is broken.
  #sendOutput(): boolean {
    const { memory } = this.#buffers;
    const { sealed } = memory;
    let isWhole = true;
    for (let isLast = false; !isLast;) {
      const count = memory.take();
      if (count <= 0) break;
      const start = memory.takenAt;
      const end = start + count;
      isLast = end < sealed.bytes.length;
      this.#takenOut += count;
      const sent = this.heldBytes > 0 ? AGAIN : this.#sendSealed(sealed, start, end);
      if (sent === BROKEN) isWhole = false;
      else if (sent < count) isWhole &&= this.#hold(start + (sent > 0 ? sent : 0), end);
    }
    return isWhole;
  }

  #sendSealed(memory: Pinned, start: number, end: number): number {
    this.#tcp.add(memory, start, end);
    return this.#tcp.send();
  }

  // Keeps ciphertext that the socket has refused, behind what is kept already. Returns false if it has no room.
  #hold(start: number, end: number): boolean {
    const { sealed } = this.#buffers.memory;
    // Most tunnels never need it.
    const held = this.#held ??= new Pinned(new Uint8Array(sealed.bytes.length + LAST_BYTES));
    if (this.#heldStart === this.#heldEnd) this.#heldStart = this.#heldEnd = 0;
    const length = end - start;
    if (this.#heldEnd + length > held.bytes.length) {
      this.#fault ??= describeFault("the peer does not take its messages");
      return false;
    }
    copyMemory(held.address + this.#heldEnd, sealed.address + start, length);
    this.#heldEnd += length;
    return true;
  }
}
