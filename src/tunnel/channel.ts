// One end of a tunnel after its handshake. It combines a reader, an outbox and a keepalive.

import { assertInvariant } from "../assert.ts";
import type { Pinned } from "../../ffi/mod.ts";
import { BROKEN, type Transport } from "../transport/transport.ts";
import { goodbyeCause, type TunnelCause } from "../tunnel_cause.ts";
import {
  describeGoodbye,
  emitGoodbye,
  FRAME,
  MAX_PAYLOAD,
  parseGoodbye,
  REASON,
  reasonName,
} from "../wire/mod.ts";
import { FAULTY, FOUND, FrameReader } from "./frame_reader.ts";
import { DEAD, Keepalive, PING_DUE, UNANSWERED } from "./keepalive.ts";
import { Outbox, type OutboxLane } from "./outbox.ts";
import type { FrameOwner, FrameTap, Tally } from "./flight.ts";
import { QueueRoom } from "./queue_room.ts";
import { ReadBuffers } from "./read_buffers.ts";
import { CHECK_ADDRESS, describeNotLegacy, recognize } from "./stranger.ts";

/** The limits of a tunnel's queue, and of a single send or read. */
export interface ChannelSizes {
  /** The bytes of data that can wait for the tunnel; beyond that, frames wait in the ring or are dropped. */
  queueBytes: number;
  /** The bytes that are given to the transport at once. */
  batchBytes: number;
  /** The bytes that are read from the transport at once. */
  readBytes: number;
}

/** The default sizes. docs/PERFORMANCE.md has their effect on memory. */
export const CHANNEL_SIZES: ChannelSizes = {
  queueBytes: 256 * 1024,
  batchBytes: 64 * 1024,
  readBytes: 256 * 1024,
};

/** The time between two refreshes of the transport. It is below 10 s, after which bbr would pause. */
const REFRESH_MS = 8000;
/** The time without a refused byte after which the path of a tunnel has no queue. */
const UNHINDERED_MS = 1000;

/** A hint for the end of a connection whose peer, perhaps an older server, has sent nothing. */
const BEFORE_ANYTHING =
  "before it sent anything (a server does so to an address that is not on its --allow list)";

