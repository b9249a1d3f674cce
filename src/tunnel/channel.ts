// One end of a tunnel whose handshake is done: its reader, its outbox and its keepalive, joined.

import { assertInvariant } from "../assert.ts";
import type { Pinned } from "../../ffi/mod.ts";
import { BROKEN, type Transport } from "../transport/transport.ts";
import {
  describeGoodbye,
  emitGoodbye,
  FRAME,
  MAX_PAYLOAD,
  parseGoodbye,
  REASON,
} from "../wire/mod.ts";
import { FAULTY, FOUND, FrameReader } from "./frame_reader.ts";
import { DEAD, Keepalive, PING_DUE } from "./keepalive.ts";
import { Outbox, type OutboxLane } from "./outbox.ts";

/** The most that a tunnel holds, in bytes, and how much of it one call sends or reads. */
export interface ChannelSizes {
  /** Data that waits for the tunnel; beyond it frames wait in the ring, or are dropped. */
  queueBytes: number;
  /** Bytes that are given to the transport at once. */
  batchBytes: number;
  /** Bytes that are read from the transport at once. */
  readBytes: number;
}

/** The default sizes; docs/PERFORMANCE.md says what they mean for memory. */
export const CHANNEL_SIZES: ChannelSizes = {
  queueBytes: 256 * 1024,
  batchBytes: 64 * 1024,
  readBytes: 256 * 1024,
};

/** The time between two refreshes of the transport: bbr pauses after 10 s by itself. */
const REFRESH_MS = 8000;
/** A tunnel that was refused nothing for so long has no queue on its path. */
const UNHINDERED_MS = 1000;

/**
 * One end of a tunnel, as a polling loop drives it. Nothing in it waits.
 *
 * @example One frame from end to end
 * ```ts
 * import { Channel, findSocket, FRAME, TcpTransport } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const accepted = listener.accept();
 * const conns = [
 *   await Deno.connect({ ...listener.addr as Deno.NetAddr, transport: "tcp" }),
 *   await accepted,
 * ];
 * const [near, far] = conns.map((conn, id) => {
 *   const fd = findSocket(conn.localAddr as Deno.NetAddr, conn.remoteAddr as Deno.NetAddr);
 *   const transport = new TcpTransport(fd);
 *   const tunnel = { id, transport, legacy: false, received: new Uint8Array(0) };
 *   return new Channel(tunnel, performance.now());
 * });
 * const frame = new Uint8Array(60);
 * near.queue(FRAME.DISCOVERY, frame, frame.length, "control", performance.now());
 * near.flush(performance.now());
 * far.receive(performance.now());
 * assertEquals(far.nextFrame(performance.now()), true);
 * assertEquals([far.type, far.length], [FRAME.DISCOVERY, 60]);
 * for (const closable of [...conns, listener]) closable.close();
 * ```
 */
export class Channel {
  /** The caller's number for it. */
  readonly id: number;
  /** The connection, which stays the caller's to close. */
  readonly transport: Transport;
  /** The peer knows types 0 to 3 only. */
  readonly legacy: boolean;
  /** Ethernet frames that came. */
  framesIn = 0;
  /** Ethernet frames that were queued. */
  framesOut = 0;
  /** Bytes of those that came. */
  bytesIn = 0;
  /** Bytes of those that were queued. */
  bytesOut = 0;
  /** Why it is over; undefined while it is not. */
  ended: string | undefined;
  /** The code of `REASON` to tell the peer, where the end is this side's. */
  endedReason: number | undefined;
  /** The code of `REASON` that the peer has said goodbye with, if it has. */
  goodbye: number | undefined;

  readonly #reader: FrameReader;
  readonly #outbox: Outbox;
  readonly #keepalive: Keepalive;
  /** When the transport was last refreshed. */
  #refreshedMs: number;

  /**
   * Takes a connection over.
   *
   * @param tunnel The connection, with what was read beyond its handshake
   * @param nowMs The time, of a clock that only goes forward, as everywhere here
   * @param sizes The most that it may hold
   */
  constructor(
    tunnel: { id: number; transport: Transport; legacy: boolean; received: Uint8Array },
    nowMs: number,
    sizes: ChannelSizes = CHANNEL_SIZES,
  ) {
    const { id, transport, legacy, received } = tunnel;
    this.id = id;
    this.transport = transport;
    this.legacy = legacy;
    this.#reader = new FrameReader(sizes.readBytes, received);
    this.#outbox = new Outbox(transport, sizes.queueBytes, sizes.batchBytes);
    this.#keepalive = new Keepalive(nowMs);
    this.#refreshedMs = nowMs;
  }

  /** The memory that frames are read into, and lent to the link's sender from. */
  get received(): Pinned {
    return this.#reader.memory;
  }

  /** The type of the frame that `nextFrame` found. */
  get type(): number {
    return this.#reader.type;
  }

  /** Where its payload starts in `received`. */
  get offset(): number {
    return this.#reader.offset;
  }

  /** The length of its payload, in bytes. */
  get length(): number {
    return this.#reader.length;
  }

  /** The round trip, smoothed, in ms; undefined until it was measured. */
  get rttMs(): number | undefined {
    return this.#keepalive.rttMs;
  }

  /** Data frames that were dropped because they had waited for too long, since this was last set to 0. */
  get stale(): number {
    return this.#outbox.stale;
  }
  set stale(frames: number) {
    this.#outbox.stale = frames;
  }

  /** True while the transport did not take everything: wait until it is writable. */
  get blocked(): boolean {
    return this.#outbox.blocked;
  }

  /** Bytes that wait here for the transport. */
  get queuedBytes(): number {
    return this.#outbox.bytes;
  }

