// The decision who may connect to a server, and who is one too many, without I/O.
//
// Every connection goes this way; each step is a method of `Admission`:
//
//     arrive ──► at the door ──enter──► inside ──left──► gone
//        │            │ ▲
//        │            │ └ refusal: may this client come in?
//        │            └──left──► gone     its handshake failed, or it gave way to a later one
//        └──► refused                     its address is not on the allow list
//
// The door holds a limited number of connections, because a stranger may open any number and say
// nothing. A client says hello at once, so the connection that has waited longest is the least likely to
// be one: it gives way, among those of the newcomer's address if that one has its share already. So no
// address can shut another one out, nor its own clients.
//
// Inside there is room for `maxClients`. Beyond that a client may still come in where it takes nobody's
// place: one that is inside already, whose old connection it replaces, and one whose sessions are held.

import { type Goodbye, REASON } from "../wire/mod.ts";
import type { AllowList } from "./allow.ts";

/** The number of connections that may be at their handshake at once. */
export const AT_THE_DOOR = 256;
/** The number of them that may have the same address. */
export const AT_THE_DOOR_OF_ONE = 64;
/** The number of clients at once: where nothing else is asked for, and in any case. */
export const MAX_CLIENTS = { default: 256, limit: 1000 } as const;

/** The fate of a connection that arrives. */
export type Arrival =
  /** It may say hello. Another one may have to give way, which has left by then. */
  | { id: number; givesWay: number | undefined }
  /** It is closed unread, for this reason. */
  | { refused: string };

/** A connection that is at the door, or inside. */
interface Visitor {
  readonly address: string;
  /** The client's key across tunnels, once it is inside; undefined where it has none. */
  peer?: string;
}

/** The rules of an admission. */
export interface AdmissionRules {
  allow: AllowList;
  /** The number of clients at once; see {@linkcode MAX_CLIENTS}. */
  maxClients?: number;
}

/** The connections of a server. */
export class Admission {
  #allow: AllowList;
  #maxClients: number;
  #ids = 0;
  /** In the order in which they came. */
  readonly #door = new Map<number, Visitor>();
  readonly #inside = new Map<number, Visitor>();
  /** The numbers of sessions that are held for clients without a tunnel, by their keys. */
  readonly #held = new Map<string, number>();

  /**
   * Makes an admission; nobody is there yet.
   *
   * @param rules The rules
   */
  constructor({ allow, maxClients }: AdmissionRules) {
    this.#allow = allow;
    this.#maxClients = boundedClients(maxClients);
  }

  /**
   * Changes the rules. Those who are there already may stay.
   *
   * @param rules The new rules
   */
  change({ allow, maxClients }: AdmissionRules): void {
    this.#allow = allow;
    this.#maxClients = boundedClients(maxClients);
  }

  /** The list of those who may connect. */
  get allow(): AllowList {
    return this.#allow;
  }

  /** The connections that are at the door, by their ids. */
  get atTheDoor(): number[] {
    return [...this.#door.keys()];
  }

  /**
   * Decides what becomes of a connection that arrives.
   *
   * @param address Its IP address
   * @returns Its id, where it may come to the door; or why not
   */
  arrive(address: string): Arrival {
    if (!this.#allow.allows(address)) return { refused: "not on the allow list" };
    const givesWay = this.#whoGivesWay(address);
    if (givesWay !== undefined) this.#door.delete(givesWay);
    const id = ++this.#ids;
    this.#door.set(id, { address });
    return { id, givesWay };
  }

  #whoGivesWay(address: string): number | undefined {
    const same = [...this.#door].filter(([, visitor]) => visitor.address === address);
    if (same.length >= AT_THE_DOOR_OF_ONE) return same[0][0];
    if (this.#door.size < AT_THE_DOOR) return undefined;
    const [oldest] = this.#door.keys();
    return oldest;
  }

  /**
   * Says whether a connection still waits at the door.
   *
   * @param id Its id
   * @returns `false` once it has come in, given way or left
   */
  waits(id: number): boolean {
    return this.#door.has(id);
  }

  /**
   * Says why a client may not come in. That can change at any time, so it is asked again when the
   * handshake is done.
   *
   * @param peer The client's key across tunnels; `undefined` where it has none
   * @returns The goodbye for the client; `undefined` where it may come in
   */
  refusal(peer: string | undefined): Goodbye | undefined {
    if (this.#inside.size < this.#maxClients) return undefined;
    if (peer !== undefined) {
      if (this.#held.has(peer)) return undefined;
      for (const visitor of this.#inside.values()) if (visitor.peer === peer) return undefined;
    }
    const text = `${this.#maxClients} clients are connected already (--max-clients)`;
    return { reason: REASON.FULL, text };
  }

  /**
   * Lets a connection in from the door.
   *
   * @param id Its id
   * @param peer The client's key across tunnels; `undefined` where it has none
   * @returns The number of sessions that it has come back to, if any
   */
  enter(id: number, peer: string | undefined): number | undefined {
    const visitor = this.#door.get(id);
    if (visitor === undefined) throw new Error(`Cannot let connection ${id} in: it has left`);
    this.#door.delete(id);
    this.#inside.set(id, { ...visitor, peer });
    const held = this.#heldFor(peer);
    if (peer !== undefined) this.#held.delete(peer);
    return held;
  }

  /**
   * Takes a connection out, wherever it is.
   *
   * @param id Its id
   * @returns The number of sessions that are held for its peer, if any
   */
  left(id: number): number | undefined {
    const peer = this.#inside.get(id)?.peer;
    this.#door.delete(id);
    this.#inside.delete(id);
    return this.#heldFor(peer);
  }

  /**
   * Notes how many sessions are held for a peer without a tunnel.
   *
   * @param peer The peer's key
   * @param sessions Their number; with 0 it has lost its claim to come back
   */
  held(peer: string, sessions: number): void {
    if (sessions > 0) this.#held.set(peer, sessions);
    else this.#held.delete(peer);
  }

  // A log does not mention none.
  #heldFor(peer: string | undefined): number | undefined {
    return peer === undefined ? undefined : this.#held.get(peer);
  }
}

/**
 * Bounds a number of clients.
 *
 * @param wanted The number that is asked for; `undefined` for the default
 * @returns The number that there may be
 */
export function boundedClients(wanted: number = MAX_CLIENTS.default): number {
  return Math.min(wanted, MAX_CLIENTS.limit);
}
