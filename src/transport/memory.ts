// A connection in memory, with a path between its ends that delays, refuses, cuts and breaks.
//
// It behaves as TCP does: bytes arrive in order, or not at all; what is under way counts against the
// sender's room until the other end has read it; an end of the stream comes behind the bytes that were
// sent before it. The time is given, and nothing in here waits.

import type { Pinned } from "../../ffi/mod.ts";
import type { MemoryDescriptors, MemorySource } from "../poll/memory.ts";
import { POLLHUP, POLLIN, POLLOUT } from "../poll/poller.ts";
import { AGAIN, BROKEN, type Transport, type TransportStatus } from "./transport.ts";

/** The path between two ends. */
export interface MemoryPath {
  /** The time, in ms. */
  now(): number;
  /** Called when an end will be ready then, so that somebody looks at it. */
  arrives?(end: MemoryTransport, atMs: number): void;
  /** The time that a batch takes, in ms; 0 without it. A later batch never overtakes it. */
  delayMs?(): number;
  /** The bytes that may be under way in one direction. */
  roomBytes?: number;
  /** How many bytes one call takes, of so many; all of them without it. */
  takes?(offered: number): number;
}

const ROOM_BYTES = 256 * 1024;
/** As many pieces as a batch over TCP has. */
const PIECES = 16;

/** The end of a stream: orderly, or broken. */
type End = typeof END | typeof RESET;
const END = "end";
const RESET = "reset";

interface Arrival {
  atMs: number;
  /** Bytes, or the end of the stream. */
  what: Uint8Array | End;
}

/** One end of a connection in memory. */
export class MemoryTransport implements Transport, MemorySource {
  readonly fd: number;
  readonly failure = "the connection broke: reset by peer";
  /** The other end. */
  peer!: MemoryTransport;
  bytes = 0;
  /** The number that `holdUnsent` was last given. */
  unsentLimit: number;

  readonly #descriptors: MemoryDescriptors;
  readonly #path: MemoryPath;
  readonly #pieces: Uint8Array[] = [];
  readonly #arrivals: Arrival[] = [];
  /** Bytes that were sent from here, and that the other end has not read. */
  #underWay = 0;
  #lastArrivalMs = -Infinity;
  /** Nothing that arrives later does arrive. */
  #cutMs = Infinity;
  #closed = false;

  private constructor(descriptors: MemoryDescriptors, path: MemoryPath) {
    this.#descriptors = descriptors;
    this.#path = path;
    this.unsentLimit = path.roomBytes ?? ROOM_BYTES;
    this.fd = descriptors.open(this);
  }

  /** Makes both ends of a connection. */
  static pair(
    descriptors: MemoryDescriptors,
    path: MemoryPath,
  ): [MemoryTransport, MemoryTransport] {
    const [near, far] = [0, 1].map(() => new MemoryTransport(descriptors, path));
    near.peer = far;
    far.peer = near;
    return [near, far];
  }

  /** Bytes of this end that are under way: sent, and not read yet. */
  get underWay(): number {
    return this.#underWay;
  }

  /** True when not all that was sent from here can arrive. */
  get isCut(): boolean {
    return this.#cutMs < Infinity;
  }

  ready(): number {
    let ready = this.#room > 0 ? POLLOUT : 0;
    const [next] = this.#arrivals;
    if (next !== undefined && next.atMs <= this.#path.now()) {
      ready |= next.what === RESET ? POLLIN | POLLHUP : POLLIN;
    }
    return ready;
  }

  receive(into: Uint8Array): number {
    const [next] = this.#arrivals;
    if (next === undefined || next.atMs > this.#path.now()) return AGAIN;
    // The end stays at the head.
    if (next.what === END) return 0;
    if (next.what === RESET) return BROKEN;
    let count = 0;
    while (count < into.length) {
      const [{ atMs, what } = { atMs: Infinity, what: END }] = this.#arrivals;
      if (atMs > this.#path.now() || !(what instanceof Uint8Array)) break;
      const part = what.subarray(0, into.length - count);
      into.set(part, count);
      count += part.length;
      if (part.length === what.length) this.#arrivals.shift();
      else this.#arrivals[0].what = what.subarray(part.length);
    }
    this.peer.#read(count);
    return count;
  }

  add(memory: Pinned, start: number, end: number): boolean {
    if (this.#pieces.length === PIECES) return false;
    this.#pieces.push(memory.bytes.subarray(start, end));
    this.bytes += end - start;
    return true;
  }

  send(): number {
    const offered = this.bytes;
    const batch = new Uint8Array(offered);
    let at = 0;
    for (const piece of this.#pieces) {
      batch.set(piece, at);
      at += piece.length;
    }
    this.#pieces.length = 0;
    this.bytes = 0;
    if (this.#closed) return BROKEN;
    const { takes = (bytes) => bytes } = this.#path;
    const taken = Math.min(offered, this.#room, takes(offered));
    if (taken <= 0) return AGAIN;
    if (this.peer.#closed) {
      this.#end(RESET, this.#path.now());
      return taken;
    }
    this.#underWay += taken;
    this.#arrive(batch.slice(0, taken));
    return taken;
  }

  holdUnsent(bytes: number): void {
    this.unsentLimit = bytes;
  }

  refresh(): void {}

  shutdown(): void {
    this.#arrive(END);
  }

  status(): TransportStatus {
    return { retransmits: 0, unsentBytes: this.#underWay, congestion: null };
  }

  /** Closes this end: the other one finds the stream at its end, behind what was sent before. */
  close(): void {
    if (this.#closed) return;
    this.#arrive(END);
    this.#gone();
  }

  /** Closes this end at once: the other one finds the connection broken, and what is under way is lost. */
  reset(): void {
    if (this.#closed) return;
    this.cut(this.#path.now());
    this.peer.#end(RESET, this.#path.now());
    this.#gone();
  }

  /**
   * Loses all that would arrive at the other end after a time. Nobody hears of it, unless the
   * connection is then broken.
   *
   * @param brokenMs When the other end finds it broken; never without it
   */
  cut(atMs: number, brokenMs = Infinity): void {
    this.#cutMs = Math.min(this.#cutMs, atMs);
    const arrivals = this.peer.#arrivals;
    while (arrivals.length > 0 && arrivals[arrivals.length - 1].atMs > this.#cutMs) arrivals.pop();
    if (brokenMs < Infinity) this.peer.#end(RESET, brokenMs);
  }

  get #room(): number {
    return Math.max(0, (this.#path.roomBytes ?? ROOM_BYTES) - this.#underWay);
  }

  #arrive(what: Uint8Array | End): void {
    const nowMs = this.#path.now();
    const atMs = Math.max(this.#lastArrivalMs, nowMs + (this.#path.delayMs?.() ?? 0));
    this.#lastArrivalMs = atMs;
    if (atMs > this.#cutMs) return;
    this.peer.#arrivals.push({ atMs, what });
    this.#path.arrives?.(this.peer, atMs);
  }

  #end(what: End, atMs: number): void {
    this.#arrivals.push({ atMs, what });
    this.#path.arrives?.(this, atMs);
  }

  #read(bytes: number): void {
    const wasFull = this.#room === 0;
    this.#underWay -= bytes;
    if (wasFull) this.#path.arrives?.(this, this.#path.now());
  }

  #gone(): void {
    this.#closed = true;
    this.#descriptors.close(this.fd);
  }
}
