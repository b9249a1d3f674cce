// Discovery at the client: which AC a host's PADR is for, and by which id a host knows its session.

import {
  CODE,
  emitDiscovery,
  ETH_BROADCAST,
  findTag,
  formatMac,
  sameMac,
  TAG,
} from "../../wire/mod.ts";
import type { DiscoveryPacket } from "../../wire/mod.ts";
import { DROP } from "../drop.ts";
import { padt } from "../padt.ts";
import { KnownAcs } from "./known_acs.ts";
import { type Offer, Offers } from "./offers.ts";
import { type Discovery, PendingTable, tagKey } from "./pending.ts";
import type { DiscoveryContext, DiscoveryRelay } from "./context.ts";
import type { Peer } from "../peer.ts";
import { HangUpRate } from "./hang_up_rate.ts";
import { Requests } from "./requests.ts";
import { RestingIds } from "../resting_ids.ts";
import { isSessionId, type Session } from "../session.ts";
import { isRefusal, refusal } from "./refusal.ts";
import { findHostUniq, replaceTag, sameValue } from "./tag_list.ts";

const NO_ID_LEFT = "pppoe-proxy: this host uses every session id already";

/** How many ACs get a PADT with session id 0, where our address stands for several. */
const HANG_UPS = 3;

/** How many Host-Uniqs and ACs one discovery may ask with; one more takes the place of the oldest. */
const REQUESTS = 16;

interface Pending extends Discovery {
  readonly offers: Offers;
  /** What its host has asked for, by {@linkcode requestKey}. */
  readonly requests: Map<string, Requests>;
}

/**
 * Discovery at the client's side of the tunnel.
 *
 * Where hosts see our address in place of each AC's, a PADR is told apart by its AC-Cookie, which a
 * host must return as it got it (RFC 2516, section 5.3). An AC that sends none, or the same as
 * another, gets one of ours on the way to the host, and its own back on the way to the AC.
 *
 * Host-Uniq names one request, a PADI or a PADR (RFC 2516, appendix A), and some hosts have another one
 * for each. So a PADR belongs to the discovery whose offer it takes, and a PADS to the PADR that has its
 * Host-Uniq and went to its AC.
 */
export class ClientDiscovery implements DiscoveryRelay {
  readonly #relay: DiscoveryContext;
  readonly #pending = new PendingTable<Pending>();
  /** Which requests have opened a session: another PADS of those is a repeat. */
  readonly #openers = new WeakMap<Session, Requests>();
  readonly #resting = new RestingIds();
  readonly #acs = new KnownAcs();
  readonly #hangUps = new HangUpRate();
  #cookies = 0;

  constructor(relay: DiscoveryContext) {
    this.#relay = relay;
  }

