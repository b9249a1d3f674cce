// What a PPPoE host says and when (RFC 2516, section 5), without sockets or a clock of its own.
import { equals } from "@std/bytes";
import {
  CODE,
  type DiscoveryPacket,
  emitDiscovery,
  ETH_BROADCAST,
  findTag,
  isUnicastMac,
  parseDiscovery,
  sameMac,
  TAG,
  type Tag,
  tagName,
  textTag,
} from "../wire/mod.ts";

/** Where a host stands. It may dial again from `idle`, `refused`, `failed` and `closed`. */
export type HostState =
  | "idle"
  | "discovering" // PADI sent, waiting for PADO
  | "requesting" // PADR sent, waiting for PADS
  | "open"
  | "refused" // PADS with an error tag or session id 0
  | "failed" // no answer to the last repeat
  | "closed"; // PADT, from either side

/** Options of {@linkcode HostProtocol}. */
export interface HostOptions {
  /** 6 bytes; hosts on one interface may have the same or different ones. */
  mac: Uint8Array;
  /** Value of the Host-Uniq tag, any length; no tag when not given. */
  hostUniq?: Uint8Array;
  /** Another value for the PADR, as some hosts have it; null for no tag. By default that of the PADI. */
  padrHostUniq?: Uint8Array | null;
  /** The service asked for; "" (any service) when not given. */
  serviceName?: string;
  /** Takes only an AC with this name. */
  acName?: string;
  /** More tags for PADI and PADR, such as PPP-Max-Payload. */
  extraTags?: Tag[];
  /** Wait before the first repeat; it doubles with each (RFC 2516, section 8). 1000 when not given. */
  retryMs?: number;
  /** How often PADI, and then PADR, is sent before the host gives up. 4 when not given. */
  attempts?: number;
  /** How long to collect offers after the first one; 0, the default, takes the first at once. */
  offerWaitMs?: number;
  /** Picks one of the offers collected; the first when not given. */
  choose?: (offers: readonly Offer[]) => Offer;
}

/** A PADO that this host may take. */
export interface Offer {
  mac: Uint8Array;
  acName: string;
  services: string[];
  cookie?: Tag;
  relaySessionId?: Tag;
  /** All its tags, for what the fields above leave out. */
  tags: Tag[];
}

/** Why an AC, or an agent on the way, said no. */
export interface Refusal {
  /** The error tag's type; 0 when there was none (PADS with session id 0 alone). */
  tag: number;
  text: string;
}

/** One host, with at most one session. Give it what comes, send what it returns, call `tick` at `deadlineMs`. */
export class HostProtocol {
  readonly options: HostOptions;
  state: HostState = "idle";
  /** When `tick` is due; Infinity when there is nothing to wait for. */
  deadlineMs = Infinity;
  /** Offers of the present or latest discovery, repeats left out. */
  offers: Offer[] = [];
  /** The offer taken. */
  offer?: Offer;
  /** The session, open or just closed. */
  sessionId = 0;
  refusal?: Refusal;
  /** Who ended the session. */
  closedBy?: "host" | "ac";
  /** Answers to our MAC address with a Host-Uniq that is not ours, or with one although we sent none. */
  mismatches = 0;

  #attempt = 0;

  constructor(options: HostOptions) {
    this.options = options;
  }

  /**
   * Starts discovery.
   *
   * @param nowMs Any clock, the same one for all methods.
   * @returns The PADI.
   */
  dial(nowMs: number): Uint8Array {
    this.state = "discovering";
    this.offers = [];
    this.offer = this.refusal = this.closedBy = undefined;
    this.sessionId = 0;
    this.#attempt = 0;
    return this.#transmit(nowMs);
  }

  /**
   * Takes a discovery frame from the segment.
   *
   * @param frame Any bytes.
   * @param nowMs The time.
   * @returns The frame to send now, if any.
   */
  receive(frame: Uint8Array, nowMs: number): Uint8Array | undefined {
    const packet = parseDiscovery(frame);
    if (!packet || !sameMac(packet.destination, 0, this.options.mac, 0)) return undefined;
    switch (packet.code) {
      case CODE.PADO:
        return this.#receiveOffer(packet, nowMs);
      case CODE.PADS:
        this.#receiveConfirmation(packet);
        return undefined;
      case CODE.PADT:
        if (this.owns(packet)) this.#close("ac");
        return undefined;
    }
  }

