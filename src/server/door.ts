// The door of a server: the connections in their handshake, and which newcomers may join them. No I/O.
//
// A stranger may open any number of connections and say nothing. Those that wait are left alone until their
// time is over. Newcomers are refused instead, at random, because a flood brings many and a client only a few.
// The probability rises from 0 to 1 between two numbers of connections at the door, of 256 in all:
//
//     newcomer                                            from    all at
//     another one of an address that is at the door         64    128
//     the first one of its address                         128    192
//     of a known address: one that had a tunnel lately     192    256
//
// So a flood from a few addresses leaves room for other addresses, and a flood from very many addresses leaves
// room for clients that return. Connections of one address are also refused at random from 32, and all from 64.
// A known address counts as any other as soon as it has four connections at the door. The connections of
// proxies that have not told the client's address yet are counted apart, up to as many again.
//
// Every handshake takes time of the processor, so their rate is limited too: for each address, and for all
// addresses together that are not known.

import { countedAs } from "../net/ip.ts";
import { TokenBucket, TokenBuckets } from "../relay/mod.ts";
import { Counts } from "./counts.ts";

/** The maximum number of connections in their handshake. */
export const AT_THE_DOOR = 256;
/** The maximum number of those from one address. */
export const AT_THE_DOOR_OF_ONE = 64;
/** The number of connections at the door for which a known address takes precedence. */
export const KNOWN_AT_ONCE = 4;

/** The number of quarters of the door at which refusals begin; a quarter later all are refused. */
const BEGIN = { another: 1, first: 2, known: 3 } as const;
const QUARTERS = 4;

/** The rates of handshakes. A burst has room for all clients that return at once. */
export const HANDSHAKE_RATE = {
  ofOne: { perSecond: 10, burst: 128 },
  /** Of a known address: a client there may share it with a flood, as behind a NAT. */
  ofKnown: { perSecond: 100, burst: 512 },
  ofStrangers: { perSecond: 200, burst: 512 },
} as const;
/** The number of addresses whose rates are counted separately. */
const COUNTED = 4096;

/** The time within which a connection must say something while many others wait. */
export const SILENT_MS = 1000;
/** The interval of the search for silent connections. */
const SEARCH_MS = 100;

/** A reason to turn a newcomer away. */
export type TurnedAway = "crowded" | "rate";

/** A connection at the door. */
interface Waiting {
  /** Its address as it is counted; undefined until its proxy has told the address. */
  readonly address: string | undefined;
  readonly sinceMs: number;
  readonly isKnown: boolean;
  hasSpoken: boolean;
}

/** A newcomer. */
export interface Newcomer {
  /** The IP address; undefined for a connection of a proxy that has not told the client's address yet. */
  address: string | undefined;
  /** True if its address had a tunnel lately. */
  isKnown: boolean;
}

/** The sizes of a door. */
export interface DoorSizes {
  /** The maximum number of connections; {@linkcode AT_THE_DOOR} by default. */
  max?: number;
  /** The maximum number of clients, which may all return at once. */
  maxClients: number;
  /** The maximum number of those from one address. */
  maxClientsPerAddress: number;
}

/** The connections in their handshake. Times are in ms, by a monotonic clock. */
export class Door {
  readonly #random: () => number;
  #sizes: Required<DoorSizes>;
  /** The connections by their ids, in the order of their arrival. */
  readonly #waiting = new Map<number, Waiting>();
  readonly #ofAddress = new Counts();
  /** The number of connections whose proxy has not told the client's address yet. */
  #withoutAddress = 0;
  readonly #rates = new TokenBuckets(COUNTED);
  #strangers: TokenBucket | undefined;
  #searchedMs = -Infinity;

  /**
   * Makes a door without connections.
   *
   * @param sizes The sizes
   * @param random Returns a random number from 0 to 1, without 1
   */
  constructor(sizes: DoorSizes, random: () => number) {
    this.#sizes = { max: AT_THE_DOOR, ...sizes };
    this.#random = random;
  }

  /** Changes the sizes. Connections at the door may stay. */
  resize(sizes: DoorSizes): void {
    this.#sizes = { max: AT_THE_DOOR, ...sizes };
  }

  /** The ids of the connections, in the order of their arrival. */
  get ids(): number[] {
    return [...this.#waiting.keys()];
  }

  /** The maximum number of connections. */
  get max(): number {
    return this.#sizes.max;
  }

  /** The maximum number of connections from one address. */
  get #ofOne(): number {
    return this.#sizes.max * AT_THE_DOOR_OF_ONE / AT_THE_DOOR;
  }

  /** The number of connections whose client's address is known. */
  get size(): number {
    return this.#waiting.size - this.#withoutAddress;
  }

