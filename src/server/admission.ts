// Decides which clients may connect to a server, without I/O.
//
// Every connection takes these steps, each of which is a method of `Admission`:
//
//     arrive ──► at the door ──enter──► inside ──left──► gone
//        │          │   │ ▲
//        │          │   │ └ refusal: may this client come in?
//        │          │   └──left──► gone   its handshake failed, or it gave way to a later one
//        │          │ ▲
//        │          │ └ identify: a proxy has sent the client's address
//        └──────────┴──► refused          its address is not on the allow list
//
// A connection of a proxy waits at the door before its client's address is known. The proxy itself need not
// be on the allow list, and has no share of its own: the limit for one address is applied to the clients'.
//
// The number of connections at the door is limited, because a stranger may open any number of them and say
// nothing. A client says hello at once, so the connection that has waited longest is the least likely to be
// a client. It gives way to a newcomer; if the newcomer's address already has its share of connections, one
// of those gives way. An address can therefore shut out neither another address nor its own clients.
//
// Inside there is room for `maxClients`. A client that takes nobody's place may enter even beyond that: one
// that is already inside, whose old connection it replaces, and one whose sessions are held.

import { type Goodbye, REASON } from "../wire/mod.ts";
import { isLoopback, isUnspecified } from "../net/endpoint.ts";
import { type AddressList, ONLY_LOOPBACK } from "../net/address_list.ts";

/** The maximum number of connections in their handshake. */
export const AT_THE_DOOR = 256;
/** The maximum number of those from one address. */
export const AT_THE_DOOR_OF_ONE = 64;
/** The maximum number of clients: by default, and in any case. */
export const MAX_CLIENTS = { default: 256, limit: 1000 } as const;

/** The fate of an arriving connection. */
export type Arrival =
  /**
   * It may say hello. `givesWay` is the id of a connection that had to leave for it, if any. `proxied` is true
   * if it must send the client's address first.
   */
  | { id: number; givesWay: number | undefined; proxied?: true }
  /** It is closed without being read, for this reason. */
  | { refused: string };

const NOT_ALLOWED: Arrival = { refused: "not on the allow list" };

/** A connection at the door or inside. */
interface Visitor {
  /** The client's IP address; undefined until its proxy has told it. */
  readonly address: string | undefined;
  /** The client's key across tunnels, once it is inside; undefined if it has none. */
  peer?: string;
}

/** The rules of an admission. */
export interface AdmissionRules {
  allow: AddressList;
  /** The proxies, which must send the client's address first. */
  proxies: AddressList;
  /** The maximum number of clients; see {@linkcode MAX_CLIENTS}. */
  maxClients?: number;
}

/** The connections of a server, and the decisions about them. */
export class Admission {
  #allow: AddressList;
  #proxies: AddressList;
  #maxClients: number;
  #ids = 0;
  /** The connections at the door, in the order of their arrival. */
  readonly #door = new Map<number, Visitor>();
  readonly #inside = new Map<number, Visitor>();
  /** The number of sessions that are held for each client without a tunnel, by its key. */
  readonly #held = new Map<string, number>();

  /**
   * Makes an admission without connections.
   *
   * @param rules The rules
   */
  constructor({ allow, proxies, maxClients }: AdmissionRules) {
    this.#allow = allow;
    this.#proxies = proxies;
    this.#maxClients = boundedClients(maxClients);
  }

  /**
   * Changes the rules. Existing connections may stay.
   *
   * @param rules The new rules
   */
  change({ allow, proxies, maxClients }: AdmissionRules): void {
    this.#allow = allow;
    this.#proxies = proxies;
    this.#maxClients = boundedClients(maxClients);
  }

  /** The addresses that may connect. */
  get allow(): AddressList {
    return this.#allow;
  }

  /** The proxies. */
  get proxies(): AddressList {
    return this.#proxies;
  }

