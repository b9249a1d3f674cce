// The seam between a tunnel and the carrier of its bytes: TCP today, memory in tests.
//
// A transport is an ordered stream of bytes, driven by a loop that polls it; its methods never wait. Several
// frames go out in one call: pieces of memory are added to a batch, which is then sent. A transport that
// changes the bytes, such as an encrypting one, may have to keep some of them until there is room.

import type { Pinned } from "../../ffi/mod.ts";

/** The result of {@linkcode Transport.receive} without bytes to read, and of `send` without room. */
export const AGAIN: number = -1;
/** The result of both if the connection is broken; {@linkcode Transport.failure} has the reason. */
export const BROKEN: number = -2;

/** The state of a connection, for the status. */
export interface TransportStatus {
  /** The number of segments that this side has retransmitted. */
  retransmits: number;
  /** The number of bytes that the transport has taken and not sent yet. */
  unsentBytes: number;
  /** The name of this side's congestion control; null if there is none. */
  congestion: string | null;
  /** The encryption; null if there is none. */
  encryption: EncryptionStatus | null;
}

/** The encryption of a connection. */
export interface EncryptionStatus {
  /** The cipher, such as `AES-128-GCM`. */
  cipher: string;
  /** True if the kernel encrypts what this side sends (kTLS). */
  kernel: boolean;
}

/** Large packets to the peer are lost, although small ones get through. */
export interface PathFault {
  /** The size of packets that are lost, in bytes. */
  packetBytes: number;
  /**
   * What this side does about it: routers may split the packets, or it sends only small ones, or only the
   * smallest ones of IPv4; nothing if none of this has helped.
   */
  remedy: "fragments" | "small-packets" | "smallest-packets" | "none";
  /** True if fragments of the packets are lost too. */
  fragmentsLost: boolean;
}

/** The size of packets that almost every path carries; IPv6 guarantees it. */
export const SMALL_PACKET: number = 1280;
/** The size of packets of IPv4 that every host must accept (RFC 791). */
export const SMALLEST_PACKET: number = 576;

/** The result of {@linkcode Transport.watchPath}. */
export type PathVerdict =
  /** There is no fault, or no new one. */
  | "unchanged"
  /** There may be a fault, so the path should be watched again soon. */
  | "suspected"
  /** A fault was found, and the connection goes on with the remedy in `pathFault`. */
  | "mended"
  /**
   * A fault was found that this connection cannot survive, because large packets are under way. The next one
   * to the same address has the remedy in `pathFault` from the start.
   */
  | "lost"
  /** Packets are lost although every remedy was tried. */
  | "helpless";

/** Pieces of memory that will be sent with one call. */
export interface Batch {
  /** The number of bytes in the present batch; 0 again after each `send`, even if not all were taken. */
  readonly bytes: number;
  /**
   * Adds a piece at the end of the present batch.
   *
   * @param memory The memory that contains the piece; it must not change until the batch is sent
   * @param start The offset of the first byte
   * @param end The offset after the last byte
   * @returns False if the batch already has the maximum number of pieces
   */
  add(memory: Pinned, start: number, end: number): boolean;
}

/**
 * A connection to the peer, in which bytes arrive in order or not at all. It has one batch at a time, and
 * `bytes`, `add` and `send` are about that batch alone.
 */
export interface Transport extends Batch {
  /** The descriptor for pollers: readable when there are bytes, writable when there is room. */
  readonly fd: number;
  /** The reason why the connection is broken. */
  readonly failure: string;
  /**
   * The number of bytes that were taken and wait in the transport's own memory, such as ciphertext that the
   * socket has refused.
   */
  readonly heldBytes: number;

  /**
   * Reads once, without waiting. No poller reports a transport for bytes that are left in its own memory,
   * so it reads no more than it can return.
   *
   * @param into The memory for the bytes
   * @returns The number of bytes; 0 at the end of the stream; {@linkcode AGAIN} or {@linkcode BROKEN}
   */
  receive(into: Uint8Array): number;

  /**
   * Sends as much of the batch as there is room for, and empties the batch. The rest of a frame that was
   * taken in part is always added again, at the start of the next batch. A whole frame that was not taken
   * may be overtaken, or dropped because it is too old.
   *
   * A transport that keeps bytes (`heldBytes`) sends these first, and is called again, perhaps with an empty
   * batch, when its descriptor is writable.
   *
   * @returns The number of bytes taken; {@linkcode AGAIN} or {@linkcode BROKEN}
   */
  send(): number;

  /**
   * Limits the unsent bytes that the transport holds. Above the limit it counts as having no room.
   *
   * @param bytes The limit
   */
  limitUnsent(bytes: number): void;

  /**
   * Limits the bytes that the peer can send before they are read. What it has been promised already may still
   * come.
   *
   * @param bytes The limit; `Infinity` for that of the system
   */
  limitUnread(bytes: number): void;

  /**
   * Keeps a path with spare capacity at full speed. It is called every few seconds, while nothing waits for
   * the transport.
   */
  refresh(): void;

  /** The fault of the path that is known; undefined if there is none. */
  readonly pathFault: PathFault | undefined;

  /**
   * Finds out whether the path loses large packets only, and does something about it. It is called about
   * once a second, and more often while a fault is suspected.
   *
   * @param nowMs The time in ms, by a monotonic clock
   * @returns The verdict
   */
  watchPath(nowMs: number): PathVerdict;

  /**
   * Returns the number of bytes that were taken and are not known to have arrived at the peer's machine, also
   * after the connection has broken. A transport that cannot know returns 0.
   */
  unacknowledgedBytes(): number;

  /** Ends the stream in this direction. Earlier bytes still go out, and the peer's can still be read. */
  shutdown(): void;

  /**
   * Describes the connection for the status.
   *
   * @returns The state of the connection
   */
  status(): TransportStatus;
}
