// A connection in memory, over a path that can delay, refuse and lose bytes, and break.
//
// It behaves as TCP does: bytes arrive in order or not at all; bytes under way use up the sender's room
// until the other end has read them; the end of the stream arrives behind all bytes that were sent before.
// The caller provides the time, and nothing here waits.

import type { Pinned } from "../../ffi/mod.ts";
import type { MemoryDescriptors, MemorySource } from "../poll/memory.ts";
import { POLLHUP, POLLIN, POLLOUT } from "../poll/poller.ts";
import {
  AGAIN,
  BROKEN,
  type PathFault,
  type PathVerdict,
  type Transport,
  type TransportStatus,
} from "./transport.ts";

/** The path between two ends. */
export interface MemoryPath {
  /** Returns the time in ms. */
  now(): number;
  /** Called with the time at which an end will be ready, so that its owner can look at it then. */
  arrives?(end: MemoryTransport, atMs: number): void;
  /** Returns the time in ms that a batch takes; 0 by default. A later batch never overtakes it. */
  delayMs?(): number;
  /** The maximum number of bytes under way in one direction. */
  roomBytes?: number;
  /** Returns the number of bytes that one call takes of those offered; all of them by default. */
  takes?(offered: number): number;
}

const ROOM_BYTES = 256 * 1024;
/** The maximum number of pieces in a batch, as over TCP. */
const PIECES = 16;

/** The end of a stream: orderly, or broken. */
type End = typeof END | typeof RESET;
const END = "end";
const RESET = "reset";

interface Arrival {
  atMs: number;
  /** Bytes, or the end of the stream. */
  content: Uint8Array | End;
}

/** One end of a connection in memory. */
export class MemoryTransport implements Transport, MemorySource {
  readonly fd: number;
  readonly failure = "the connection broke: reset by peer";
  /** The fault of the path. */
  pathFault: PathFault | undefined;
  /** The result of `watchPath`. */
  pathVerdict: PathVerdict = "unchanged";
  /** The other end. */
  peer!: MemoryTransport;
  bytes = 0;
  readonly heldBytes = 0;
  /** The last limit that was set with `limitUnsent`. */
  unsentLimit: number;
  /** The last limit that was set with `limitUnread`, which has no other effect. */
  unreadLimit = Infinity;

  readonly #descriptors: MemoryDescriptors;
  readonly #path: MemoryPath;
  readonly #pieces: Uint8Array[] = [];
  readonly #arrivals: Arrival[] = [];
  /** The number of bytes that were sent from here and not yet read by the other end. */
  #underWay = 0;
  #lastArrivalMs = -Infinity;
  /** The time after which nothing arrives at the other end. */
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

  /** The number of bytes that were sent from here and not yet read by the other end. */
  get underWay(): number {
    return this.#underWay;
  }

  /** True once bytes that are sent from here may be lost. */
  get isCut(): boolean {
    return this.#cutMs < Infinity;
  }

  ready(): number {
    let ready = this.#room > 0 ? POLLOUT : 0;
    const [next] = this.#arrivals;
    if (next !== undefined && next.atMs <= this.#path.now()) {
      ready |= next.content === RESET ? POLLIN | POLLHUP : POLLIN;
    }
    return ready;
  }

  receive(into: Uint8Array): number {
    const [next] = this.#arrivals;
    if (next === undefined || next.atMs > this.#path.now()) return AGAIN;
    // The end of the stream stays in the list, so that every later call returns it too.
    if (next.content === END) return 0;
    if (next.content === RESET) return BROKEN;
    let count = 0;
    while (count < into.length) {
      const [{ atMs, content } = { atMs: Infinity, content: END }] = this.#arrivals;
      if (atMs > this.#path.now() || !(content instanceof Uint8Array)) break;
      const part = content.subarray(0, into.length - count);
      into.set(part, count);
      count += part.length;
      if (part.length === content.length) this.#arrivals.shift();
      else this.#arrivals[0].content = content.subarray(part.length);
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

  limitUnsent(bytes: number): void {
    this.unsentLimit = bytes;
  }

  limitUnread(bytes: number): void {
    this.unreadLimit = bytes;
  }

  refresh(): void {}

  watchPath(): PathVerdict {
    return this.pathVerdict;
  }

  unacknowledgedBytes(): number {
    return this.#underWay;
  }

  shutdown(): void {
    this.#arrive(END);
  }

  status(): TransportStatus {
    return { retransmits: 0, unsentBytes: this.#underWay, congestion: null, encryption: null };
  }

  /** Closes this end. The other end still gets the bytes that were sent, then the end of the stream. */
  close(): void {
    if (this.#closed) return;
    this.#arrive(END);
    this.#gone();
  }

  /** Resets the connection: the other end finds it broken, and bytes under way are lost. */
  reset(): void {
    if (this.#closed) return;
    this.cut(this.#path.now());
    this.peer.#end(RESET, this.#path.now());
    this.#gone();
  }

  /**
   * Loses everything that would arrive at the other end after a certain time. Neither end notices, unless
   * the connection is then broken.
   *
   * @param atMs The time of the cut
   * @param brokenMs The time at which the other end finds the connection broken; by default never
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

  #arrive(content: Uint8Array | End): void {
    const nowMs = this.#path.now();
    const atMs = Math.max(this.#lastArrivalMs, nowMs + (this.#path.delayMs?.() ?? 0));
    this.#lastArrivalMs = atMs;
    if (atMs > this.#cutMs) return;
    this.peer.#arrivals.push({ atMs, content });
    this.#path.arrives?.(this.peer, atMs);
  }

  #end(end: End, atMs: number): void {
    this.#arrivals.push({ atMs, content: end });
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