  /** PADI and PADR, from a host. */
  fromLink(packet: DiscoveryPacket, frame: Uint8Array, nowMs: number): void {
    const { ports, peersByTunnel } = this.#relay;
    // A client has one tunnel at a time.
    const [peer] = peersByTunnel.values();
    if (peer === undefined) return ports.drop(DROP["no-tunnel"]);
    if (!this.#relay.mayDial(peer, packet, nowMs)) return ports.drop(DROP["padi-rate"]);
    if (packet.code === CODE.PADI) return this.#seek(peer, packet, frame, nowMs);
    const taken = this.#taken(peer, packet, nowMs);
    if (taken === undefined) return ports.drop(DROP["unknown-offer"]);
    const { pending, offer } = taken;
    this.#requestsOf(pending, packet, offer.acMac, nowMs).ask();
    const tags = offer.shown === offer.cookie
      ? packet.tags
      : replaceTag(packet.tags, TAG.AC_COOKIE, offer.cookie);
    ports.toTunnel(peer.tunnel, emitDiscovery({ ...packet, destination: offer.acMac, tags }));
  }

  /** PADO and PADS, from the server. */
  fromTunnel(peer: Peer, packet: DiscoveryPacket, nowMs: number): void {
    const { ports } = this.#relay;
    const source = this.#relay.shownMacOf(peer, packet.source);
    // It would come from an address that this link's own stations use.
    const taken = sameMac(source, 0, this.#relay.linkMac, 0) ||
      sameMac(source, 0, packet.destination, 0);
    if (taken && this.#relay.mac !== "own") return ports.drop(DROP["bad-address"]);
    if (packet.code === CODE.PADO) return this.#offer(peer, packet, source, nowMs);
    const key = requestKey(packet.destination, packet, packet.source);
    const pending = this.#pending.marked(peer, key, nowMs);
    const requests = pending?.requests.get(key);
    if (requests === undefined) return this.#unasked(peer, packet);
    if (packet.sessionId === 0xffff) return ports.drop(DROP.malformed);
    this.#acs.heard(packet.source, source, nowMs);
    // Id 0 is a refusal, which opens nothing.
    const session = packet.sessionId === 0
      ? undefined
      : this.#granted(peer, requests, packet, source, nowMs);
    if (session === undefined && requests.open === 0) return this.#unasked(peer, packet);
    if (session === undefined && packet.sessionId !== 0) {
      // Every id of this host is taken: the AC holds a session that it cannot have.
      requests.refuse();
      ports.toTunnel(
        peer.tunnel,
        padt(packet.source, packet.destination, packet.sessionId, "no-id-left"),
      );
      ports.drop(DROP["session-limit"]);
      return ports.toLink(refusal({ ...packet, source }, NO_ID_LEFT));
    }
    ports.toLink(emitDiscovery({ ...packet, source, sessionId: session?.linkId ?? 0 }));
  }

  /** A PADT without a session, from a host: for the ACs that it may mean. */
  hangUp(peer: Peer, { source, destination }: DiscoveryPacket, nowMs: number): void {
    const { ports } = this.#relay;
    const acs = this.#acs.shownAs(destination, nowMs).slice(0, HANG_UPS);
    if (acs.length === 0) return ports.drop(DROP["unknown-session"]);
    if (!this.#hangUps.allows(peer, source, destination, nowMs)) {
      return ports.drop(DROP["padt-rate"]);
    }
    for (const acMac of acs) ports.toTunnel(peer.tunnel, padt(acMac, source, 0));
  }

  has(peer: Peer): boolean {
    return this.#pending.has(peer);
  }

  removePeer(peer: Peer): void {
    this.#pending.removePeer(peer);
  }

  closed(session: Session, nowMs: number, hungUp: boolean): void {
    this.#openers.get(session)?.end(session, hungUp);
    // Where each AC shows its own address, no id of one is another's.
    if (this.#relay.mac === "own") this.#resting.add(session, nowMs);
  }

  expire(nowMs: number): void {
    this.#resting.expire(nowMs);
    this.#pending.expire(nowMs);
  }

  #seek(peer: Peer, packet: DiscoveryPacket, frame: Uint8Array, nowMs: number): void {
    const { ports, linkMac } = this.#relay;
    const { source: hostMac, destination } = packet;
    // Some hosts send it to where their last PADO came from, against RFC 2516, section 5.1.
    const ours = sameMac(destination, 0, ETH_BROADCAST, 0) ||
      sameMac(destination, 0, linkMac, 0) || this.#acs.shownAs(destination, nowMs).length > 0;
    if (!ours) return ports.drop(DROP["bad-address"]);
    const hostUniq = findHostUniq(packet.tags);
    if (this.#pending.find(peer, hostMac, hostUniq, nowMs) === undefined) {
      this.#pending.add({
        peer,
        hostMac: hostMac.slice(),
        hostUniq: hostUniq?.slice(),
        offers: new Offers(),
        requests: new Map(),
      }, nowMs);
    }
    frame.set(ETH_BROADCAST);
    ports.toTunnel(peer.tunnel, frame);
  }

  #offer(peer: Peer, packet: DiscoveryPacket, source: Uint8Array, nowMs: number): void {
    const { ports } = this.#relay;
    const hostUniq = findHostUniq(packet.tags);
    const pending = this.#pending.find(peer, packet.destination, hostUniq, nowMs);
    if (pending === undefined) return this.#unasked(peer, packet);
    // A server's refusal has nobody behind it that a PADR could go to.
    if (isRefusal(packet)) {
      return ports.toLink(emitDiscovery({ ...packet, source }));
    }
    this.#acs.heard(packet.source, source, nowMs);
    const offer = this.#offered(pending, packet, source, nowMs);
    const tags = offer.shown === offer.cookie
      ? packet.tags
      : replaceTag(packet.tags, TAG.AC_COOKIE, offer.shown);
    ports.toLink(emitDiscovery({ ...packet, source, tags }));
  }

