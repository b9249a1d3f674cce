// The receiving half of a transport over TLS.
//
// Bytes are read in parts, which the processor's cache holds until they are opened, as long as all the data in
// the next part surely fits into the caller's memory. What is left is the start of a record, which OpenSSL keeps.

import { endReading, Pinned, TLS, type TlsConnection, type TlsMemory } from "../../ffi/mod.ts";
import { assertInvariant } from "../assert.ts";
import { RECORD_BYTES } from "./sealed_bytes.ts";
import type { TcpTransport } from "./tcp.ts";
import { AGAIN, BROKEN } from "./transport.ts";

/** The maximum length of a record that is read, with its header and all that encryption may add. */
const RECORD_MAX = RECORD_BYTES + 5 + 256;
/** The maximum number of bytes in a part. */
export const READ_BYTES: number = 64 * 1024;
/** The same if the last read had so many small records that they took long. */
const READ_BYTES_SMALL = 16 * 1024;
const MANY_RECORDS = 64;
const SMALL_RECORD = 512;
/** The number of messages without data that a peer may send: so many at once, and one for so much data. */
const MESSAGES_AT_ONCE = 16;
const BYTES_PER_MESSAGE = 1024 * 1024;

/** A memory of the caller to read into. */
interface ReadPlace {
  readonly address: number;
  /** The part of a buffer for a usual read. */
  readonly large: Uint8Array<ArrayBuffer>;
  /** The part if the last read had many small records. */
  readonly small: Uint8Array<ArrayBuffer>;
}

/** The memory for bytes from sockets, which all connections of a thread share. */
export class ReadMemory {
  /** The same as OpenSSL reads it. */
  readonly memory: TlsMemory;
  /** The places for each memory that was read into. A thread has few of them. */
  readonly #places = new WeakMap<Uint8Array, ReadPlace>();

  /**
   * Has no places at first.
   *
   * @param memory The memory
   */
  constructor(memory: TlsMemory) {
    this.memory = memory;
  }

  /**
   * Returns the place for a memory. Nothing is allocated if it was read into before.
   *
   * @param into The memory
   * @returns Its address, and the parts of a buffer whose data fits into it
   */
  placeOf(into: Uint8Array): ReadPlace {
    const known = this.#places.get(into);
    if (known !== undefined) return known;
    const room = into.length - RECORD_MAX;
    assertInvariant(room > 0, "the memory for a read is smaller than a record");
    const { bytes } = this.memory.received;
    const place = {
      address: new Pinned(into as Uint8Array<ArrayBuffer>).address,
      large: bytes.subarray(0, Math.min(READ_BYTES, room)),
      small: bytes.subarray(0, Math.min(READ_BYTES_SMALL, room)),
    };
    this.#places.set(into, place);
    return place;
  }
}

/** Reads the data of one connection. Nothing is allocated for a record. */
export class TlsReader {
  /** The reason why the connection is broken; undefined if it is not. */
  fault: string | undefined;
  readonly #tcp: Pick<TcpTransport, "fd" | "receive">;
  readonly #tls: TlsConnection;
  readonly #memory: ReadMemory;
  #readsSmall = false;
  /** The number of messages without data that the peer may still send. */
  #messagesLeft = MESSAGES_AT_ONCE;
  #bytesSinceMessage = 0;
  #ended = false;
  /** True if the socket has reported an error, which it does once. */
  #broken = false;

  /**
   * Takes over a connection after its handshake.
   *
   * @param tcp Reads from its socket
   * @param tls The connection
   * @param memory Memory for bytes from the socket, which is needed only within a call
   */
  constructor(
    tcp: Pick<TcpTransport, "fd" | "receive">,
    tls: TlsConnection,
    memory: ReadMemory,
  ) {
    this.#tcp = tcp;
    this.#tls = tls;
    this.#memory = memory;
  }

  /**
   * Reads once, without waiting; see {@linkcode Transport.receive}.
   *
   * @param into The memory for the bytes
   * @returns The number of bytes; 0 at the end of the stream; {@linkcode AGAIN} or {@linkcode BROKEN}
   */
  receive(into: Uint8Array): number {
    if (this.fault !== undefined || this.#broken) return BROKEN;
    if (this.#ended) return 0;
    const { memory } = this.#memory;
    const { address, large, small } = this.#memory.placeOf(into);
    const buffer = this.#readsSmall ? small : large;
    const room = into.length;
    let count = 0;
    let records = 0;
    let bytes = 0;
    for (;;) {
      const received = this.#tcp.receive(buffer);
      if (received <= 0) {
        if (count === 0) return received;
        this.#broken = received === BROKEN;
        break;
      }
      bytes += received;
      memory.offer(received);
      // OpenSSL takes one record at a time, so it holds no more data once it has taken all bytes.
      do {
        const length = this.#tls.read(address + count, room - count);
        if (length > 0) {
          count += length;
          records++;
        } else if (length === TLS.END) {
          this.#ended = true;
          // The poller has to report the end, whatever the peer does with its half of the connection.
          if (count > 0) endReading(this.#tcp.fd);
          return count;
        } else if (length !== TLS.AGAIN) return this.#breaks(this.#tls.fault.text, count);
        else if (this.#tls.inputBytes > 0 && --this.#messagesLeft < 0) {
          return this.#breaks("the peer sends too many TLS messages", count);
        }
      } while (this.#tls.inputBytes > 0);
      this.#readsSmall = records > MANY_RECORDS && bytes < records * SMALL_RECORD;
      // Padding takes as long as data, and a peer may send little else, so it has the same limit.
      const isLast = received < buffer.length ||
        room - Math.max(count, bytes) < buffer.length + RECORD_MAX;
      if (isLast || this.#readsSmall) break;
    }
    this.#allowMessages(count);
    return count > 0 ? count : AGAIN;
  }

  // Lets the peer send a message without data now and then, such as a change of its key.
  #allowMessages(bytes: number): void {
    this.#bytesSinceMessage += bytes;
    if (this.#bytesSinceMessage < BYTES_PER_MESSAGE) return;
    this.#bytesSinceMessage = 0;
    if (this.#messagesLeft < MESSAGES_AT_ONCE) this.#messagesLeft++;
  }

  // Breaks the connection, once the caller has taken the data that was read before the fault.
  #breaks(reason: string, count: number): number {
    this.fault = describeFault(reason);
    if (count === 0) return BROKEN;
    endReading(this.#tcp.fd);
    return count;
  }
}

/** Returns the reason why a connection is broken. */
export function describeFault(reason: string): string {
  return `the connection broke: TLS: ${reason}`;
}