  /**
   * Does what the clock asks for: repeats, takes an offer, gives up.
   *
   * @param nowMs The time.
   * @returns The frame to send now, if any.
   */
  tick(nowMs: number): Uint8Array | undefined {
    if (nowMs < this.deadlineMs) return undefined;
    if (this.state === "discovering" && this.offers.length > 0) return this.#request(nowMs);
    if (this.#attempt < (this.options.attempts ?? 4)) return this.#transmit(nowMs);
    this.state = "failed";
    this.deadlineMs = Infinity;
  }

  /**
   * Ends the session, or an attempt to open one.
   *
   * @returns The PADT, when there was a session to end.
   */
  hangUp(): Uint8Array | undefined {
    const wasOpen = this.state === "open";
    this.#close("host");
    return wasOpen ? this.#packet(CODE.PADT, this.offer!.mac, this.#echoedTags()) : undefined;
  }

  /** Whether a packet, discovery or session, is the AC's and belongs to the open session. */
  owns(packet: { destination: Uint8Array; source: Uint8Array; sessionId: number }): boolean {
    return this.state === "open" && packet.sessionId === this.sessionId &&
      sameMac(packet.source, 0, this.offer!.mac, 0) &&
      sameMac(packet.destination, 0, this.options.mac, 0);
  }

  #receiveOffer(packet: DiscoveryPacket, nowMs: number): Uint8Array | undefined {
    if (this.state !== "discovering" || !this.#isForUs(packet)) return undefined;
    const refusal = findRefusal(packet.tags);
    if (refusal) {
      // A PADO with an error is no offer: another AC may still make one.
      this.refusal = refusal;
      return undefined;
    }
    const acName = findTag(packet.tags, TAG.AC_NAME);
    if (!acName || packet.sessionId !== 0 || !isUnicastMac(packet.source)) return undefined;
    const offer: Offer = {
      mac: packet.source,
      acName: text(acName),
      services: packet.tags.filter((tag) => tag.type === TAG.SERVICE_NAME).map(text),
      cookie: findTag(packet.tags, TAG.AC_COOKIE),
      relaySessionId: findTag(packet.tags, TAG.RELAY_SESSION_ID),
      tags: packet.tags,
    };
    if (!offer.services.includes(this.options.serviceName ?? "")) return undefined;
    if (this.options.acName !== undefined && this.options.acName !== offer.acName) return undefined;
    // Several ACs may be behind one address: a relay's.
    const repeat = (known: Offer) =>
      sameMac(known.mac, 0, offer.mac, 0) && known.acName === offer.acName;
    if (this.offers.some(repeat)) return undefined;
    this.offers.push(offer);
    const offerWaitMs = this.options.offerWaitMs ?? 0;
    if (offerWaitMs === 0) return this.#request(nowMs);
    if (this.offers.length === 1) this.deadlineMs = nowMs + offerWaitMs;
  }

  #request(nowMs: number): Uint8Array {
    this.offer = (this.options.choose ?? firstOffer)(this.offers);
    this.state = "requesting";
    this.#attempt = 0;
    return this.#transmit(nowMs);
  }

  #receiveConfirmation(packet: DiscoveryPacket): void {
    if (this.state !== "requesting" || !this.#isForUs(packet)) return;
    if (!sameMac(packet.source, 0, this.offer!.mac, 0)) return;
    const refusal = findRefusal(packet.tags);
    this.deadlineMs = Infinity;
    if (refusal || packet.sessionId === 0) {
      this.refusal = refusal ?? { tag: 0, text: "session id 0" };
      this.state = "refused";
    } else {
      this.sessionId = packet.sessionId;
      this.state = "open";
    }
  }

  // It names one request (RFC 2516, appendix A).
  get #hostUniq(): Uint8Array | undefined {
    const { hostUniq, padrHostUniq = hostUniq } = this.options;
    return this.state === "discovering" ? hostUniq : padrHostUniq ?? undefined;
  }

  #isForUs(packet: DiscoveryPacket): boolean {
    const answered = findTag(packet.tags, TAG.HOST_UNIQ)?.value;
    const hostUniq = this.#hostUniq;
    const ours = hostUniq && answered ? equals(hostUniq, answered) : hostUniq === answered;
    if (!ours) this.mismatches++;
    return ours;
  }

  #transmit(nowMs: number): Uint8Array {
    this.deadlineMs = nowMs + (this.options.retryMs ?? 1000) * 2 ** this.#attempt++;
    const { serviceName = "", extraTags = [] } = this.options;
    const tags = [textTag(TAG.SERVICE_NAME, serviceName), ...this.#echoedTags(), ...extraTags];
    return this.state === "discovering"
      ? this.#packet(CODE.PADI, ETH_BROADCAST, tags)
      : this.#packet(CODE.PADR, this.offer!.mac, tags);
  }

  // What ties our packets to us, and after the PADO to the AC and the relay (RFC 2516, appendix A).
  #echoedTags(): Tag[] {
    const tags: Tag[] = [];
    const hostUniq = this.#hostUniq;
    if (hostUniq) tags.push({ type: TAG.HOST_UNIQ, value: hostUniq });
    if (this.offer?.cookie) tags.push(this.offer.cookie);
    if (this.offer?.relaySessionId) tags.push(this.offer.relaySessionId);
    return tags;
  }

  #packet(code: number, destination: Uint8Array, tags: Tag[]): Uint8Array {
    const sessionId = code === CODE.PADT ? this.sessionId : 0;
    return emitDiscovery({ destination, source: this.options.mac, code, sessionId, tags });
  }

  #close(by: "host" | "ac"): void {
    this.state = "closed";
    this.closedBy = by;
    this.deadlineMs = Infinity;
  }
}

function firstOffer(offers: readonly Offer[]): Offer {
  return offers[0];
}

function findRefusal(tags: Tag[]): Refusal | undefined {
  const error = tags.find((tag) =>
    tag.type === TAG.SERVICE_NAME_ERROR || tag.type === TAG.AC_SYSTEM_ERROR ||
    tag.type === TAG.GENERIC_ERROR
  );
  return error && { tag: error.type, text: text(error) || tagName(error.type) };
}

function text(tag: Tag): string {
  return new TextDecoder().decode(tag.value);
}
