// Decides what becomes of connected clients when the keys or the allow list change, without I/O.
//
//     its key is gone, and so is its name           closed
//     its key is gone, but its name has another     held: it comes back with the new key
//     its address is no longer allowed, with a key  held: it may come back from another address
//     the same without a key                        closed: it is known by its address alone
//     anything else                                 stays, with the limits of its line
//
// *Closed* means that the sessions end at once on both sides, *held* that they wait for the client as after any
// end of a tunnel.

import { type ClientKey, isSameKey } from "../keys/key.ts";
import type { KeyRing } from "../keys/key_ring.ts";
import type { AddressList } from "../net/address_list.ts";

/** The reason for the end of what a client without a key had. */
export const KEY_REMOVED = "its key was removed";

/** The limits of a client, as its key has them. */
export type KeyLimits = Pick<ClientKey, "maxSessions" | "upBps" | "downBps">;

/** A client with a tunnel. */
export interface Connected {
  /** Its IP address. */
  readonly address: string;
  /** The key that it has proved; undefined at a server without keys. */
  readonly key?: ClientKey;
}

/** The rules that decide. */
export interface AccessRules {
  /** The addresses that may connect. */
  allow: AddressList;
  /** The keys; undefined if the server has none. */
  keys: KeyRing | undefined;
}

/** The fate of a connected client. */
export type ClientFate =
  /** It stays, by this key. */
  | { is: "stays"; key: ClientKey | undefined }
  /** Its tunnel ends, and its sessions are held or closed. */
  | { is: "held" | "closed"; reason: string; cause: "key-removed" | "address-not-allowed" };

/**
 * Finds the key that a client has proved.
 *
 * @param keys The keys
 * @param proved The key, perhaps as another file had it
 * @returns The key with its present limits; undefined if it is not there any more
 */
export function presentKey(keys: KeyRing, proved: ClientKey): ClientKey | undefined {
  const key = keys.find(proved.id);
  return key !== undefined && isSameKey(key, proved) ? key : undefined;
}

/**
 * Decides about a connected client.
 *
 * @param client The client
 * @param rules The present rules
 * @returns Its fate
 */
export function judge(
  { address, key: proved }: Connected,
  { allow, keys }: AccessRules,
): ClientFate {
  if (proved === undefined || keys === undefined) {
    if (allow.contains(address)) return { is: "stays", key: undefined };
    return {
      is: "closed",
      reason: "its address is no longer on the allow list",
      cause: "address-not-allowed",
    };
  }
  const key = presentKey(keys, proved);
  if (key === undefined) {
    return keys.knows(proved.name)
      ? { is: "held", reason: `${KEY_REMOVED}, and it has another one`, cause: "key-removed" }
      : { is: "closed", reason: KEY_REMOVED, cause: "key-removed" };
  }
  const fault = addressFault(address, key, allow);
  return fault === undefined
    ? { is: "stays", key }
    : { is: "held", reason: `its address ${fault}`, cause: "address-not-allowed" };
}

/**
 * Checks whether a client with a key may connect from an address.
 *
 * @param address The client's IP address
 * @param key The key
 * @param allow The addresses that may connect in general
 * @returns The fault, in words that follow "the address"; undefined if it may
 */
export function addressFault(
  address: string,
  { allow: own }: ClientKey,
  allow: AddressList,
): string | undefined {
  if (!allow.contains(address)) return "is not on the allow list (--allow)";
  return own === undefined || own.contains(address)
    ? undefined
    : "is not one that its key allows (allow= in the server's key file)";
}

/**
 * Finds the clients that have no key any more.
 *
 * @param before The keys until now
 * @param after The keys from now on
 * @returns The names that had a key, and have none
 */
export function goneNames(before: KeyRing, after: KeyRing): string[] {
  const names = new Set(before.keys.map(({ name }) => name));
  return [...names].filter((name) => !after.knows(name));
}

/**
 * Checks whether two keys have the same limits.
 *
 * @param a A key or its limits
 * @param b Another one
 * @returns True if the limits of sessions and rates are equal
 */
export function sameLimits(a: KeyLimits, b: KeyLimits): boolean {
  return a.maxSessions === b.maxSessions && a.upBps === b.upBps && a.downBps === b.downBps;
}

/**
 * Picks the limits of a key, for a tunnel.
 *
 * @param key The key; undefined at a server without keys
 * @returns The limits that it has
 */
export function limitsOfKey(key: ClientKey | undefined): KeyLimits {
  return { maxSessions: key?.maxSessions, upBps: key?.upBps, downBps: key?.downBps };
}
