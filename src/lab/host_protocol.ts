// The host's part of PPPoE (RFC 2516, section 5), without sockets or a clock of its own.

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

/** The state of a host. It may dial in `idle`, `refused`, `failed` and `closed`. */
export type HostState =
  | "idle"
  | "discovering" // PADI sent, waiting for PADO
  | "requesting" // PADR sent, waiting for PADS
  | "open"
  | "refused" // PADS with an error tag or session id 0
  | "failed" // no answer to the last repeat
  | "closed"; // PADT, from either station

/** Options of {@linkcode HostProtocol}. */
export interface HostOptions {
  /** MAC address, 6 bytes. Hosts on one interface may share an address. */
  mac: Uint8Array;
  /** Value of the Host-Uniq tag, of any length. Without it there is no tag. */
  hostUniq?: Uint8Array;
  /**
   * Value of the PADR's Host-Uniq, for hosts that use another one there, or null for no tag. The
   * default is the PADI's.
   */
  padrHostUniq?: Uint8Array | null;
  /** Requested service. The default is "", which means any service. */
  serviceName?: string;
  /** Name of the only AC to accept. */
  acName?: string;
  /** Additional tags for PADI and PADR, such as PPP-Max-Payload. */
  extraTags?: Tag[];
  /**
   * Delay before the first repeat, 1000 by default. It doubles with each repeat (RFC 2516,
   * section 8).
   */
  retryMs?: number;
  /** Number of times that PADI, and then PADR, is sent before the host gives up. 4 by default. */
  attempts?: number;
  /** Time to collect offers after the first one. With 0, the default, the first one is accepted. */
  offerWaitMs?: number;
  /** Chooses one of the collected offers, by default the first. */
  choose?: (offers: readonly Offer[]) => Offer;
}

/** A PADO that the host may accept. */
export interface Offer {
  mac: Uint8Array;
  acName: string;
  services: string[];
  cookie?: Tag;
  relaySessionId?: Tag;
  /** All tags, including those of the fields above. */
  tags: Tag[];
}

/** A refusal by an AC, or by an agent between host and AC. */
export interface Refusal {
  /** Type of the error tag; 0 if there was none, only session id 0 in the PADS. */
  tag: number;
  text: string;
}

/**
 * A host with at most one session. The caller passes it received frames, sends the frames it returns,
 * and calls `tick` at `deadlineMs`.
 */
export class HostProtocol {
  readonly options: HostOptions;
  state: HostState = "idle";
  /** Time at which to call `tick`, or Infinity. */
  deadlineMs = Infinity;
  /** Offers of the current or latest discovery, without repeats. */
  offers: Offer[] = [];
  /** The accepted offer. */
  offer?: Offer;
  /** Id of the open session, or of the last one. */
  sessionId = 0;
  refusal?: Refusal;
  /** The station that ended the session. */
  closedBy?: "host" | "ac";
  /** Number of answers to our MAC address with a Host-Uniq that we did not send. */
  mismatches = 0;

  #attempt = 0;

  constructor(options: HostOptions) {
    this.options = options;
  }

  /**
   * Starts discovery.
   *
   * @param nowMs The current time, by the same clock in all methods
   * @returns The PADI
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
   * Processes a discovery frame from the segment.
   *
   * @param frame The received bytes
   * @param nowMs The current time
   * @returns The frame to send now, if any
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
   * Does the work due at a time: repeats a packet, accepts an offer, or gives up.
   *
   * @param nowMs The current time
   * @returns The frame to send now, if any
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
   * @returns The PADT, if a session was open
   */
  hangUp(): Uint8Array | undefined {
    const wasOpen = this.state === "open";
    this.#close("host");
    return wasOpen ? this.#packet(CODE.PADT, this.offer!.mac, this.#echoedTags()) : undefined;
  }

  /** Checks whether a discovery or session packet was sent by the AC in the open session. */
  owns(packet: { destination: Uint8Array; source: Uint8Array; sessionId: number }): boolean {
    return this.state === "open" && packet.sessionId === this.sessionId &&
      sameMac(packet.source, 0, this.offer!.mac, 0) &&
      sameMac(packet.destination, 0, this.options.mac, 0);
  }

  #receiveOffer(packet: DiscoveryPacket, nowMs: number): Uint8Array | undefined {
    if (this.state !== "discovering" || !this.#isForUs(packet)) return undefined;
    const refusal = findRefusal(packet.tags);
    if (refusal) {
      // A PADO with an error is not an offer, but another AC may still make one.
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
    // A relay may offer several ACs from one address.
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

  // Host-Uniq names one request (RFC 2516, appendix A), so a PADR may have another than the PADI.
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

  // The tags that tie our packets to us, and after the PADO to the AC and the relay (RFC 2516,
  // appendix A).
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
