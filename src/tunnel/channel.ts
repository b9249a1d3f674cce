// A tunnel in the data worker: its descriptor, the queues towards it, what was read from it, keepalive.
//
// Out: frames are copied once, header in front, into a queue for control frames or one for data. When
// the socket takes something, one `sendmsg` gathers from both: first the rest of a frame that was cut,
// then control, then data. What the socket did not take stays queued, so that a control frame that
// comes later still overtakes it. Little is left to the socket's own queue, where nothing overtakes:
// TCP_NOTSENT_LOWAT follows the pace at which the path takes bytes. Data that has stood for too long is
// dropped as it leaves the queue, by CoDel, or because it is too old to be of use; control never is.
// In: one large buffer is read into, always at the same place, and parsed in place. A frame stays there
// until `compact`, which moves what was left of a frame in front of that place.

import {
  ERRNO,
  Pinned,
  receive,
  restartBbr,
  setNotsentLowat,
  shutdownWrite,
  StreamSender,
  systemError,
} from "../../ffi/mod.ts";
import {
  describeGoodbye,
  emitGoodbye,
  FRAME,
  MAX_PAYLOAD,
  parseGoodbye,
  readHeader,
  REASON,
  type TunnelHeader,
} from "../wire/mod.ts";
import { CoDel } from "./codel.ts";
import { FrameQueue, LARGEST_FRAME } from "./frame_queue.ts";
import { Pace } from "./pace.ts";

/** What a tunnel holds at most, in bytes, and how much of it one call sends or reads. */
export interface ChannelSizes {
  /** Data that waits for the tunnel; beyond it frames wait in the ring, or are dropped. */
  queueBytes: number;
  /** What is given to the socket at once. */
  batchBytes: number;
  /** What is read from the socket at once. */
  readBytes: number;
}

/** The sizes without others; docs/PERFORMANCE.md says what they mean for memory. */
export const CHANNEL_SIZES: ChannelSizes = {
  queueBytes: 256 * 1024,
  batchBytes: 64 * 1024,
  readBytes: 256 * 1024,
};

/** For how many data frames of this size there is room at least; acknowledgements have 70 bytes. */
const SMALL_FRAME = 64;
/** Control frames beyond this are dropped, but for those that end something. */
const CONTROL_LIMIT = 64 * 1024;
/** Room for what ends something: a PADT takes 23 bytes. */
const CONTROL_BYTES = 3 * CONTROL_LIMIT;
const CONTROL_FRAMES = 8192;
/** Data that waited longer is of no use to its receiver any more. */
const STALE_MS = 100;
/** For how long after a refusal the socket counts as congested. */
const CONGESTED_MS = 250;
/** How often bbr is started anew: before it pauses by itself, which it does after 10 s. */
const BBR_MS = 8000;
/** Whoever was refused nothing for so long has no queue on the path that bbr would have to drain. */
const UNHINDERED_MS = 1000;

const NO_BYTES = new Uint8Array(0);