  /**
   * Checks whether the rules let anyone connect. A client reaches the server itself, or through a proxy, which
   * then is the only one whose address has to suit the server's.
   *
   * @param listening The IP address that the server listens on
   * @returns A warning for the log if nobody can connect, or only this machine although more were meant
   */
  warning(listening: string): string | undefined {
    const proxied = !this.#proxies.isEmpty;
    if (this.#allow !== ONLY_LOOPBACK) {
      if (this.#allow.canReach(listening) || this.#proxies.canReach(listening)) return undefined;
      const [nor, flag] = proxied ? [", and no proxy,", ", --proxy-protocol"] : ["", ""];
      return `Nobody can connect to ${listening}, because no address on the allow list${nor} can ` +
        `reach it: change --listen${flag} or --allow`;
    }
    if (isLoopback(listening) && !proxied) return undefined;
    // To one address, even this machine connects from that address and not from a loopback one.
    const nobody = isLoopback(listening)
      ? "Nobody behind a proxy"
      : isUnspecified(listening)
      ? "Nobody but this machine"
      : "Nobody";
    return `${nobody} can connect, because --allow is missing: add the addresses of the clients, ` +
      "such as --allow 198.51.100.7";
  }

  /** The ids of the connections at the door. */
  get atTheDoor(): number[] {
    return [...this.#door.keys()];
  }

  /**
   * Decides about an arriving connection.
   *
   * @param address The IP address of the connection
   * @returns The id of the connection, or the reason why it is refused
   */
  arrive(address: string): Arrival {
    const proxied = this.#proxies.contains(address);
    if (!proxied && !this.#allow.contains(address)) return NOT_ALLOWED;
    const givesWay = (proxied ? undefined : this.#oldestOf(address)) ?? this.#oldestOfAll();
    if (givesWay !== undefined) this.#door.delete(givesWay);
    const id = ++this.#ids;
    this.#door.set(id, { address: proxied ? undefined : address });
    return proxied ? { id, givesWay, proxied } : { id, givesWay };
  }

  /**
   * Decides about a connection at the door whose proxy has sent the client's address.
   *
   * @param id The id of the connection
   * @param address The IP address of the client
   * @returns The id of the connection, or the reason why it is refused, after which it has left
   */
  identify(id: number, address: string): Arrival {
    if (!this.#allow.contains(address)) {
      this.#door.delete(id);
      return NOT_ALLOWED;
    }
    const givesWay = this.#oldestOf(address);
    if (givesWay !== undefined) this.#door.delete(givesWay);
    this.#door.set(id, { address });
    return { id, givesWay };
  }

  /** Returns the oldest connection of an address at the door, if it has its share. */
  #oldestOf(address: string): number | undefined {
    const same = [...this.#door].filter(([, visitor]) => visitor.address === address);
    return same.length >= AT_THE_DOOR_OF_ONE ? same[0][0] : undefined;
  }

  /** Returns the oldest connection at the door, if there is no room for another one. */
  #oldestOfAll(): number | undefined {
    if (this.#door.size < AT_THE_DOOR) return undefined;
    const [oldest] = this.#door.keys();
    return oldest;
  }

  /**
   * Checks whether a connection is still at the door.
   *
   * @param id The id of the connection
   * @returns False once it has entered, given way or left
   */
  waits(id: number): boolean {
    return this.#door.has(id);
  }

  /**
   * Checks whether a client may enter. The answer can change at any time, so this is called again after the
   * handshake.
   *
   * @param peer The client's key across tunnels; undefined if it has none
   * @returns The goodbye for the client; undefined if it may enter
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
   * Lets a connection enter from the door.
   *
   * @param id The id of the connection
   * @param peer The client's key across tunnels; undefined if it has none
   * @returns The number of sessions that were held for the client, if any
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
   * Removes a connection, wherever it is.
   *
   * @param id The id of the connection
   * @returns The number of sessions that are held for its client, if any
   */
  left(id: number): number | undefined {
    const peer = this.#inside.get(id)?.peer;
    this.#door.delete(id);
    this.#inside.delete(id);
    return this.#heldFor(peer);
  }

  /**
   * Notes the number of sessions that are held for a peer without a tunnel.
   *
   * @param peer The peer's key
   * @param sessions The number of sessions; with 0, the peer can no longer return beyond the limit
   */
  held(peer: string, sessions: number): void {
    if (sessions > 0) this.#held.set(peer, sessions);
    else this.#held.delete(peer);
  }

  // Returns undefined for 0, so that the log omits it.
  #heldFor(peer: string | undefined): number | undefined {
    return peer === undefined ? undefined : this.#held.get(peer);
  }
}

/**
 * Limits the maximum number of clients.
 *
 * @param wanted The number in the options; undefined for the default
 * @returns The number that is allowed
 */
export function boundedClients(wanted: number = MAX_CLIENTS.default): number {
  return Math.min(wanted, MAX_CLIENTS.limit);
}
