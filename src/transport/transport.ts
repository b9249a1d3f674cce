// The seam between a tunnel and what carries its bytes: TCP today, memory in tests.
//
// A transport is a stream of bytes in order, driven by a loop that polls it; nothing in it waits. A batch
// of frames is one call: pieces of memory are added one after the other, then sent together. A transport
// that has to change the bytes, such as one that encrypts, copies each piece as it is added into memory
// of its own, where it leaves the room that it needs in front of a batch and behind it.

import type { Pinned } from "../../ffi/mod.ts";

/** A result of {@linkcode Transport.receive} or {@linkcode Transport.send}: nothing to read, or no room. */
export const AGAIN: number = -1;
/** The other one: the connection is broken, and {@linkcode Transport.failure} says why. */
export const BROKEN: number = -2;

/** The state of a connection, for the status. */
export interface TransportStatus {
  /** Segments that this side has sent again. */
  retransmits: number;
  /** Bytes that the transport has taken and not sent yet. */
  unsentBytes: number;
  /** The congestion control that this side sends with; null where there is none. */
  congestion: string | null;
}

/** Pieces of memory that one call will send. */
export interface Batch {
  /** How many bytes it has. */
  readonly bytes: number;
  /**
   * Adds a piece behind the others.
   *
   * @param memory Where it lies. It must stay as it is until it is sent
   * @param start Its first byte
   * @param end The byte after its last
   * @returns False when the batch has as many pieces as one call can send
   */
  add(memory: Pinned, start: number, end: number): boolean;
}

/** A connection to the peer, in which bytes arrive in order or not at all. It has one batch at a time. */
export interface Transport extends Batch {
  /** What a poller knows it by; readable when there are bytes, writable when it has room. */
  readonly fd: number;
  /** Why it is broken. */
  readonly failure: string;

  /**
   * Reads once, without waiting.
   *
   * @param into Where the bytes go, from the start
   * @returns How many there were; 0 at the end of the stream; {@linkcode AGAIN} or {@linkcode BROKEN}
   */
  receive(into: Uint8Array): number;

  /**
   * Sends the batch, as far as there is room for it, and forgets it.
   *
   * @returns How many bytes were taken; {@linkcode AGAIN} or {@linkcode BROKEN}
   */
  send(): number;

  /** Sets how many unsent bytes it should hold: with more, it counts as having no room. */
  holdUnsent(bytes: number): void;

  /**
   * Keeps a path that carries less than it could at full speed. Called every few seconds, while nothing
   * waits for the transport.
   */
  refresh(): void;

  /** Ends this side of the stream. What was sent before still goes out; the peer's may still be read. */
  shutdown(): void;

  /** The state of the connection. */
  status(): TransportStatus;
}
