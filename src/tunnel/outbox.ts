// The way out: frames that wait for a transport, and how much of them it is given at once.
//
// Frames are copied once, header in front, into a queue for control frames or one for data. When the
// transport has room, one call gathers from both: first the rest of a frame that was cut, then control,
// then data. What it did not take stays queued, so that a control frame that comes later still overtakes
// it. Little is left to the transport's own queue, where nothing overtakes: how much it holds unsent
// follows the pace at which the path takes bytes. Data that has stood for too long is dropped as it
// leaves the queue, by CoDel, or because it is too old to be of use; control never is.

import { Pinned } from "../../ffi/mod.ts";
import { assertInvariant } from "../assert.ts";
import { BROKEN, type Transport } from "../transport/transport.ts";
import { FRAME } from "../wire/mod.ts";
import { CoDel } from "./codel.ts";
import { FrameQueue, LARGEST_FRAME } from "./frame_queue.ts";
import { Pace } from "./pace.ts";

/** The lanes of a tunnel: `last` is control that ends a session, for which room is kept. */
export type OutboxLane = "data" | "control" | "last";

/** The smallest data frames for which the queue has places in its whole length. An acknowledgement has 70 bytes. */
const SMALL_FRAME = 64;
/** Control frames beyond this are dropped, except those that end something. */
const CONTROL_LIMIT = 64 * 1024;
/** Room for those: a PADT takes 23 bytes. */
const CONTROL_BYTES = 3 * CONTROL_LIMIT;
const CONTROL_FRAMES = 8192;
/** Data that waited longer is of no use to its receiver any more. */
const STALE_MS = 100;
/** The time for which a transport that refused something counts as congested. */
const CONGESTED_MS = 250;

const NO_BYTES = new Uint8Array(0);

/** The frames that wait for one transport. Nothing is allocated for a frame. */
export class Outbox {
  /** A pong is to be sent. However many pings came, one answer is as good; more would fill the queue. */
  pongDue = false;

  readonly #transport: Transport;
  readonly #control = new FrameQueue(CONTROL_BYTES, CONTROL_FRAMES);
  readonly #data: FrameQueue;
  /** The rest of a frame that the transport took a part of. */
  readonly #rest = new Pinned(new Uint8Array(LARGEST_FRAME));
  #restAt = 0;
  #restEnd = 0;
  readonly #codel = new CoDel();
  readonly #pace: Pace;
  #staleMs = STALE_MS;
  #blocked = false;
  /** When the transport last refused something. */
  #refusedMs = -Infinity;

  /**
   * Makes an empty one.
   *
   * @param queueBytes Data that may wait, in bytes
   * @param batchBytes The most that the transport is given at once, in bytes
   */
  constructor(transport: Transport, queueBytes: number, batchBytes: number) {
    this.#transport = transport;
    const frames = 2 ** Math.ceil(Math.log2(queueBytes / SMALL_FRAME));
    this.#data = new FrameQueue(queueBytes, frames);
    this.#pace = new Pace(batchBytes);
  }

  /** True while the transport has no room: wait until it is writable. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#restEnd - this.#restAt + this.#control.bytes + this.#data.bytes;
  }

  /** True where there is room for a data frame. */
  get hasRoom(): boolean {
    return !this.#data.full;
  }

  /** Data frames that were dropped because they had waited for too long, since this was last set to 0. */
  get stale(): number {
    return this.#data.dropped;
  }
  set stale(frames: number) {
    this.#data.dropped = frames;
  }

  /** Drops data that waits for too long, where there is no room for more. */
  makeRoom(nowMs: number): void {
    if (!this.hasRoom) this.#data.dropBefore(nowMs - this.#staleMs);
  }

  /** Notes that the transport is writable again, or that nobody waits for that any more. */
  unblock(): void {
    this.#blocked = false;
  }