/**
 * One end of a tunnel, for use in a polling loop. Its methods never wait.
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
  /** The caller's number for the tunnel. */
  readonly id: number;
  /** The connection, which the caller closes. */
  readonly transport: Transport;
  /** True if the peer knows frame types 0 to 3 only. */
  readonly legacy: boolean;
  /** The number of Ethernet frames that were received. */
  framesIn = 0;
  /** The number of bytes in the received frames. */
  bytesIn = 0;
  /** The reason why the tunnel has ended; undefined while it has not. */
  ended: string | undefined;
  /** The cause of that, for programs. */
  endCause: TunnelCause | undefined;
  /** The code of `REASON` to tell the peer if this side has ended the tunnel. */
  endedReason: number | undefined;
  /** The code of `REASON` in the peer's goodbye; undefined if there was none. */
  goodbye: number | undefined;

  readonly #reader: FrameReader;
  readonly #outbox: Outbox;
  readonly #keepalive: Keepalive;
  /** The time of the last refresh of the transport. */
  #refreshedMs: number;
  /** True until the first bytes have shown that the peer is an older one. Others have greeted. */
  #isUnknown: boolean;
  /** True if the peer knows a goodbye. */
  #knowsGoodbye: boolean;

  /**
   * Takes over a connection.
   *
   * @param tunnel The connection, and the bytes that were read beyond its handshake
   * @param nowMs The time in ms, by a monotonic clock, here and in all methods
   * @param sizes The sizes of its queue and buffers
   * @param buffers The buffers for reads, shared with other tunnels; by default, it has its own
   * @param room The memory for its queues, shared with other tunnels; by default, it has its own
   */
  constructor(
    tunnel: { id: number; transport: Transport; legacy: boolean; received: Uint8Array },
    nowMs: number,
    sizes: ChannelSizes = CHANNEL_SIZES,
    buffers: ReadBuffers = new ReadBuffers(sizes.readBytes),
    room: QueueRoom = new QueueRoom(),
  ) {
    const { id, transport, legacy, received } = tunnel;
    this.id = id;
    this.transport = transport;
    this.legacy = legacy;
    this.#reader = new FrameReader(buffers, received);
    this.#outbox = new Outbox(transport, sizes.queueBytes, sizes.batchBytes, room);
    this.#keepalive = new Keepalive(nowMs);
    this.#refreshedMs = nowMs;
    this.#isUnknown = legacy;
    this.#knowsGoodbye = !legacy;
    if (this.#isUnknown) this.#recognize(false);
  }

  /** The memory that received frames are read into; the link's sender sends them from there. */
  get received(): Pinned {
    return this.#reader.memory;
  }

  /** The type of the frame that `nextFrame` or `nextType` found. */
  get type(): number {
    return this.#reader.type;
  }

  /** The offset of that frame's payload in `received`. */
  get offset(): number {
    return this.#reader.offset;
  }

  /** The length of that payload, in bytes. */
  get length(): number {
    return this.#reader.length;
  }

  /** The smoothed round-trip time, in ms; undefined until it has been measured. */
  get rttMs(): number | undefined {
    return this.#keepalive.rttMs;
  }

  /** The number of data frames that had waited too long and were dropped, since this was last set to 0. */
  get stale(): number {
    return this.#outbox.stale;
  }
  set stale(frames: number) {
    this.#outbox.stale = frames;
  }

  /** True while frames wait for the transport to become writable. */
  get blocked(): boolean {
    return this.#outbox.blocked;
  }

  /** The number of bytes that wait for the transport. */
  get queuedBytes(): number {
    return this.#outbox.bytes;
  }

  /** The number of discovery frames that have not arrived yet: they wait, or are under way. */
  get queuedDiscovery(): number {
    return this.#outbox.count(FRAME.DISCOVERY);
  }

  /** The number of session frames that have not arrived yet. */
  get queuedSession(): number {
    return this.#outbox.count(FRAME.SESSION);
  }

  /** The Ethernet frames that have arrived at the peer's machine, as of the last `settle`. */
  get carried(): Tally {
    return this.#outbox.carried;
  }

  /** Looks at the Ethernet frames that leave by this tunnel; undefined if nothing does. */
  set tap(tap: FrameTap | undefined) {
    this.#outbox.tap = tap;
  }

  /** True if there is room for a data frame. */
  get hasRoom(): boolean {
    return this.#outbox.hasRoom;
  }

  /** True if there is ample room for data frames: half of it. */
  get hasAmpleRoom(): boolean {
    return this.#outbox.hasAmpleRoom;
  }

  /**
   * Drops data frames that have waited too long, if the queue is full.
   *
   * @param nowMs The time
   */
  makeRoom(nowMs: number): void {
    this.#outbox.makeRoom(nowMs);
  }

  /** Notes that the transport is writable again. */
  unblock(): void {
    this.#outbox.unblock();
  }

  /**
   * Queues a frame.
   *
   * @param type The type of the tunnel frame
   * @param frame The payload, with up to 127 bytes more behind it
   * @param length The length of the payload, in bytes
   * @param lane `control` goes before `data`; `last` is for control frames that end a session, for which
   * there is reserved room
   * @param nowMs The time
   * @param waitedMs The time that the frame has already waited, in whole ms
   * @param owner The owner of the frame, which counts it once the transport has taken it
   * @returns False if there is no room
   */
  queue(
    type: number,
    frame: Uint8Array,
    length: number,
    lane: OutboxLane,
    nowMs: number,
    waitedMs = 0,
    owner: FrameOwner | undefined = undefined,
  ): boolean {
    if (length > MAX_PAYLOAD) return false;
    assertInvariant(length <= frame.length, "a frame is longer than the memory that it lies in");
    return this.#outbox.push(type, frame, length, lane, nowMs, waitedMs, owner);
  }

  /** Finds out which frames have arrived at the peer's machine. */
  settle(): void {
    this.#outbox.settle();
  }

  /**
   * Limits the bits per second of frames that are sent; undefined for no limit. Control frames count, and are
   * not held up.
   */
  limitSending(bps: number | undefined, nowMs: number): void {
    this.#outbox.limit(bps, nowMs);
  }

  /** The time at which data that waits for such a limit may be sent; `Infinity` if there is none. */
  get sendsAtMs(): number {
    return this.#outbox.sendsAtMs;
  }

  /** Drops all frames that have not arrived: those that wait, and those that are under way. */
  abandon(): void {
    this.#outbox.abandon();
  }

  /**
   * Queues a goodbye in place of all queued data, unless the peer is too old to know it. Then the data stays.
   *
   * @param reason A code of `REASON`
   * @param text A text for the peer's log
   * @returns The number of data frames that were dropped, which `stale` does not count
   */
  queueGoodbye(reason: number, text: string): number {
    return this.#knowsGoodbye ? this.#outbox.goodbye(emitGoodbye({ reason, text })) : 0;
  }

  /**
   * Sends as many of the queued frames as the transport takes.
   *
   * @param nowMs The time
   */
  flush(nowMs: number): void {
    if (this.ended === undefined) this.#send(nowMs);
  }

  /**
   * Reads from the transport once. At the end of the connection it sets `ended`.
   *
   * @param nowMs The time
   * @param small True to read only a little
   * @returns False if there were no bytes
   */
  receive(nowMs: number, small = false): boolean {
    const count = this.#reader.read(this.transport, small);
    if (count > 0) {
      this.#keepalive.heard(nowMs);
      if (this.#isUnknown) this.#recognize(false);
      return true;
    }
    if (count === 0) this.#endAs("the peer closed the connection", "peer-closed");
    else if (count === BROKEN) this.#endAs(this.transport.failure, "connection-broke");
    return false;
  }

  /** Ends the tunnel because the connection has ended, perhaps before the peer has shown what it is. */
  #endAs(reason: string, cause: TunnelCause): void {
    if (this.#isUnknown) this.#recognize(true);
    this.end(this.#isUnknown ? `${reason} ${BEFORE_ANYTHING}` : reason, cause);
  }

  /** Finds out whether the peer is an older one, as it should be, and ends the tunnel if it is not. */
  #recognize(whole: boolean): void {
    const stranger = recognize(this.#reader.unread, whole);
    if (stranger === undefined) return;
    this.#isUnknown = false;
    const reason = describeNotLegacy(stranger);
    if (reason === undefined) return;
    this.#knowsGoodbye = stranger.kind === "greeting-client";
    this.end(reason, "stranger", this.#knowsGoodbye ? REASON.PROTOCOL : undefined);
  }

  /**
   * Finds the next frame in the bytes that were read. It handles pings, pongs and a goodbye itself; the
   * caller handles Ethernet frames and session lists, which it knows by `type`.
   *
   * @param nowMs The time
   * @returns False if there is no complete frame
   */
  nextFrame(nowMs: number): boolean {
    if (this.ended !== undefined || this.#isUnknown) return false;
    const reader = this.#reader;
    const result = reader.next();
    if (result === FAULTY) {
      this.end("the peer sent a frame header that is too long", "protocol", REASON.PROTOCOL);
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
        this.end(
          describeGoodbye(goodbye),
          goodbyeCause(goodbye && reasonName(goodbye.reason)),
        );
        break;
      }
      case FRAME.HELLO:
      case FRAME.WELCOME:
        // Only the first frame of a connection may be a greeting.
        this.end("the peer sent a second greeting", "protocol", REASON.PROTOCOL);
        break;
    }
    return true;
  }

  /** Notes that the peer may well be alive: it was not read for a while. */
  heard(nowMs: number): void {
    this.#keepalive.heard(nowMs);
  }

  /** Looks at the frame that `nextFrame` would find; returns its type, or -1 if there is none. */
  nextType(): number {
    return this.#reader.peek();
  }

  /**
   * Reports the Ethernet frames that were read, but that `nextFrame` has not returned, after the tunnel has
   * ended.
   *
   * @param found Called with the type of each frame
   */
  abandonRead(found: (type: number) => void): void {
    const reader = this.#reader;
    while (reader.next() === FOUND) {
      if (reader.type === FRAME.DISCOVERY || reader.type === FRAME.SESSION) found(reader.type);
    }
    reader.clear();
  }

  /**
   * Makes room for the next read, once `nextFrame` has found no more. It overwrites the earlier frames. After the
   * end of the tunnel, any number of frames may be left, for `abandonRead`.
   */
  compact(): void {
    if (this.ended === undefined) this.#reader.compact();
  }

  /**
   * Queues a ping if one is due, and ends the tunnel if the peer has been silent for too long.
   *
   * @param nowMs The time
   * @param pingMs The time between two pings
   * @param deadMs The time of silence after which the peer counts as gone
   */
  keepalive(nowMs: number, pingMs: number, deadMs: number): void {
    const keepalive = this.#keepalive;
    const result = keepalive.check(nowMs, pingMs, deadMs);
    if (result === UNANSWERED) {
      this.end(
        "no answer after a change of this machine's network",
        "network-changed",
        REASON.TIMEOUT,
      );
    } else if (result === DEAD) {
      if (this.#isUnknown) this.#recognize(true);
      const seconds = Math.round(keepalive.silentMs(nowMs) / 1000);
      const hint = this.#isUnknown ? ` since the start: ${CHECK_ADDRESS}` : "";
      this.end(`nothing heard for ${seconds} s${hint}`, "silent", REASON.TIMEOUT);
    } else if (result === PING_DUE) keepalive.pinged(nowMs, this.#outbox.ping(nowMs));
  }

  /** Returns the time since anything last arrived from the peer, in ms. */
  silentMs(nowMs: number): number {
    return this.#keepalive.silentMs(nowMs);
  }

  /**
   * Queues a ping at once, and lets {@linkcode keepalive} end the tunnel if nothing arrives for about a
   * second, because the way to the peer may have become useless.
   *
   * @param nowMs The time
   */
  probe(nowMs: number): void {
    if (this.#keepalive.probe(nowMs)) this.#keepalive.pinged(nowMs, this.#outbox.ping(nowMs));
  }

  /**
   * Refreshes the transport every few seconds, so that its path stays fast, unless it has refused bytes
   * lately.
   *
   * @param nowMs The time
   */
  refresh(nowMs: number): void {
    const due = nowMs - this.#refreshedMs >= REFRESH_MS;
    if (!due || !this.#outbox.isUnhindered(nowMs, UNHINDERED_MS)) return;
    this.#refreshedMs = nowMs;
    this.transport.refresh();
  }

  /** Gives back memory that is not used; to be called about once a second. */
  trim(): void {
    this.#outbox.trim();
  }

  /** Reads once and discards the bytes, while the tunnel is being closed. */
  discard(): void {
    this.#reader.clear();
    this.receive(0);
  }

  /** Ends the stream in this direction; the peer's bytes can still be read. */
  shutdown(): void {
    this.transport.shutdown();
  }

  /**
   * Marks the tunnel as ended. If it has already ended, the first reason stays.
   *
   * @param reason The reason
   * @param cause The cause, for programs
   * @param code The code of `REASON` to tell the peer; without it, the peer is not told
   */
  end(reason: string, cause: TunnelCause, code?: number): void {
    if (this.ended !== undefined) return;
    this.ended = reason;
    this.endCause = cause;
    this.endedReason = code;
  }

  /**
   * Tells the peer why this side has ended the tunnel, if the transport takes the goodbye at once.
   *
   * @param nowMs The time
   * @returns The number of data frames that were dropped for the goodbye
   */
  tellEnd(nowMs: number): number {
    if (this.ended === undefined || this.endedReason === undefined) return 0;
    const dropped = this.queueGoodbye(this.endedReason, this.ended);
    // This is the last attempt to send, so it is made even while the transport is blocked.
    this.#outbox.unblock();
    this.#send(nowMs);
    return dropped;
  }

  #send(nowMs: number): void {
    if (!this.#outbox.send(nowMs)) this.end(this.transport.failure, "connection-broke");
  }
}