  /** True if so many connections wait that some newcomers are refused. */
  get isCrowded(): boolean {
    return this.size >= this.#sizes.max / QUARTERS;
  }

  /**
   * Checks whether an address has so many connections at the door that some of its newcomers are refused.
   *
   * @param address The address as it is counted
   * @returns True if it has
   */
  isCrowdedBy(address: string): boolean {
    return this.#ofAddress.of(address) >= this.#ofOne / 2;
  }

  /**
   * Checks whether a connection is at the door.
   *
   * @param id The id of the connection
   * @returns True if it is
   */
  has(id: number): boolean {
    return this.#waiting.has(id);
  }

  /**
   * Lets a newcomer wait at the door, or turns it away. The client of a proxy comes a second time, when its
   * address is known.
   *
   * @param id The id of the connection
   * @param newcomer The newcomer
   * @param nowMs The time
   * @returns The reason to turn it away, after which it is not at the door; undefined if it may wait
   */
  come(id: number, { address, isKnown }: Newcomer, nowMs: number): TurnedAway | undefined {
    const before = this.#waiting.get(id);
    this.remove(id);
    const counted = address && countedAs(address);
    const turnedAway = this.#turnAway(counted, isKnown, nowMs);
    if (turnedAway !== undefined) return turnedAway;
    const { sinceMs = nowMs, hasSpoken = false } = before ?? {};
    this.#waiting.set(id, { address: counted, sinceMs, isKnown, hasSpoken });
    if (counted === undefined) this.#withoutAddress++;
    else this.#ofAddress.add(counted);
    return undefined;
  }

  #turnAway(
    address: string | undefined,
    isKnown: boolean,
    nowMs: number,
  ): TurnedAway | undefined {
    const { max } = this.#sizes;
    const part = max / QUARTERS;
    if (address === undefined) {
      return this.#isOver(this.#withoutAddress, 3 * part, max) ? "crowded" : undefined;
    }
    const same = this.#ofAddress.of(address);
    const preferred = isKnown && same < KNOWN_AT_ONCE;
    const begin = part * BEGIN[preferred ? "known" : same === 0 ? "first" : "another"];
    if (this.#isOver(same, this.#ofOne / 2, this.#ofOne)) return "crowded";
    if (this.#isOver(this.size, begin, begin + part)) return "crowded";
    return this.#isInRate(address, isKnown, nowMs) ? undefined : "rate";
  }

  /** Decides at random whether a number is over a limit between two others. */
  #isOver(count: number, from: number, all: number): boolean {
    return count >= all || count > from && this.#random() < (count - from) / (all - from);
  }

  #isInRate(address: string, isKnown: boolean, nowMs: number): boolean {
    const { ofOne, ofKnown, ofStrangers } = HANDSHAKE_RATE;
    const { maxClients, maxClientsPerAddress } = this.#sizes;
    const rate = isKnown ? ofKnown : ofOne;
    const one = { ...rate, burst: Math.max(rate.burst, maxClientsPerAddress) };
    if (!this.#rates.take(address, one, nowMs)) return false;
    if (isKnown) return true;
    const all = { ...ofStrangers, burst: Math.max(ofStrangers.burst, maxClients) };
    this.#strangers ??= new TokenBucket(all, nowMs);
    return this.#strangers.take(all, nowMs);
  }

  /**
   * Notes that a connection has said something.
   *
   * @param id The id of the connection, which may have left
   */
  spoke(id: number): void {
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) waiting.hasSpoken = true;
  }

  /**
   * Finds the connections that are silent for too long while many others wait: at the door, or from their own
   * address. Those of known addresses keep the whole time of a handshake, like all others when there is room.
   *
   * @param nowMs The time
   * @returns The ids of the connections to close, which are still at the door
   */
  overdue(nowMs: number): number[] {
    if (nowMs - this.#searchedMs < SEARCH_MS) return [];
    this.#searchedMs = nowMs;
    const { isCrowded } = this;
    const areMany = this.#withoutAddress >= this.#sizes.max / QUARTERS;
    const ids: number[] = [];
    for (const [id, { address, sinceMs, isKnown, hasSpoken }] of this.#waiting) {
      if (hasSpoken || nowMs - sinceMs < SILENT_MS) continue;
      if (address === undefined) {
        if (areMany) ids.push(id);
        continue;
      }
      const preferred = isKnown && this.#ofAddress.of(address) < KNOWN_AT_ONCE;
      if (this.isCrowdedBy(address) || isCrowded && !preferred) ids.push(id);
    }
    return ids;
  }

  /**
   * Removes a connection.
   *
   * @param id The id of the connection, which may have left
   */
  remove(id: number): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    if (waiting.address === undefined) this.#withoutAddress--;
    else this.#ofAddress.remove(waiting.address);
  }
}
