// Decides which clients may connect to a server, without I/O.
//
// Every connection takes these steps, each of which is a method of `Admission`:
//
//     arrive ──► at the door ──enter──► inside ──left──► gone
//        │          │   │ ▲
//        │          │   │ └ refusal: may this client come in?
//        │          │   └──left──► gone   its handshake failed, or took too long (overdue)
//        │          │ ▲
//        │          │ └ identify: a proxy has sent the client's address
//        └──────────┴──► refused   its address is not on the allow list, too many are at the door, or its
//                                  address comes too often (door.ts)
//
// A connection of a proxy waits at the door before its client's address is known. The proxy itself need not
// be on the allow list, and has no share of its own: the limits for one address are applied to the clients'.
//
// Inside there is room for `maxClients`, and for `maxClientsPerAddress` from one address, so that one address
// cannot take all places. The places of held clients without a tunnel count as taken by their last address. A
// client that takes nobody's place may enter even beyond both: one that is already inside, whose old
// connection it replaces, and one whose sessions are held.
//
// Addresses that had a tunnel lately take precedence at the door, so that clients can return during a flood.
// IPv6 addresses count by their /64 everywhere (net/ip.ts).

import { type Goodbye, REASON } from "../wire/mod.ts";
import { isLoopback, isUnspecified } from "../net/endpoint.ts";
import { countedAs } from "../net/ip.ts";
import { type AddressList, ONLY_LOOPBACK } from "../net/address_list.ts";
import { Counts } from "./counts.ts";
import { AT_THE_DOOR, Door, type DoorSizes, type TurnedAway } from "./door.ts";

/** The maximum number of clients: by default, and in any case. */
export const MAX_CLIENTS = { default: 256, limit: 1000 } as const;
/** The number of addresses that are remembered because they had a tunnel. */
export const KNOWN_ADDRESSES = 4096;
/** The number of descriptors that are kept for everything that is not a client's connection. */
export const OTHER_DESCRIPTORS = 128;
/** The minimum number of connections at the door, however few descriptors there are. */
const LEAST_AT_THE_DOOR = 32;

/** The reasons for which connections are refused. */
export const REFUSALS = [
  /** The address is not on the allow list. */
  "not-allowed",
  /** Too many connections are in their handshake. */
  "crowded",
  /** The address connects too often, or all addresses together do. */
  "rate",
  /** No greeting in time. */
  "timeout",
  /** The handshake failed for another reason. */
  "handshake",
  /** There are too many clients, in all or from this address. */
  "full",
] as const;

/** A reason for which a connection is refused. */
export type RefusalReason = (typeof REFUSALS)[number];

/** The fate of an arriving connection. */
export type Arrival =
  /** It may say hello. `proxied` is true if it must send the client's address first. */
  | { id: number; proxied?: true }
  /** It is closed without being read, for this reason as text and as it is counted. */
  | { refused: string; cause: RefusalReason };

type Refused = Extract<Arrival, { refused: string }>;

/** The reasons of the door, as the log tells them. */
const TURNED_AWAY: Readonly<Record<TurnedAway, string>> = {
  crowded: "too many connections that have not said hello",
  rate: "too many connections in a short time",
};

/** A client inside. */
interface Visitor {
  /** The client's address as it is counted. */
  readonly address: string;
  /** The client's key across tunnels; undefined if it has none. */
  readonly peer: string | undefined;
}

/** The sessions that are held for a client without a tunnel. */
interface Held {
  readonly sessions: number;
  /** The client's last address as it is counted; undefined if that was during an earlier run. */
  readonly address: string | undefined;
}

/** The rules of an admission. */
export interface AdmissionRules {
  allow: AddressList;
  /** The proxies, which must send the client's address first. */
  proxies: AddressList;
  /** The maximum number of clients; see {@linkcode MAX_CLIENTS}. */
  maxClients?: number;
  /** The maximum number of clients from one address; see {@linkcode placesOfOne}. */
  maxClientsPerAddress?: number;
}

