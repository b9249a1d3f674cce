// A tunnel in the data worker: its descriptor, the batch towards it, what was read from it, keepalive.
//
// Out: frames are copied once, header in front, into a batch; one `send` takes it. Control frames and
// data have a batch each, and control goes first. What the socket did not take at once goes before
// both, for a frame must not be cut. Data is taken only while the socket takes all, and a batch of it
// is not full: it is to queue where it can be dropped.
// In: one large buffer is read into and parsed in place. A frame stays there until `compact`.

import { ERRNO, Pinned, receive, send, shutdownWrite, systemError } from "../../ffi/mod.ts";
import {
  describeGoodbye,
  emitGoodbye,
  FRAME,
  headerLength,
  MAX_HEADER,
  MAX_PAYLOAD,
  parseGoodbye,
  readHeader,
  REASON,
  type TunnelHeader,
  writeHeader,
} from "../wire/mod.ts";

/** Until how many bytes wait data is taken; one frame may go over that. */
const DATA_LIMIT = 64 * 1024;
const LARGEST_FRAME = MAX_HEADER + MAX_PAYLOAD;
/** Where room for one more frame of the largest size is left, what is not parsed yet is moved down. */
const RECEIVE_BYTES = 4 * LARGEST_FRAME;

const NO_BYTES = new Uint8Array(0);

const BATCH_BYTES = DATA_LIMIT + LARGEST_FRAME;
/** Control frames beyond this are dropped, but for those that end something. */
const CONTROL_LIMIT = BATCH_BYTES / 2;

class Batch {
  readonly bytes = new Uint8Array(BATCH_BYTES);
  start = 0;
  end = 0;
}

