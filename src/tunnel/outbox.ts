// The output of a tunnel: the frames that wait for its transport.
//
// Frames are copied once, with their headers, into one of two queues: control or data. When the transport
// has room, one call gathers bytes in this order: the rest of a frame that was sent in part, control, data.
// Bytes that the transport did not take stay queued, so that a later control frame still overtakes them.
//
// In the transport's own queue nothing can overtake, so that queue is kept short: its limit follows the
// rate at which the path takes bytes. Data frames that have waited too long are dropped as they leave the
// queue, either by CoDel or because they are too old to be useful. Control frames are never dropped there.

import { Pinned } from "../../ffi/mod.ts";
import { assertInvariant } from "../assert.ts";
import { BROKEN, type Transport } from "../transport/transport.ts";
import { FRAME } from "../wire/mod.ts";
import { CoDel } from "./codel.ts";
import {
  Flight,
  type FrameOwner,
  type FrameTap,
  isEthernet,
  lengthOf,
  type Tally,
  typeOf,
} from "./flight.ts";
import { FrameQueue, LARGEST_FRAME } from "./frame_queue.ts";
import { Pace } from "./pace.ts";
import { QueueRoom } from "./queue_room.ts";
import { SendBudget } from "./send_budget.ts";

/**
 * The lanes of a tunnel: `last` is for control frames that end a session, with reserved room. `opening` is for those
 * by which hosts look for an AC, which may be many; they have less room, so that others never wait long for them.
 */
export type OutboxLane = "data" | "opening" | "control" | "last";

/** The smallest mean size of data frames with which the queue can be filled. A TCP ACK has 70 bytes. */
const SMALL_FRAME = 64;
/** The number of queued bytes above which control frames are refused, except those in the lane `last`. */
const CONTROL_LIMIT = 64 * 1024;
/** The number of queued bytes above which frames of the lane `opening` are refused. */
const OPENING_LIMIT = 16 * 1024;
/** The size of the control queue. The rest is for the lane `last`; a PADT takes 23 bytes. */
const CONTROL_BYTES = 3 * CONTROL_LIMIT;
const CONTROL_FRAMES = 8192;
/** The age from which data is of no use to its receiver. */
const STALE_MS = 100;
/** The time for which a transport that refused something counts as congested. */
const CONGESTED_MS = 250;

/** The initial memory for the rest of a frame that was sent in part. It grows to the largest rest so far. */
const REST_BYTES = 2048;

const NO_BYTES = new Uint8Array(0);

/** The frames that wait for one transport. Nothing is allocated for a frame. */
export class Outbox {
  /** True if a pong must be sent. One is enough for any number of pings; more could fill the queue. */
  pongDue = false;

  readonly #transport: Transport;
  readonly #flight: Flight;
  readonly #control: FrameQueue;
  readonly #data: FrameQueue;
  /** The rest of a frame that was sent in part. */
  #rest = new Pinned(new Uint8Array(REST_BYTES));
  #restAt = 0;
  #restEnd = 0;
  /** The mark and the owner of that frame. */
  #restMark = 0;
  #restOwner: FrameOwner | undefined;
  #tap: FrameTap | undefined;
  readonly #codel = new CoDel();
  readonly #pace: Pace;
  #staleMs = STALE_MS;
  /** The bytes that may be sent, if there is a limit. */
  #budget: SendBudget | undefined;
  #blocked = false;
  /** The time at which the transport last refused bytes. */
  #refusedMs = -Infinity;
  /** The time since which the outbox waits for the transport, until the next attempt to send. */
  #blockedMs = Infinity;

  /**
   * Makes an empty outbox.
   *
   * @param transport The transport
   * @param queueBytes The maximum number of bytes of data that wait
   * @param batchBytes The maximum number of bytes that the transport is given at once
   * @param room The memory for its queues, which it shares with other tunnels; by default with none
   */
  constructor(
    transport: Transport,
    queueBytes: number,
    batchBytes: number,
    room: QueueRoom = new QueueRoom(),
  ) {
    this.#transport = transport;
    this.#flight = new Flight(room);
    this.#control = new FrameQueue(CONTROL_BYTES, CONTROL_FRAMES, this.#flight, room);
    const frames = 2 ** Math.ceil(Math.log2(queueBytes / SMALL_FRAME));
    this.#data = new FrameQueue(queueBytes, frames, this.#flight, room);
    this.#pace = new Pace(batchBytes);
  }

  /** True while the outbox waits for the transport to become writable. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** The number of bytes that wait. */
  get bytes(): number {
    const { heldBytes } = this.#transport;
    return heldBytes + this.#restEnd - this.#restAt + this.#control.bytes + this.#data.bytes;
  }