/** Options of {@linkcode Admission} that no reload changes. */
export interface AdmissionOptions {
  /** The maximum number of descriptors of this process; no limit by default. */
  descriptors?: number;
  /** Returns a random number from 0 to 1, without 1; `Math.random` by default. */
  random?: () => number;
}

/** The connections of a server, and the decisions about them. Times are in ms, by a monotonic clock. */
export class Admission {
  #allow!: AddressList;
  #proxies!: AddressList;
  #maxClients!: number;
  #maxOfOne!: number;
  readonly #descriptors: number;
  #ids = 0;
  readonly #door: Door;
  /** The addresses of the connections at the door, whose proxy has told it if there is one. */
  readonly #addresses = new Map<number, string>();
  readonly #inside = new Map<number, Visitor>();
  /** The sessions that are held for each client without a tunnel, by its key. */
  readonly #held = new Map<string, Held>();
  /** The places that each address has taken: the clients inside, and those without a tunnel. */
  readonly #places = new Counts();
  /** The addresses that had a tunnel, the one that used it last at the end. */
  readonly #known = new Set<string>();
  readonly #refused = Object.fromEntries(REFUSALS.map((reason) => [reason, 0])) as Record<
    RefusalReason,
    number
  >;

  /**
   * Makes an admission without connections.
   *
   * @param rules The rules
   * @param options The number of descriptors, and the source of random numbers
   */
  constructor(
    rules: AdmissionRules,
    { descriptors = Infinity, random = Math.random }: AdmissionOptions = {},
  ) {
    this.#descriptors = descriptors;
    this.#door = new Door(this.#apply(rules), random);
  }

  /**
   * Changes the rules. Existing connections may stay.
   *
   * @param rules The new rules
   */
  change(rules: AdmissionRules): void {
    this.#door.resize(this.#apply(rules));
  }