/**
 * One end of a tunnel whose handshake is done, as a loop round `poll` drives it. Nothing in it waits.
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
 * near.queue(FRAME.DISCOVERY, frame, 0, frame.length, "control");
 * near.flush();
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
  readonly received: Pinned = new Pinned(new Uint8Array(RECEIVE_BYTES));
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

  /** The type of the frame that `nextFrame` found. */
  type = 0;
  /** Where its payload starts in `received`. */
  offset = 0;
  /** How long its payload is, in bytes. */
  length = 0;

  #control = new Batch();
  #data = new Batch();
  #sending = new Batch();
  #blocked = false;
  #readAt = 0;
  #readEnd: number;
  readonly #header: TunnelHeader = { type: 0, length: 0 };
  #heardMs: number;
  /** The first ping goes out at once, so that the round trip is soon known. */
  #pingMs = -Infinity;
  #pingOut = false;

  /** Takes a connection over, with what was read beyond its handshake. */
  constructor(
    tunnel: { id: number; fd: number; legacy: boolean; received: Uint8Array },
    nowMs: number,
  ) {
    this.id = tunnel.id;
    this.fd = tunnel.fd;
    this.legacy = tunnel.legacy;
    this.received.bytes.set(tunnel.received);
    this.#readEnd = tunnel.received.length;
    this.#heardMs = nowMs;
  }

  /** The socket did not take all: wait until it is writable. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Whether a data frame may be queued. */
  get takesData(): boolean {
    return !this.#blocked && this.#data.end < DATA_LIMIT;
  }

  /** Poll has said that the socket takes something again. */
  unblock(): void {
    this.#blocked = false;
  }

  /**
   * Queues an Ethernet frame; false when there is no room.
   *
   * @param lane `data` waits behind `control`; `last` is control that ends a session, for which room
   * is kept.
   */
  queue(
    type: number,
    frame: Uint8Array,
    offset: number,
    length: number,
    lane: "data" | "control" | "last",
  ): boolean {
    if (length > MAX_PAYLOAD) return false;
    if (
      lane === "data" ? !this.takesData : lane === "control" && this.#control.end > CONTROL_LIMIT
    ) {
      return false;
    }
    const batch = lane === "data" ? this.#data : this.#control;
    if (!append(batch, type, frame, offset, length)) return false;
    this.framesOut++;
    this.bytesOut += length;
    return true;
  }

  /** Queues a goodbye with its reason, where the peer understands one. */
  queueGoodbye(reason: number, text: string): void {
    if (this.legacy) return;
    const payload = emitGoodbye({ reason, text });
    // In the last batch: what is behind a goodbye is not read any more.
    append(this.#data, FRAME.GOODBYE, payload, 0, payload.length);
  }

  /** Sends what is queued, as far as the socket takes it. */
  flush(): void {
    if (this.ended === undefined) this.#send();
  }

  /** Reads once; false when there was nothing. `ended` tells of the connection's end. */
  receive(nowMs: number): boolean {
    const { bytes } = this.received;
    const count = receive(this.fd, bytes.subarray(this.#readEnd));
    if (count === -ERRNO.EAGAIN) return false;
    if (count <= 0) {
      this.end(
        count === 0
          ? "the peer closed the connection"
          : systemError("the connection broke", -count).message,
      );
      return false;
    }
    this.#readEnd += count;
    this.#heardMs = nowMs;
    return true;
  }

  /**
   * Finds the next Ethernet frame in what was read; false when there is no whole one. Pings, pongs
   * and a goodbye are dealt with on the way, and what is unknown is skipped.
   */
  nextFrame(nowMs: number): boolean {
    const { bytes } = this.received;
    const header = this.#header;
    while (this.ended === undefined) {
      const size = readHeader(bytes, this.#readAt, this.#readEnd, header);
      if (size < 0) {
        this.end("the peer sent a frame header that is too long", REASON.PROTOCOL);
        break;
      }
      const payload = this.#readAt + size;
      if (size === 0 || payload + header.length > this.#readEnd) return false;
      this.#readAt = payload + header.length;
      switch (header.type) {
        case FRAME.DISCOVERY:
        case FRAME.SESSION:
          this.type = header.type;
          this.offset = payload;
          this.length = header.length;
          this.framesIn++;
          this.bytesIn += header.length;
          return true;
        case FRAME.PING:
          append(this.#control, FRAME.PONG, NO_BYTES, 0, 0);
          break;
        case FRAME.PONG:
          this.#ponged(nowMs);
          break;
        case FRAME.GOODBYE:
          this.end(describeGoodbye(parseGoodbye(bytes.subarray(payload, this.#readAt))));
          break;
        case FRAME.HELLO:
        case FRAME.WELCOME:
          // Only a connection's first frame may be one.
          this.end("the peer sent a second greeting", REASON.PROTOCOL);
          break;
      }
    }
    return false;
  }

  /** Makes room for the next read: frames found before are gone. */
  compact(): void {
    const { bytes } = this.received;
    if (this.#readAt === this.#readEnd) this.#readAt = this.#readEnd = 0;
    else if (this.#readEnd > RECEIVE_BYTES - LARGEST_FRAME) {
      bytes.copyWithin(0, this.#readAt, this.#readEnd);
      this.#readEnd -= this.#readAt;
      this.#readAt = 0;
    }
  }

  /** Sends a ping each `pingMs`, and ends the tunnel after `deadMs` in which nothing came. */
  keepalive(nowMs: number, pingMs: number, deadMs: number): void {
    if (nowMs - this.#heardMs >= deadMs) {
      const seconds = Math.round((nowMs - this.#heardMs) / 1000);
      this.end(`nothing heard for ${seconds} s`, REASON.TIMEOUT);
    } else if (nowMs - this.#pingMs >= pingMs && !this.#pingOut) {
      this.#pingOut = append(this.#control, FRAME.PING, NO_BYTES, 0, 0);
      this.#pingMs = nowMs;
    }
  }

  /** Reads once and forgets it, of a tunnel that is being closed. */
  discard(): void {
    this.#readAt = this.#readEnd = 0;
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
  tellEnd(): void {
    if (this.ended === undefined || this.endedReason === undefined) return;
    this.queueGoodbye(this.endedReason, this.ended);
    this.#send();
  }

  #send(): void {
    while (!this.#blocked) {
      const batch = this.#next();
      if (batch === undefined) return;
      const sent = send(this.fd, batch.bytes.subarray(batch.start, batch.end));
      if (sent >= 0) batch.start += sent;
      else if (sent === -ERRNO.EAGAIN) this.#blocked = true;
      else return this.end(systemError("the connection broke", -sent).message);
    }
  }

  // What is to be sent now: the rest of a batch, else control frames, else data.
  #next(): Batch | undefined {
    const sent = this.#sending;
    if (sent.start < sent.end) return sent;
    sent.start = sent.end = 0;
    if (this.#control.end > 0) {
      this.#sending = this.#control;
      this.#control = sent;
    } else if (this.#data.end > 0) {
      this.#sending = this.#data;
      this.#data = sent;
    } else return undefined;
    return this.#sending;
  }

  #ponged(nowMs: number): void {
    if (!this.#pingOut) return;
    this.#pingOut = false;
    const rttMs = nowMs - this.#pingMs;
    this.rttMs = this.rttMs === undefined ? rttMs : this.rttMs + (rttMs - this.rttMs) / 8;
  }
}

function append(
  batch: Batch,
  type: number,
  payload: Uint8Array,
  offset: number,
  length: number,
): boolean {
  if (batch.end + headerLength(length) + length > BATCH_BYTES) return false;
  const at = batch.end + writeHeader(batch.bytes, batch.end, type, length);
  if (length > 0) batch.bytes.set(payload.subarray(offset, offset + length), at);
  batch.end = at + length;
  return true;
}
