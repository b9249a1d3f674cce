// A search for ACs: the PADIs to send, and what the answers say about each AC. No I/O.

import {
  CODE,
  type DiscoveryPacket,
  emitDiscovery,
  ETH_BROADCAST,
  findTag,
  formatMac,
  isUnicastMac,
  parseDiscovery,
  readMaxPayload,
  sameMac,
  TAG,
  type Tag,
  tagName,
  textTag,
} from "../wire/mod.ts";
import { decodePrintable } from "../wire/text.ts";

/** The number of PADIs of a search. */
export const PADIS = 3;
/** The maximum length of the service's name in bytes, so that a PADI fits into any frame. */
export const SERVICE_MAX_BYTES = 255;
/** The maximum number of ACs, beyond which others are only counted. */
const ACS_MAX = 64;
/** The maximum numbers of services and of errors of one AC. */
const SERVICES_MAX = 64;
const ERRORS_MAX = 8;
/** The maximum length of a text from an AC. */
const TEXT_MAX = 256;
const ERRORS: readonly number[] = [
  TAG.SERVICE_NAME_ERROR,
  TAG.AC_SYSTEM_ERROR,
  TAG.GENERIC_ERROR,
];
/** The tags that have a field of their own, or that say nothing about the AC. */
const DESCRIBED: readonly number[] = [
  ...ERRORS,
  TAG.SERVICE_NAME,
  TAG.AC_NAME,
  TAG.HOST_UNIQ,
  TAG.AC_COOKIE,
  TAG.RELAY_SESSION_ID,
  TAG.PPP_MAX_PAYLOAD,
];
/** The length of the random part of a Host-Uniq. The number of the PADI follows it. */
export const RANDOM_BYTES = 8;

/** An error that an AC has answered with. */
export interface AcError {
  /** The name of the tag, such as `Service-Name-Error`. */
  tag: string;
  /** The AC's own text, on one line. */
  text: string;
}

/** An AC that has answered. Texts are on one line, and safe for a terminal. */
export interface FoundAc {
  /** The AC-Name; empty if it gives none. */
  name: string;
  /** The MAC address. */
  mac: string;
  /** True if it offers a session, and false if it has only answered with errors. */
  offer: boolean;
  /** The names of the services; an empty one stands for any service. */
  services: string[];
  /** The shortest time from a PADI to its answer, in ms. */
  delayMs: number;
  /** True if the answer has an AC-Cookie. */
  cookie: boolean;
  /** True if the answer has a Relay-Session-Id, as from an agent between host and AC. */
  relaySessionId: boolean;
  /** The PPP-Max-Payload; null if there is none. */
  maxPayload: number | null;
  /** False if the AC has left out the Host-Uniq, which it must return. */
  hostUniq: boolean;
  /** The errors. */
  errors: AcError[];
  /** The names of the other tags, such as `Vendor-Specific`. */
  otherTags: string[];
}

/** The result of a search. */
export interface Found {
  /** The ACs, in the order of their first answers. */
  acs: FoundAc[];
  /** The number of PADIs that were sent. */
  sent: number;
  /** The number of answers to other PADIs, such as those of another program with the same address. */
  others: number;
  /** The number of answers of further ACs, for which there was no room. */
  leftOut: number;
}

/** Options of {@linkcode AcSearch}. */
export interface AcSearchOptions {
  /** The address of the station that asks. */
  mac: Uint8Array;
  /** The name of the service; by default any. */
  service?: string;
  /** The time for answers, over which the PADIs are spread. */
  waitMs: number;
  /** Random bytes, {@linkcode RANDOM_BYTES} of them, that tell the answers from those for others. */
  random: Uint8Array;
}

/** A search for ACs. */
export class AcSearch {
  readonly #mac: Uint8Array;
  readonly #service: string;
  readonly #waitMs: number;
  readonly #random: Uint8Array;
  readonly #startMs: number;
  /** The times at which the PADIs were sent. */
  readonly #sentMs: number[] = [];
  readonly #acs = new Map<string, FoundAc>();
  #others = 0;
  #leftOut = 0;

  /**
   * Begins a search.
   *
   * @param options The station, the service and the time
   * @param nowMs The time, by the same clock in all methods
   */
  constructor({ mac, service = "", waitMs, random }: AcSearchOptions, nowMs: number) {
    this.#mac = mac.slice();
    this.#service = service;
    this.#waitMs = waitMs;
    this.#random = random.slice();
    this.#startMs = nowMs;
  }

  /** The address of the station that asks. */
  get mac(): Uint8Array {
    return this.#mac;
  }

  /** The time at which the next PADI is due, or at which the search is over. */
  get dueMs(): number {
    return this.#startMs + this.#sentMs.length * this.#waitMs / PADIS;
  }

  /**
   * Returns true if the time for answers is over.
   *
   * @param nowMs The time
   */
  isOver(nowMs: number): boolean {
    return this.#sentMs.length === PADIS && nowMs >= this.dueMs;
  }