  #apply({ allow, proxies, maxClients, maxClientsPerAddress }: AdmissionRules): DoorSizes {
    this.#allow = allow;
    this.#proxies = proxies;
    this.#maxClients = boundedClients(maxClients);
    this.#maxOfOne = placesOfOne(this.#maxClients, maxClientsPerAddress);
    const max = Math.min(AT_THE_DOOR, Math.floor((this.#descriptors - OTHER_DESCRIPTORS) / 8));
    return {
      max: Math.max(LEAST_AT_THE_DOOR, max),
      maxClients: this.#maxClients,
      maxClientsPerAddress: this.#maxOfOne,
    };
  }

  /** The maximum number of connections inside for which there are descriptors. */
  get #room(): number {
    return Math.max(1, this.#descriptors - OTHER_DESCRIPTORS - this.#handshakes(this.#door.max));
  }

  /** Returns the maximum number of connections in their handshake. Those of proxies are counted apart at first. */
  #handshakes(atTheDoor: number): number {
    return atTheDoor * (this.#proxies.isEmpty ? 1 : 2);
  }

  /**
   * Checks whether there are descriptors for all clients.
   *
   * @returns A warning for the log if there are not
   */
  get descriptorWarning(): string | undefined {
    if (this.#maxClients <= this.#room) return undefined;
    const needed = this.#maxClients + OTHER_DESCRIPTORS + this.#handshakes(AT_THE_DOOR);
    return `--max-clients ${this.#maxClients} needs ${needed} open files, and the limit is ` +
      `${this.#descriptors}, so only ${this.#room} clients can connect: raise LimitNOFILE of the ` +
      "service (ulimit -n), or lower --max-clients";
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
    return this.#door.ids;
  }

  /** True if so many connections are at the door that some newcomers are refused. */
  get isCrowded(): boolean {
    return this.#door.isCrowded;
  }

  /** The number of connections that were refused since the start, by reason. */
  get refused(): Readonly<Record<RefusalReason, number>> {
    return this.#refused;
  }

  /**
   * Counts a connection that was refused after it had waited at the door.
   *
   * @param reason The reason
   */
  countRefused(reason: RefusalReason): void {
    this.#refused[reason]++;
  }

  /**
   * Decides about an arriving connection.
   *
   * @param address The IP address of the connection
   * @param nowMs The time
   * @returns The id of the connection, or the reason why it is refused
   */
  arrive(address: string, nowMs: number): Arrival {
    const proxied = this.#proxies.contains(address);
    const id = this.#ids + 1;
    const refused = proxied
      ? this.#turnAway(id, undefined, nowMs)
      : this.#judge(id, address, nowMs);
    if (refused !== undefined) return refused;
    this.#ids = id;
    return proxied ? { id, proxied } : { id };
  }

  /**
   * Decides about a connection at the door whose proxy has sent the client's address.
   *
   * @param id The id of the connection
   * @param address The IP address of the client
   * @param nowMs The time
   * @returns The id of the connection, or the reason why it is refused, after which it has left
   */
  identify(id: number, address: string, nowMs: number): Arrival {
    const refused = this.#judge(id, address, nowMs);
    if (refused === undefined) return { id };
    this.left(id);
    return refused;
  }

  /** Applies the allow list and the limits of the door. */
  #judge(id: number, address: string, nowMs: number): Refused | undefined {
    if (this.#allow.contains(address)) return this.#turnAway(id, countedAs(address), nowMs);
    this.countRefused("not-allowed");
    return { refused: "not on the allow list", cause: "not-allowed" };
  }

  #turnAway(id: number, address: string | undefined, nowMs: number): Refused | undefined {
    const isKnown = address !== undefined && this.#isKnown(address);
    const reason = this.#door.come(id, { address, isKnown }, nowMs);
    if (reason === undefined) {
      if (address !== undefined) this.#addresses.set(id, address);
      return undefined;
    }
    this.countRefused(reason);
    return { refused: TURNED_AWAY[reason], cause: reason };
  }

  /**
   * The addresses whose connections take precedence: first those of clients without a tunnel, then those inside,
   * then those that had a tunnel, the last ones first. Without those from which a flood comes.
   */
  get preferred(): string[] {
    const held = [...this.#held.values()].map(({ address }) => address);
    const inside = [...this.#inside.values()].map(({ address }) => address);
    const all = new Set([...held, ...inside, ...[...this.#known].reverse()]);
    return [...all].filter((address) => address !== undefined)
      .filter((address) => !this.#door.isCrowdedBy(address));
  }

  #isKnown(address: string): boolean {
    return this.#known.has(address) || this.#places.of(address) > 0;
  }

  /** Remembers an address that has a tunnel, and forgets the one whose last tunnel was the longest ago if there are too many. */
  #remember(address: string): void {
    this.#known.delete(address);
    this.#known.add(address);
    if (this.#known.size <= KNOWN_ADDRESSES) return;
    const [oldest] = this.#known;
    this.#known.delete(oldest);
  }

  /**
   * Notes that a connection has said something.
   *
   * @param id The id of the connection, which may have left
   */
  spoke(id: number): void {
    this.#door.spoke(id);
  }

  /**
   * Finds connections at the door that have been silent for too long while many others wait. Call it before each
   * arrival.
   *
   * @param nowMs The time
   * @returns The ids of the connections to close, for which `left` must be called
   */
  overdue(nowMs: number): number[] {
    return this.#door.overdue(nowMs);
  }

  /**
   * Checks whether a connection is still at the door.
   *
   * @param id The id of the connection
   * @returns False once it has entered or left
   */
  waits(id: number): boolean {
    return this.#door.has(id);
  }

  /**
   * Checks whether a client at the door may enter. The answer can change at any time, so this is called again
   * after the handshake.
   *
   * @param id The id of its connection
   * @param peer The client's key across tunnels; undefined if it has none
   * @param isProven True if the client has proven by a secret of the server's who it is, so that one client
   * cannot pose as many and needs no limit for its address
   * @returns The goodbye for the client; undefined if it may enter
   */
  refusal(id: number, peer: string | undefined, isProven = false): Goodbye | undefined {
    if (this.#inside.size >= this.#room) {
      const text =
        `${this.#inside.size} clients are connected already, and the server has no file ` +
        "descriptor for another one (ulimit -n)";
      return { reason: REASON.FULL, text };
    }
    if (peer !== undefined && this.#hasPlace(peer)) return undefined;
    if (this.#inside.size >= this.#maxClients) {
      const text = `${this.#maxClients} clients are connected already (--max-clients)`;
      return { reason: REASON.FULL, text };
    }
    if (isProven || this.#maxOfOne >= this.#maxClients) return undefined;
    const taken = this.#places.of(this.#addresses.get(id) ?? "");
    if (taken < this.#maxOfOne) return undefined;
    const text = `${this.#maxOfOne} clients of this address are connected already, or have held ` +
      "sessions (--max-clients-per-address)";
    return { reason: REASON.FULL, text };
  }

  #hasPlace(peer: string): boolean {
    if (this.#held.has(peer)) return true;
    for (const visitor of this.#inside.values()) if (visitor.peer === peer) return true;
    return false;
  }

  /**
   * Lets a connection enter from the door.
   *
   * @param id The id of the connection
   * @param peer The client's key across tunnels; undefined if it has none
   * @returns The number of sessions that were held for the client, if any
   */
  enter(id: number, peer: string | undefined): number | undefined {
    const address = this.#addresses.get(id);
    if (address === undefined || !this.#door.has(id)) {
      throw new Error(`Cannot let connection ${id} in: it has left`);
    }
    this.#door.remove(id);
    this.#addresses.delete(id);
    this.#inside.set(id, { address, peer });
    this.#places.add(address);
    this.#remember(address);
    const held = this.#heldFor(peer);
    if (peer !== undefined) this.#release(peer);
    return held;
  }

  /**
   * Removes a connection, wherever it is.
   *
   * @param id The id of the connection
   * @returns The number of sessions that are held for its client, if any
   */
  left(id: number): number | undefined {
    this.#door.remove(id);
    this.#addresses.delete(id);
    const visitor = this.#inside.get(id);
    if (visitor === undefined) return undefined;
    this.#inside.delete(id);
    this.#places.remove(visitor.address);
    this.#remember(visitor.address);
    return this.#heldFor(visitor.peer);
  }

  /**
   * Notes the number of sessions that are held for a peer without a tunnel.
   *
   * @param peer The peer's key
   * @param sessions The number of sessions; with 0, the peer can no longer return beyond the limit
   */
  held(peer: string, sessions: number): void {
    let address = this.#held.get(peer)?.address;
    this.#release(peer);
    if (sessions <= 0) return;
    // This comes before the end of its tunnel.
    for (const visitor of this.#inside.values()) {
      if (visitor.peer === peer) address = visitor.address;
    }
    this.#held.set(peer, { sessions, address });
    if (address !== undefined) this.#places.add(address);
  }

  /** Forgets the held sessions of a peer, and frees its place. */
  #release(peer: string): void {
    const address = this.#held.get(peer)?.address;
    if (this.#held.delete(peer) && address !== undefined) this.#places.remove(address);
  }

  // Returns undefined for 0, so that the log omits it.
  #heldFor(peer: string | undefined): number | undefined {
    return peer === undefined ? undefined : this.#held.get(peer)?.sessions;
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

/**
 * Limits the number of clients from one address.
 *
 * @param maxClients The maximum number of clients
 * @param wanted The number in the options; by default a quarter of all places, or four if that is more, but
 * never all places unless there is only one
 * @returns The number that is allowed
 */
export function placesOfOne(maxClients: number, wanted?: number): number {
  if (wanted !== undefined) return Math.min(wanted, maxClients);
  return Math.max(1, Math.min(maxClients - 1, Math.max(4, Math.floor(maxClients / 4))));
}
