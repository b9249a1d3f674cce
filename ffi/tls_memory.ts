// The memory by which all connections of TLS of one thread get and give sealed bytes, after their handshakes.
//
// What comes from a socket is read by OpenSSL where it is (a memory BIO over a buffer of our own). What OpenSSL
// seals is sent from where it is (a BIO pair, whose buffer is a ring).
//
// OpenSSL takes all of the input before a read of a connection ends, and all of the output is taken after each
// call, so that nothing of one connection is there when another one uses the memory.

import { openssl } from "./openssl.ts";
import { Pinned, readAddress, writeAddress } from "./pinned.ts";

const BIO_C_SET_BUF_MEM = 114;
const BIO_NOCLOSE = 0;
/** `struct buf_mem_st` (BUF_MEM) of openssl/buffer.h, in 32-bit words (LP64). */
const BUF_MEM = { length: 0, data: 2, max: 4, words: 8 } as const;
/** More bytes than there are. */
const ALL = 0x7fff_ffff;
/** The size of the half of the pair that nothing is written to. The smallest is 1. */
const UNUSED_BYTES = 1;

/** The memory of one thread. Its calls allocate nothing. */
export class TlsMemory implements Disposable {
  /** The bytes from a socket. */
  readonly received: Pinned;
  /** The bytes for a socket. */
  readonly sealed: Pinned;
  /** The BIO by which connections read. */
  readonly input: Deno.PointerValue;
  /** The BIO by which connections write. */
  readonly output: Deno.PointerValue;
  /** The BIO by which their bytes are taken. */
  readonly outlet: Deno.PointerValue;
  /** The offset of the bytes that were taken last. */
  takenAt = 0;
  readonly #ssl = openssl();
  /** The BUF_MEM of the input. */
  readonly #bufMem = new Pinned(new Uint8Array(4 * BUF_MEM.words));
  readonly #words = new Uint32Array(this.#bufMem.bytes.buffer);
  readonly #bufMemPointer = Deno.UnsafePointer.of(this.#bufMem.bytes);
  /** The address that a call writes. */
  readonly #found = new Uint8Array(8);
  readonly #foundWords = new Uint32Array(this.#found.buffer);
  #disposed = false;

  /**
   * Allocates the memory.
   *
   * @param receivedBytes The maximum number of bytes that are read from a socket at once
   * @param sealedBytes The maximum number of bytes that one call seals, with all that it adds to them
   * @throws {Error} If OpenSSL has no memory
   */
  constructor(receivedBytes: number, sealedBytes: number) {
    const ssl = this.#ssl;
    this.received = new Pinned(new Uint8Array(receivedBytes));
    writeAddress(this.#words, BUF_MEM.data, this.received.address);
    this.#words[BUF_MEM.max] = receivedBytes;
    this.input = ssl.BIO_new(ssl.BIO_s_mem());
    const ends = [new BigUint64Array(1), new BigUint64Array(1)];
    const [output, outlet] = ends.map(({ buffer }) => new Uint8Array(buffer));
    const made = ssl.BIO_new_bio_pair(output, BigInt(sealedBytes), outlet, BigInt(UNUSED_BYTES));
    if (made !== 1) throw new Error("Cannot use TLS: OpenSSL has no memory");
    [this.output, this.outlet] = ends.map(([end]) => Deno.UnsafePointer.create(end));
    // The first byte shows where the ring is.
    ssl.BIO_write(this.output, this.#found, 1);
    ssl.BIO_nread(this.outlet, this.#found, ALL);
    const ring = Deno.UnsafePointer.create(new BigUint64Array(this.#found.buffer)[0])!;
    const { getArrayBuffer } = Deno.UnsafePointerView;
    this.sealed = new Pinned(new Uint8Array(getArrayBuffer(ring, sealedBytes)));
  }

  /**
   * Gives OpenSSL the first bytes of `received`, and nothing of what it had before.
   *
   * @param length The number of bytes
   */
  offer(length: number): void {
    this.#words[BUF_MEM.length] = length;
    this.#ssl.BIO_set_mem_buf(this.input, BIO_C_SET_BUF_MEM, BIO_NOCLOSE, this.#bufMemPointer);
  }

  /**
   * Takes what was sealed, which stays in `sealed`, at `takenAt`, until more is sealed. More is left only if
   * this reaches the end of `sealed`.
   *
   * @returns The number of bytes; 0 or less if there are none
   */
  take(): number {
    const count = this.#ssl.BIO_nread(this.outlet, this.#found, ALL);
    if (count > 0) this.takenAt = readAddress(this.#foundWords, 0) - this.sealed.address;
    return count;
  }

  /** Frees the memory, once, as soon as no connection uses it. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const bio of [this.input, this.output, this.outlet]) this.#ssl.BIO_free(bio);
  }
}