  /**
   * Makes the PADI that is due.
   *
   * @param nowMs The time
   * @returns The PADI to send now; undefined if none is due
   */
  padi(nowMs: number): Uint8Array<ArrayBuffer> | undefined {
    if (this.#sentMs.length === PADIS || nowMs < this.dueMs) return undefined;
    const number = this.#sentMs.push(nowMs) - 1;
    return emitDiscovery({
      destination: ETH_BROADCAST,
      source: this.#mac,
      code: CODE.PADI,
      sessionId: 0,
      tags: [
        textTag(TAG.SERVICE_NAME, this.#service),
        { type: TAG.HOST_UNIQ, value: Uint8Array.of(...this.#random, number) },
      ],
    });
  }

  /**
   * Takes a frame. Never throws.
   *
   * @param frame The received bytes
   * @param nowMs The time
   * @returns True if the frame was an answer to this search
   */
  take(frame: Uint8Array, nowMs: number): boolean {
    const packet = parseDiscovery(frame);
    if (packet === undefined || !isAnswer(packet)) return false;
    if (!sameMac(packet.destination, 0, this.#mac, 0) || !isUnicastMac(packet.source)) return false;
    const hostUniq = findTag(packet.tags, TAG.HOST_UNIQ)?.value;
    const number = hostUniq === undefined ? this.#sentMs.length - 1 : this.#numberIn(hostUniq);
    const sentMs = this.#sentMs[number];
    if (sentMs === undefined) {
      this.#others++;
      return false;
    }
    const ac = this.#acOf(packet, nowMs - sentMs);
    if (ac === undefined) this.#leftOut++;
    else note(ac, packet, nowMs - sentMs);
    return true;
  }

  /** Returns what was found so far. */
  found(): Found {
    const acs = [...this.#acs.values()].map((ac) => ({
      ...ac,
      delayMs: Math.round(ac.delayMs * 100) / 100,
    }));
    return { acs, sent: this.#sentMs.length, others: this.#others, leftOut: this.#leftOut };
  }

  // Returns the number of the PADI that has a Host-Uniq; -1 if it is not one of these.
  #numberIn(hostUniq: Uint8Array): number {
    const random = this.#random;
    const isOurs = hostUniq.length === random.length + 1 &&
      random.every((byte, at) => hostUniq[at] === byte);
    return isOurs ? hostUniq[random.length] : -1;
  }

  // Finds the AC of an answer. Behind a proxy, several ACs can have one address.
  #acOf({ source, tags }: DiscoveryPacket, delayMs: number): FoundAc | undefined {
    const name = textOf(findTag(tags, TAG.AC_NAME));
    const mac = formatMac(source);
    const key = `${mac} ${name}`;
    const known = this.#acs.get(key);
    if (known !== undefined || this.#acs.size === ACS_MAX) return known;
    const ac: FoundAc = {
      name,
      mac,
      offer: false,
      services: [],
      delayMs,
      cookie: false,
      relaySessionId: false,
      maxPayload: null,
      hostUniq: true,
      errors: [],
      otherTags: [],
    };
    this.#acs.set(key, ac);
    return ac;
  }
}

// Returns true for a PADO, and for a PADS with an error, by which some agents refuse a PADI.
function isAnswer({ code, sessionId, tags }: DiscoveryPacket): boolean {
  if (code === CODE.PADO) return true;
  return code === CODE.PADS && sessionId === 0 && tags.some(({ type }) => ERRORS.includes(type));
}

function note(ac: FoundAc, { tags }: DiscoveryPacket, delayMs: number): void {
  ac.delayMs = Math.min(ac.delayMs, delayMs);
  if (findTag(tags, TAG.HOST_UNIQ) === undefined) ac.hostUniq = false;
  const errors = tags.filter(({ type }) => ERRORS.includes(type));
  for (const tag of errors) {
    const error = { tag: tagName(tag.type), text: textOf(tag) };
    const isKnown = ac.errors.some(({ tag, text }) => tag === error.tag && text === error.text);
    if (!isKnown && ac.errors.length < ERRORS_MAX) ac.errors.push(error);
  }
  if (errors.length === 0) {
    ac.offer = true;
    for (const tag of tags) {
      if (tag.type === TAG.SERVICE_NAME) add(ac.services, textOf(tag), SERVICES_MAX);
    }
  }
  for (const tag of tags) {
    if (tag.type === TAG.AC_COOKIE) ac.cookie = true;
    else if (tag.type === TAG.RELAY_SESSION_ID) ac.relaySessionId = true;
    else if (tag.type === TAG.PPP_MAX_PAYLOAD) ac.maxPayload = readMaxPayload(tag) ?? ac.maxPayload;
    else if (!DESCRIBED.includes(tag.type)) add(ac.otherTags, tagName(tag.type), SERVICES_MAX);
  }
}

function add(texts: string[], text: string, most: number): void {
  if (texts.length < most && !texts.includes(text)) texts.push(text);
}

function textOf(tag: Tag | undefined): string {
  return tag === undefined ? "" : decodePrintable(tag.value).slice(0, TEXT_MAX);
}