  /** Looks at the Ethernet frames as they are sent or dropped; undefined if nothing does. */
  set tap(tap: FrameTap | undefined) {
    this.#tap = this.#control.tap = this.#data.tap = tap;
  }

  /** The Ethernet frames that have arrived, as of the last `settle`. */
  get carried(): Tally {
    return this.#flight.carried;
  }

  /**
   * Returns the number of Ethernet frames of a type that have not: they wait, were sent in part, or are under
   * way. This looks at each frame.
   */
  count(type: number): number {
    const rest = this.#restAt < this.#restEnd && typeOf(this.#restMark) === type ? 1 : 0;
    return this.#control.count(type) + this.#data.count(type) + rest + this.#flight.count(type);
  }

  /** Counts the frames that have arrived. */
  settle(): void {
    if (!this.#flight.empty) this.#flight.settle(this.#transport.unacknowledgedBytes());
  }

  /** True if there is room for a data frame. */
  get hasRoom(): boolean {
    return !this.#data.full;
  }

  /** True if there is ample room for data frames: half of it. */
  get hasAmpleRoom(): boolean {
    return !this.#data.halfFull;
  }

  /** The number of data frames that had waited too long and were dropped, since this was last set to 0. */
  get stale(): number {
    return this.#data.dropped;
  }
  set stale(frames: number) {
    this.#data.dropped = frames;
  }

  /** Drops data frames that have waited too long, if the queue is full. */
  makeRoom(nowMs: number): void {
    if (!this.hasRoom) this.#data.dropBefore(nowMs - this.#staleMs);
  }

  /** Notes that the transport is writable again, or that sending should be tried anyway. */
  unblock(): void {
    this.#blocked = false;
  }

  /** Queues a frame; returns false if there is no room for it. See {@linkcode Channel.queue}. */
  push(
    type: number,
    frame: Uint8Array,
    length: number,
    lane: OutboxLane,
    nowMs: number,
    waitedMs: number,
    owner: FrameOwner | undefined,
  ): boolean {
    if (lane === "data") {
      return this.hasRoom && this.#data.push(type, frame, length, nowMs, waitedMs, owner);
    }
    if (lane === "opening" && this.#control.bytes > OPENING_LIMIT) return false;
    if (lane === "control" && this.#control.bytes > CONTROL_LIMIT) return false;
    return this.#control.push(type, frame, length, nowMs, waitedMs, owner);
  }

  /** Limits the bits per second that are sent; undefined for no limit. */
  limit(bps: number | undefined, nowMs: number): void {
    if (bps === this.#budget?.bps) return;
    this.#budget = bps === undefined ? undefined : new SendBudget(bps, nowMs);
  }

  /** The time at which data that waits for the limit may be sent; `Infinity` if none waits. */
  get sendsAtMs(): number {
    return this.#budget?.sendsAtMs ?? Infinity;
  }

  /** Queues a ping; returns false if there is no room for it. */
  ping(nowMs: number): boolean {
    return this.#control.push(FRAME.PING, NO_BYTES, 0, nowMs);
  }

  /**
   * Queues a goodbye behind all control frames, because the peer reads nothing behind it.
   *
   * @returns The number of data frames that were dropped for it, which `stale` does not count
   */
  goodbye(payload: Uint8Array): number {
    const { stale } = this;
    this.#data.dropBefore(Infinity);
    const dropped = this.stale - stale;
    this.stale = stale;
    this.#budget = undefined;
    // With an infinite arrival time, the goodbye never gets too old.
    this.#data.push(FRAME.GOODBYE, payload, payload.length, Infinity);
    return dropped;
  }

  /** Drops all frames that have not arrived; `stale` counts the data frames that wait. */
  abandon(): void {
    this.#flight.abandon(this.#tap);
    if (this.#restAt < this.#restEnd && isEthernet(this.#restMark)) {
      this.#tap?.lost(typeOf(this.#restMark), lengthOf(this.#restMark), this.#restOwner);
    }
    this.#restAt = this.#restEnd = 0;
    this.#restOwner = undefined;
    this.#data.dropBefore(Infinity);
    this.#control.dropBefore(Infinity);
    for (const part of [this.#flight, this.#data, this.#control]) part.release();
  }

  /** Gives back memory that has not been used since the last call, about a second ago. */
  trim(): void {
    this.#flight.trim();
    this.#data.trim();
    this.#control.trim();
    const isIdle = this.#restAt === this.#restEnd;
    if (isIdle && this.#rest.bytes.length > REST_BYTES) this.#rest = restFor(0);
  }

  /** Sends as much as the transport takes; returns false if the transport is broken. */
  send(nowMs: number): boolean {
    const transport = this.#transport;
    while (!this.#blocked) {
      const staleBefore = this.stale;
      if (this.pongDue) this.pongDue = !this.#control.push(FRAME.PONG, NO_BYTES, 0, nowMs);
      if (this.#restAt < this.#restEnd) transport.add(this.#rest, this.#restAt, this.#restEnd);
      const limitBytes = this.#pace.lowatBytes;
      this.#control.gather(transport, limitBytes, nowMs);
      const controlBytes = transport.bytes;
      const dataBytes = this.#budget?.allow(this.#data.empty, nowMs) ?? limitBytes;
      this.#data.gather(
        transport,
        Math.min(limitBytes, controlBytes + dataBytes),
        nowMs,
        this.#judge,
      );
      // A path that was full until now, for so long that frames became too old, is congested still. Without
      // these frames the queues may be empty, and the path would seem to be a fast one.
      const hasWaitedLong = nowMs - this.#blockedMs >= CONGESTED_MS;
      if (hasWaitedLong && this.stale !== staleBefore) this.#refusedMs = nowMs;
      this.#blockedMs = Infinity;
      const offered = transport.bytes;
      if (offered === 0 && transport.heldBytes === 0) {
        if (this.#data.empty) this.#idle(nowMs);
        return true;
      }
      const sent = transport.send();
      if (sent === BROKEN) return false;
      assertInvariant(sent <= offered, "a transport took more than it was given");
      if (sent > 0) this.#consume(sent, controlBytes);
      if (this.#flight.isDue) this.settle();
      this.#pace.sent(Math.max(0, sent));
      this.#budget?.sent(Math.max(0, sent));
      // A transport that took only a part has no room for more. If it did so recently, it gets no more bytes
      // until it is writable: whatever its limit, TCP would take as many as fit into its last segment of
      // 64 KiB.
      if (sent < offered || transport.heldBytes > 0) this.#refusedMs = nowMs;
      if (this.#isCongested(nowMs)) this.#block(nowMs);
    }
    return true;
  }

  /** True if the transport has not refused any bytes for `forMs`, so the path has no queue. */
  isUnhindered(nowMs: number, forMs: number): boolean {
    return nowMs - this.#refusedMs >= forMs;
  }

  #isCongested(nowMs: number): boolean {
    return nowMs - this.#refusedMs < CONGESTED_MS;
  }

  // Notes that the queues are empty. On a slow path that happens often, because all frames were too old; the
  // pace then goes on measuring.
  #idle(nowMs: number): void {
    this.#codel.idle();
    if (!this.#isCongested(nowMs)) this.#pace.idle();
  }

  // Removes the bytes that were sent. The first `controlBytes` of the batch were the rest of a frame, then
  // control frames; data followed.
  #consume(sent: number, controlBytes: number): void {
    const rest = this.#restEnd - this.#restAt;
    if (sent < rest) {
      this.#restAt += sent;
      return this.#flight.part(sent);
    }
    if (rest > 0) {
      this.#flight.whole(this.#restMark, this.#restOwner, rest);
      this.#restOwner = undefined;
    }
    this.#restAt = this.#restEnd = 0;
    if (sent < controlBytes) this.#consumeFrom(this.#control, sent - rest);
    else {
      this.#consumeFrom(this.#control, controlBytes - rest);
      this.#consumeFrom(this.#data, sent - controlBytes);
    }
  }

  #consumeFrom(queue: FrameQueue, bytes: number): void {
    const rest = queue.consume(bytes, this.#restRoom);
    if (rest === 0) return;
    this.#restEnd = rest;
    this.#restMark = queue.partMark;
    this.#restOwner = queue.partOwner;
    queue.partOwner = undefined;
  }

  // Returns the memory for a rest of a certain length.
  #restRoom = (length: number): Uint8Array => {
    if (length > this.#rest.bytes.length) this.#rest = restFor(length);
    return this.#rest.bytes;
  };

  #block(nowMs: number): void {
    this.#blocked = true;
    this.#blockedMs = nowMs;
    if (this.#pace.blocked(nowMs)) this.#transport.limitUnsent(this.#pace.lowatBytes);
    // A path may be so slow that one batch takes longer than STALE_MS; it must not lose all frames that
    // arrive meanwhile.
    this.#staleMs = Math.max(STALE_MS, 2 * this.#pace.lowatMs);
  }

  // CoDel must see every frame, even one that is too old anyway.
  #judge = (waitedMs: number, last: boolean, nowMs: number): boolean =>
    this.#codel.drops(waitedMs, last, nowMs) || waitedMs > this.#staleMs;
}

function restFor(bytes: number): Pinned {
  return new Pinned(new Uint8Array(bytes > REST_BYTES ? LARGEST_FRAME : REST_BYTES));
}
