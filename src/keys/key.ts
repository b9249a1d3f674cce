// A pre-shared key of a client, as a line of a key file has it.

import type { AddressList } from "../net/address_list.ts";

/** The length of a key's secret, in bytes. */
export const SECRET_BYTES = 32;
/** The length of a key's id, in bytes; it is written as twice as many hexadecimal digits. */
export const ID_BYTES = 16;

/** A key that a client and a server share. */
export interface Key {
  /** The name of the client that it belongs to. */
  readonly name: string;
  /**
   * The identifier by which a handshake names the key, in the clear. It is random, in lower-case hexadecimal
   * digits, and reveals nothing of the name.
   */
  readonly id: string;
  /** The secret, {@linkcode SECRET_BYTES} random bytes. */
  readonly secret: Uint8Array<ArrayBuffer>;
}

/** A key as a server knows it, with what its client may do. */
export interface ClientKey extends Key {
  /** The addresses that the client may connect from; by default all that the server allows. */
  readonly allow?: AddressList;
  /** The maximum number of sessions; by default that of the server. */
  readonly maxSessions?: number;
  /** The maximum rate from the client to the AC, in bits per second of frames; unlimited by default. */
  readonly upBps?: number;
  /** The maximum rate from the AC to the client, in bits per second of frames; unlimited by default. */
  readonly downBps?: number;
}

/**
 * Checks whether two keys are the same, whatever their clients may do.
 *
 * @param a A key
 * @param b Another one
 * @returns True if name, id and secret are equal
 */
export function isSameKey(a: Key, b: Key): boolean {
  return a.name === b.name && a.id === b.id && a.secret.toHex() === b.secret.toHex();
}

/** The keys of a server. */
export interface KeyLookup {
  /**
   * Finds a key.
   *
   * @param id The identifier that a client shows, which may be any text
   * @returns The key; undefined if there is none
   */
  find(id: string): ClientKey | undefined;
}