  /** True where there is room for a data frame. */
  get hasRoom(): boolean {
    return this.#outbox.hasRoom;
  }

  /** Drops data that waits for too long, where there is no room for more. */
  makeRoom(nowMs: number): void {
    this.#outbox.makeRoom(nowMs);
  }

  /** Notes that the transport is writable again. */
  unblock(): void {
    this.#outbox.unblock();
  }

  /**
   * Queues an Ethernet frame, or a session list.
   *
   * @param type The type of the tunnel frame
   * @param frame The payload, and perhaps up to 127 bytes more
   * @param length The length of the payload, in bytes
   * @param lane `data` waits behind `control`; `last` is control that ends a session, for which room is
   * kept
   * @param nowMs The time
   * @param waitedMs The time that it has waited already, in whole ms
   * @returns False when there is no room
   */
  queue(
    type: number,
    frame: Uint8Array,
    length: number,
    lane: OutboxLane,
    nowMs: number,
    waitedMs = 0,
  ): boolean {
    if (length > MAX_PAYLOAD) return false;
    assertInvariant(length <= frame.length, "a frame is longer than the memory that it lies in");
    if (!this.#outbox.push(type, frame, length, lane, nowMs, waitedMs)) return false;
    if (type !== FRAME.SESSION_LIST) {
      this.framesOut++;
      this.bytesOut += length;
    }
    return true;
  }

  /** Forgets what is queued, and tells how many frames that was, with those of `stale`. */
  abandon(): number {
    return this.#outbox.abandon();
  }

  /** Queues a goodbye with its reason, where the peer understands one. */
  queueGoodbye(reason: number, text: string): void {
    if (!this.legacy) this.#outbox.goodbye(emitGoodbye({ reason, text }));
  }

  /** Sends what is queued, as far as the transport takes it. */
  flush(nowMs: number): void {
    if (this.ended === undefined) this.#send(nowMs);
  }

  /** Reads once; false when there was nothing. `ended` tells of the connection's end. */
  receive(nowMs: number): boolean {
    const count = this.#reader.read(this.transport);
    if (count > 0) {
      this.#keepalive.heard(nowMs);
      return true;
    }
    if (count === 0) this.end("the peer closed the connection");
    else if (count === BROKEN) this.end(this.transport.failure);
    return false;
  }

  /**
   * Finds the next frame in what was read; false when there is no whole one. Pings, pongs and a goodbye
   * are dealt with on the way; Ethernet frames and session lists are left to the caller, by `type`.
   */
  nextFrame(nowMs: number): boolean {
    if (this.ended !== undefined) return false;
    const reader = this.#reader;
    const result = reader.next();
    if (result === FAULTY) {
      this.end("the peer sent a frame header that is too long", REASON.PROTOCOL);
    }
    if (result !== FOUND) return false;
    switch (reader.type) {
      case FRAME.DISCOVERY:
      case FRAME.SESSION:
        this.framesIn++;
        this.bytesIn += reader.length;
        break;
      case FRAME.PING:
        this.#outbox.pongDue = true;
        break;
      case FRAME.PONG:
        this.#keepalive.ponged(nowMs);
        break;
      case FRAME.GOODBYE: {
        const { bytes } = reader.memory;
        const goodbye = parseGoodbye(
          bytes.subarray(reader.offset, reader.offset + reader.length),
        );
        this.goodbye = goodbye?.reason;
        this.end(describeGoodbye(goodbye));
        break;
      }
      case FRAME.HELLO:
      case FRAME.WELCOME:
        // Only a connection's first frame may be one.
        this.end("the peer sent a second greeting", REASON.PROTOCOL);
        break;
    }
    return true;
  }

  /** Makes room for the next read, once `nextFrame` has found no more: frames found before are gone. */
  compact(): void {
    this.#reader.compact();
  }

  /** Sends a ping each `pingMs`, and ends the tunnel after `deadMs` in which nothing came. */
  keepalive(nowMs: number, pingMs: number, deadMs: number): void {
    const keepalive = this.#keepalive;
    const result = keepalive.check(nowMs, pingMs, deadMs);
    if (result === DEAD) {
      const seconds = Math.round(keepalive.silentMs(nowMs) / 1000);
      this.end(`nothing heard for ${seconds} s`, REASON.TIMEOUT);
    } else if (result === PING_DUE) keepalive.pinged(nowMs, this.#outbox.ping(nowMs));
  }

  /**
   * Refreshes the transport every few seconds, so that its path stays fast. A tunnel that was refused
   * something lately is left alone.
   */
  refresh(nowMs: number): void {
    const due = nowMs - this.#refreshedMs >= REFRESH_MS;
    if (!due || !this.#outbox.isUnhindered(nowMs, UNHINDERED_MS)) return;
    this.#refreshedMs = nowMs;
    this.transport.refresh();
  }

  /** Reads once and forgets it, of a tunnel that is being closed. */
  discard(): void {
    this.#reader.clear();
    this.receive(0);
  }

  /** Ends the stream from here; what the peer has sent may still be read. */
  shutdown(): void {
    this.transport.shutdown();
  }

  /** Marks it as over; the first reason stays. With a code, the peer is told. */
  end(reason: string, code?: number): void {
    if (this.ended !== undefined) return;
    this.ended = reason;
    this.endedReason = code;
  }

  /** Tells the peer why this side has ended it, as far as the transport takes that at once. */
  tellEnd(nowMs: number): void {
    if (this.ended === undefined || this.endedReason === undefined) return;
    this.queueGoodbye(this.endedReason, this.ended);
    // Nobody waits for room any more.
    this.#outbox.unblock();
    this.#send(nowMs);
  }

  #send(nowMs: number): void {
    if (!this.#outbox.send(nowMs)) this.end(this.transport.failure);
  }
}