  /** Queues a frame; false when there is no room for it. See {@linkcode Channel.queue}. */
  push(
    type: number,
    frame: Uint8Array,
    length: number,
    lane: OutboxLane,
    nowMs: number,
    waitedMs: number,
  ): boolean {
    if (lane === "data") {
      return this.hasRoom && this.#data.push(type, frame, length, nowMs, waitedMs);
    }
    if (lane === "control" && this.#control.bytes > CONTROL_LIMIT) return false;
    return this.#control.push(type, frame, length, nowMs, waitedMs);
  }

  /** Queues a ping; false when there is no room for it. */
  ping(nowMs: number): boolean {
    return this.#control.push(FRAME.PING, NO_BYTES, 0, nowMs);
  }

  /** Queues a goodbye behind all other frames, since the peer reads nothing behind it. */
  goodbye(payload: Uint8Array): void {
    this.#data.dropBefore(Infinity);
    // Never too old.
    this.#data.push(FRAME.GOODBYE, payload, payload.length, Infinity);
  }

  /** Forgets what is queued, and tells how many frames that was, with those of `stale`. */
  abandon(): number {
    this.#data.dropBefore(Infinity);
    this.#control.dropBefore(Infinity);
    return this.#data.dropped + this.#control.dropped;
  }

  /** Sends what is queued, as far as the transport takes it; false when the transport is broken. */
  send(nowMs: number): boolean {
    const transport = this.#transport;
    while (!this.#blocked) {
      if (this.pongDue) this.pongDue = !this.#control.push(FRAME.PONG, NO_BYTES, 0, nowMs);
      if (this.#restAt < this.#restEnd) transport.add(this.#rest, this.#restAt, this.#restEnd);
      const most = this.#pace.lowatBytes;
      this.#control.gather(transport, most, nowMs);
      const ahead = transport.bytes;
      this.#data.gather(transport, most, nowMs, this.#judge);
      const offered = transport.bytes;
      if (offered === 0) {
        this.#idle(nowMs);
        return true;
      }
      const sent = transport.send();
      if (sent === BROKEN) return false;
      assertInvariant(sent <= offered, "a transport took more than it was given");
      if (sent > 0) this.#consume(sent, ahead);
      this.#pace.sent(Math.max(0, sent));
      // A transport that took a part has no room for more. One that did so lately is not given anything
      // before it is writable: TCP would take what still fits into its last segment of 64 KiB, whatever
      // its limit is.
      if (sent < offered) this.#refusedMs = nowMs;
      if (this.#isCongested(nowMs)) this.#block(nowMs);
    }
    return true;
  }

  /** True when the transport has refused nothing for so long, so that the path has no queue. */
  isUnhindered(nowMs: number, forMs: number): boolean {
    return nowMs - this.#refusedMs >= forMs;
  }

  #isCongested(nowMs: number): boolean {
    return nowMs - this.#refusedMs < CONGESTED_MS;
  }

  // On a slow path the queue is empty again and again, when all in it was too old; that is no idleness.
  #idle(nowMs: number): void {
    this.#codel.idle();
    if (!this.#isCongested(nowMs)) this.#pace.idle();
  }

  // Of what was sent, `ahead` bytes were not data: the rest of a frame, then control frames.
  #consume(sent: number, ahead: number): void {
    const rest = this.#restEnd - this.#restAt;
    this.#restAt += Math.min(sent, rest);
    if (sent < rest) return;
    this.#restAt = 0;
    this.#restEnd = sent < ahead
      ? this.#control.consume(sent - rest, this.#rest.bytes)
      : this.#control.consume(ahead - rest, this.#rest.bytes) +
        this.#data.consume(sent - ahead, this.#rest.bytes);
  }

  #block(nowMs: number): void {
    this.#blocked = true;
    if (this.#pace.blocked(nowMs)) this.#transport.limitUnsent(this.#pace.lowatBytes);
    // A path so slow that a batch takes that long would otherwise lose all that came meanwhile.
    this.#staleMs = Math.max(STALE_MS, 2 * this.#pace.lowatMs);
  }

  // CoDel must see each frame, also those that are too old anyway.
  #judge = (waitedMs: number, last: boolean, nowMs: number): boolean =>
    this.#codel.drops(waitedMs, last, nowMs) || waitedMs > this.#staleMs;
}