/**
 * One end of a tunnel whose handshake is done, as a loop round `epoll_wait` drives it. Nothing in it waits.
 *
 * @example One frame from end to end
 * ```ts
 * import { Channel, findSocket, FRAME } from "pppoe-proxy";
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
 *   return new Channel({ id, fd, legacy: false, received: new Uint8Array(0) }, performance.now());
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
  /** What the caller knows it by. */
  readonly id: number;
  /** The socket's descriptor, which stays the caller's to close. */
  readonly fd: number;
  /** The peer knows types 0 to 3 only. */
  readonly legacy: boolean;
  /** Read, and lent to the link's sender from here. */
  readonly received: Pinned;
  /** Ethernet frames that came. */
  framesIn = 0;
  /** Ethernet frames that were queued. */
  framesOut = 0;
  /** Bytes of those that came. */
  bytesIn = 0;
  /** Bytes of those that were queued. */
  bytesOut = 0;
  /** Smoothed as TCP does (RFC 6298): an eighth of each new one. */
  rttMs: number | undefined;
  /** Why it is over; undefined while it is not. */
  ended: string | undefined;
  /** The code of `REASON` that the peer is to be told, where the end is this side's. */
  endedReason: number | undefined;

  /** The code of `REASON` that the peer has said goodbye with, if it has. */
  goodbye: number | undefined;

  /** The type of the frame that `nextFrame` found. */
  type = 0;
  /** Where its payload starts in `received`. */
  offset = 0;
  /** How long its payload is, in bytes. */
  length = 0;

  /** Data frames that were dropped because they had waited for too long, since this was last set to 0. */
  get stale(): number {
    return this.#data.dropped;
  }
  set stale(frames: number) {
    this.#data.dropped = frames;
  }

  readonly #control = new FrameQueue(CONTROL_BYTES, CONTROL_FRAMES);
  readonly #data: FrameQueue;
  /** What is left of a frame that the socket took a part of. */
  readonly #rest = new Pinned(new Uint8Array(LARGEST_FRAME));
  #restAt = 0;
  #restEnd = 0;
  readonly #sender: StreamSender;
  readonly #codel = new CoDel();
  readonly #pace: Pace;
  #staleMs = STALE_MS;
  #blocked = false;
  /** When the socket last refused something. */
  #refusedMs = -Infinity;
  /** When bbr was last started, if that is what the socket uses. */
  #bbrMs: number;
  #pongDue = false;
  /** Where what is read goes: behind room for the rest of a frame. */
  readonly #readInto: Uint8Array;
  #readAt = LARGEST_FRAME;
  #readEnd = LARGEST_FRAME;
  readonly #header: TunnelHeader = { type: 0, length: 0 };
  #heardMs: number;
  /** The first ping goes out at once, so that the round trip is soon known. */
  #pingMs = -Infinity;
  #pingOut = false;

  /**
   * Takes a connection over.
   *
   * @param tunnel The connection, with what was read beyond its handshake.
   * @param nowMs The time, of a clock that only goes forward, as everywhere here.
   * @param sizes What it may hold.
   */
  constructor(
    tunnel: { id: number; fd: number; legacy: boolean; received: Uint8Array },
    nowMs: number,
    sizes: ChannelSizes = CHANNEL_SIZES,
  ) {
    const { id, fd, legacy, received } = tunnel;
    this.id = id;
    this.fd = fd;
    this.legacy = legacy;
    const frames = 2 ** Math.ceil(Math.log2(sizes.queueBytes / SMALL_FRAME));
    this.#data = new FrameQueue(sizes.queueBytes, frames);
    this.#sender = new StreamSender(fd);
    this.#pace = new Pace(sizes.batchBytes);
    const readBytes = Math.max(sizes.readBytes, received.length);
    this.received = new Pinned(new Uint8Array(LARGEST_FRAME + readBytes));
    this.#readInto = this.received.bytes.subarray(LARGEST_FRAME);
    this.#readInto.set(received);
    this.#readEnd += received.length;
    this.#heardMs = this.#bbrMs = nowMs;
  }

  /** The socket did not take all: wait until it is writable. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Bytes that wait here for the socket. */
  get queuedBytes(): number {
    return this.#restEnd - this.#restAt + this.#control.bytes + this.#data.bytes;
  }

  /** Whether there is room for a data frame. */
  get hasRoom(): boolean {
    return !this.#data.full;
  }

  /** Drops data that waits for too long, where there is no room for more. */
  makeRoom(nowMs: number): void {
    if (!this.hasRoom) this.#data.dropBefore(nowMs - this.#staleMs);
  }

  /** Poll has said that the socket takes something again. */
  unblock(): void {
    this.#blocked = false;
  }

  /**
   * Queues an Ethernet frame, or a list of sessions; false when there is no room.
   *
   * @param frame The frame, and perhaps up to 127 bytes more.
   * @param length How long it is, in bytes.
   * @param lane `data` waits behind `control`; `last` is control that ends a session, for which room
   * is kept.
   * @param waitedMs How long it has waited already, in whole ms.
   */
  queue(
    type: number,
    frame: Uint8Array,
    length: number,
    lane: "data" | "control" | "last",
    nowMs: number,
    waitedMs = 0,
  ): boolean {
    if (length > MAX_PAYLOAD) return false;
    if (lane === "data") {
      if (!this.hasRoom || !this.#data.push(type, frame, length, nowMs, waitedMs)) return false;
    } else {
      if (lane === "control" && this.#control.bytes > CONTROL_LIMIT) return false;
      if (!this.#control.push(type, frame, length, nowMs, waitedMs)) return false;
    }
    if (type !== FRAME.SESSIONS) {
      this.framesOut++;
      this.bytesOut += length;
    }
    return true;
  }

  /** Forgets what is queued, and tells how many frames that was, with those of `stale`. */
  abandon(): number {
    this.#data.dropBefore(Infinity);
    this.#control.dropBefore(Infinity);
    return this.#data.dropped + this.#control.dropped;
  }

  /** Queues a goodbye with its reason, where the peer understands one. */
  queueGoodbye(reason: number, text: string): void {
    if (this.legacy) return;
    const payload = emitGoodbye({ reason, text });
    // Behind all else, since what follows a goodbye is not read any more; and never too old.
    this.#data.dropBefore(Infinity);
    this.#data.push(FRAME.GOODBYE, payload, payload.length, Infinity);
  }

  /** Sends what is queued, as far as the socket takes it. */
  flush(nowMs: number): void {
    if (this.ended === undefined) this.#send(nowMs);
  }

  /** Reads once; false when there was nothing. `ended` tells of the connection's end. */
  receive(nowMs: number): boolean {
    const count = receive(this.fd, this.#readInto);
    if (count === -ERRNO.EAGAIN) return false;
    if (count <= 0) {
      this.end(
        count === 0
          ? "the peer closed the connection"
          : systemError("the connection broke", -count).message,
      );
      return false;
    }
    this.#readEnd = LARGEST_FRAME + count;
    this.#heardMs = nowMs;
    return true;
  }

  /**
   * Finds the next frame in what was read; false when there is no whole one. Pings, pongs and a goodbye
   * are dealt with on the way; of what `type` tells, Ethernet frames and SESSIONS are left to do.
   */
  nextFrame(nowMs: number): boolean {
    if (this.ended !== undefined) return false;
    const { bytes } = this.received;
    const header = this.#header;
    const size = readHeader(bytes, this.#readAt, this.#readEnd, header);
    if (size < 0) {
      this.end("the peer sent a frame header that is too long", REASON.PROTOCOL);
      return false;
    }
    const payload = this.#readAt + size;
    if (size === 0 || payload + header.length > this.#readEnd) return false;
    this.#readAt = payload + header.length;
    this.type = header.type;
    this.offset = payload;
    this.length = header.length;
    switch (header.type) {
      case FRAME.DISCOVERY:
      case FRAME.SESSION:
        this.framesIn++;
        this.bytesIn += header.length;
        break;
      case FRAME.PING:
        this.#pongDue = true;
        break;
      case FRAME.PONG:
        this.#ponged(nowMs);
        break;
      case FRAME.GOODBYE: {
        const goodbye = parseGoodbye(bytes.subarray(payload, this.#readAt));
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
    const start = LARGEST_FRAME - (this.#readEnd - this.#readAt);
    this.received.bytes.copyWithin(start, this.#readAt, this.#readEnd);
    this.#readAt = start;
    this.#readEnd = LARGEST_FRAME;
  }

  /** Sends a ping each `pingMs`, and ends the tunnel after `deadMs` in which nothing came. */
  keepalive(nowMs: number, pingMs: number, deadMs: number): void {
    if (nowMs - this.#heardMs >= deadMs) {
      const seconds = Math.round((nowMs - this.#heardMs) / 1000);
      this.end(`nothing heard for ${seconds} s`, REASON.TIMEOUT);
    } else if (nowMs - this.#pingMs >= pingMs && !this.#pingOut) {
      this.#pingOut = this.#control.push(FRAME.PING, NO_BYTES, 0, nowMs);
      this.#pingMs = nowMs;
    }
  }

  /**
   * Keeps bbr from its pause of 200 ms every 10 s, in which a tunnel full of frames loses those of a
   * tenth of a second, and delays as many. It pauses to see the path without its own queue; a tunnel
   * that carries less than the path does has none, so there it is for nothing. One whose socket was
   * refusing is left alone.
   */
  keepBbrGoing(nowMs: number): void {
    if (nowMs - this.#bbrMs < BBR_MS || nowMs - this.#refusedMs < UNHINDERED_MS) return;
    this.#bbrMs = nowMs;
    restartBbr(this.fd);
  }

  /** Reads once and forgets it, of a tunnel that is being closed. */
  discard(): void {
    this.#readAt = this.#readEnd = LARGEST_FRAME;
    this.receive(0);
  }

  /** Says that no more comes from here; what the peer has sent may still be read. */
  shutdown(): void {
    shutdownWrite(this.fd);
  }

  /** Marks it as over; the first reason stays. With a code, the peer is to be told. */
  end(reason: string, code?: number): void {
    if (this.ended !== undefined) return;
    this.ended = reason;
    this.endedReason = code;
  }

  /** Tells the peer why this side has ended it, as far as the socket takes that at once. */
  tellEnd(nowMs: number): void {
    if (this.ended === undefined || this.endedReason === undefined) return;
    this.queueGoodbye(this.endedReason, this.ended);
    // Nobody asks poll for it any more.
    this.#blocked = false;
    this.#send(nowMs);
  }

  #send(nowMs: number): void {
    const sender = this.#sender;
    while (!this.#blocked) {
      // However many pings came, one answer is as good; more would fill the queue.
      if (this.#pongDue) this.#pongDue = !this.#control.push(FRAME.PONG, NO_BYTES, 0, nowMs);
      if (this.#restAt < this.#restEnd) sender.add(this.#rest, this.#restAt, this.#restEnd);
      const most = this.#pace.lowatBytes;
      this.#control.gather(sender, most, nowMs);
      const ahead = sender.bytes;
      this.#data.gather(sender, most, nowMs, this.#judge);
      const offered = sender.bytes;
      if (offered === 0) return this.#idle(nowMs);
      const sent = sender.send();
      if (sent < 0 && sent !== -ERRNO.EAGAIN) {
        return this.end(systemError("the connection broke", -sent).message);
      }
      if (sent > 0) this.#consume(sent, ahead);
      this.#pace.sent(Math.max(0, sent));
      // A socket that took a part has no room for more. One that did so lately is not given anything
      // before poll has asked for it: it would take what still fits into its last segment of 64 KiB,
      // whatever its limit is.
      if (sent < offered) this.#refusedMs = nowMs;
      if (this.#isCongested(nowMs)) this.#block(nowMs);
    }
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
    if (this.#pace.blocked(nowMs)) setNotsentLowat(this.fd, this.#pace.lowatBytes);
    // A path so slow that a batch takes that long would otherwise lose all that came meanwhile.
    this.#staleMs = Math.max(STALE_MS, 2 * this.#pace.lowatMs);
  }

  // CoDel is to see each frame, also those that are too old anyway.
  #judge = (waitedMs: number, last: boolean, nowMs: number): boolean =>
    this.#codel.drops(waitedMs, last, nowMs) || waitedMs > this.#staleMs;

  #ponged(nowMs: number): void {
    if (!this.#pingOut) return;
    this.#pingOut = false;
    const rttMs = nowMs - this.#pingMs;
    this.rttMs = this.rttMs === undefined ? rttMs : this.rttMs + (rttMs - this.rttMs) / 8;
  }
}