  // Nobody here has asked, or waits any more. What the AC has granted all the same is no host's session.
  #unasked(peer: Peer, { code, source, destination, sessionId }: DiscoveryPacket): void {
    const { ports, sessions } = this.#relay;
    // An older server sends each client what is for another one, too; it has no key.
    const granted = code === CODE.PADS && isSessionId(sessionId) && peer.key !== undefined;
    if (granted && sessions.atPeer(peer, sessionId, source, destination) === undefined) {
      ports.toTunnel(peer.tunnel, padt(source, destination, sessionId, "unclaimed"));
    }
    ports.drop(DROP["unknown-host-uniq"]);
  }

  #offered(
    pending: Pending,
    packet: DiscoveryPacket,
    source: Uint8Array,
    nowMs: number,
  ): Offer {
    const { hostMac, offers } = pending;
    const cookie = findTag(packet.tags, TAG.AC_COOKIE)?.value;
    const known = offers.seen(packet.source, cookie);
    if (known !== undefined) {
      // The host is at this discovery now, should another one have the same.
      this.#pending.mark(pending, offerKey(hostMac, source, known.shown));
      return known;
    }
    const acMac = packet.source.slice();
    const kept = cookie?.slice();
    const shown = this.#ambiguous(pending, acMac, source, kept, nowMs)
      ? new TextEncoder().encode(`pppoe-proxy ${++this.#cookies}`)
      : kept;
    const offer = { acMac, cookie: kept, shown };
    for (const forgotten of offers.add(offer)) {
      const shownMac = this.#relay.shownMacOf(pending.peer, forgotten.acMac);
      this.#pending.unmark(pending, offerKey(hostMac, shownMac, forgotten.shown));
    }
    this.#pending.mark(pending, offerKey(hostMac, source, shown));
    return offer;
  }

  // Whether a PADR with this cookie could take an offer of another AC, also one that is forgotten, or that
  // this host got for another PADI.
  #ambiguous(
    pending: Pending,
    acMac: Uint8Array,
    source: Uint8Array,
    cookie: Uint8Array | undefined,
    nowMs: number,
  ): boolean {
    if (this.#relay.mac !== "own") return false;
    const { peer, hostMac, offers } = pending;
    if (offers.forgotten || find(offers, cookie) !== undefined) return true;
    const other = this.#pending.marked(peer, offerKey(hostMac, source, cookie), nowMs);
    const offer = other && find(other.offers, cookie);
    return offer !== undefined && !sameMac(offer.acMac, 0, acMac, 0);
  }

  /** The offer that a PADR takes, and the discovery that it was made in. */
  #taken(
    peer: Peer,
    packet: DiscoveryPacket,
    nowMs: number,
  ): { pending: Pending; offer: Offer } | undefined {
    const { source: hostMac, destination, tags } = packet;
    const cookie = findTag(tags, TAG.AC_COOKIE)?.value;
    const same = this.#pending.find(peer, hostMac, findHostUniq(tags), nowMs);
    const exact = same && this.#exact(same, destination, cookie);
    if (exact !== undefined) return { pending: same!, offer: exact };
    const key = offerKey(hostMac, destination, cookie);
    const other = this.#pending.marked(peer, key, nowMs);
    const offer = other && this.#exact(other, destination, cookie);
    if (offer !== undefined) return { pending: other!, offer };
    // A host that returns a cookie wrongly: the AC is to judge, as long as only one can be meant.
    const sole = same && this.#sole(same, destination);
    return sole && { pending: same!, offer: sole };
  }

  // Transparent, the address names the AC; with our own, any AC may be meant.
  #exact(
    { peer, offers }: Pending,
    destination: Uint8Array,
    cookie: Uint8Array | undefined,
  ): Offer | undefined {
    return find(
      [...offers].filter(({ acMac }) =>
        sameMac(destination, 0, this.#relay.shownMacOf(peer, acMac), 0)
      ),
      cookie,
    );
  }

  #sole({ peer, offers }: Pending, destination: Uint8Array): Offer | undefined {
    const meant = [...offers].filter(({ acMac }) =>
      sameMac(destination, 0, this.#relay.shownMacOf(peer, acMac), 0)
    );
    const [only] = meant;
    const sole = only !== undefined && !offers.forgotten &&
      meant.every(({ acMac }) => sameMac(acMac, 0, only.acMac, 0));
    return sole ? { acMac: only.acMac, cookie: undefined, shown: undefined } : undefined;
  }

  /** What a host has asked an AC for under one Host-Uniq, in whichever discovery it began. */
  #requestsOf(
    pending: Pending,
    packet: DiscoveryPacket,
    acMac: Uint8Array,
    nowMs: number,
  ): Requests {
    const key = requestKey(packet.source, packet, acMac);
    const known = this.#pending.marked(pending.peer, key, nowMs)?.requests.get(key);
    if (known !== undefined) return known;
    const requests = new Requests();
    if (pending.requests.size >= REQUESTS) {
      const [oldest] = pending.requests.keys();
      pending.requests.delete(oldest);
      this.#pending.unmark(pending, oldest);
    }
    pending.requests.set(key, requests);
    this.#pending.mark(pending, key);
    return requests;
  }

  // The session that the PADS grants or repeats; undefined when nobody has asked for one, or when
  // the host's ids are used up.
  #granted(
    peer: Peer,
    requests: Requests,
    packet: DiscoveryPacket,
    shownMac: Uint8Array,
    nowMs: number,
  ): Session | undefined {
    const { sessions } = this.#relay;
    const { source: farMac, destination: hostMac, sessionId: tunnelId } = packet;
    const present = sessions.atPeer(peer, tunnelId, farMac, hostMac);
    if (present !== undefined && this.#openers.get(present) === requests) {
      requests.repeat(present);
      return present;
    }
    if (requests.open === 0) return undefined;
    if (present !== undefined) {
      this.#relay.close(present, "id-reused", { link: false, tunnel: false });
    }
    const key = { peer, nearMac: hostMac, farMac, shownMac: shownMac, tunnelId };
    const rests = (id: number) => this.#resting.keeps(id, key, nowMs);
    const linkId = sessions.freeLinkId(tunnelId, hostMac, shownMac, rests);
    if (linkId === undefined) return undefined;
    const session = this.#relay.open({ ...key, linkId }, nowMs);
    requests.grant(session);
    this.#openers.set(session, requests);
    return session;
  }
}

function find(offers: Iterable<Offer>, shown: Uint8Array | undefined): Offer | undefined {
  for (const offer of offers) if (sameValue(offer.shown, shown)) return offer;
  return undefined;
}

/** The key of an offer: who it was made to, from which address, and with which cookie. */
function offerKey(
  hostMac: Uint8Array,
  shownMac: Uint8Array,
  cookie: Uint8Array | undefined,
): string {
  return tagKey(`offer ${formatMac(hostMac)} ${formatMac(shownMac)}`, cookie);
}

/** The key of what a host has asked an AC for: a PADS names it. */
function requestKey(
  hostMac: Uint8Array,
  { tags }: DiscoveryPacket,
  acMac: Uint8Array,
): string {
  return tagKey(`request ${formatMac(hostMac)} ${formatMac(acMac)}`, findHostUniq(tags));
}
