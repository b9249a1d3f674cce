// Discovery at the client: finds the AC that a host's PADR is for, and the id of a session on the hosts' link.

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
import { PendingTable, tagKey } from "./pending.ts";
import type { DiscoveryContext, DiscoveryRelay } from "./context.ts";
import type { Peer } from "../peer.ts";
import { HangUpRate } from "./hang_up_rate.ts";
import { type Asking, type Requests, requestsOf } from "./requests.ts";
import { RestingIds } from "./resting_ids.ts";
import { isSessionId, LAST_SESSION_ID, NO_SESSION_ID, type Session } from "../session.ts";
import { isRefusal, refusal } from "./refusal.ts";
import { findHostUniq, replaceTag, sameValue } from "./tag_list.ts";

const NO_ID_LEFT = "pppoe-proxy: this host already uses every session id";

/** The maximum number of ACs that get a PADT with session id 0, if hosts know several by our address. */
const HANG_UPS = 3;

interface Pending extends Asking {
  readonly offers: Offers;
}

/**
 * Discovery at the client's side of the tunnel.
 *
 * If hosts see our address instead of each AC's, the AC of a PADR is identified by the AC-Cookie, which a host
 * must return unchanged (RFC 2516, section 5.3). If an AC sends no cookie, or the same as another AC, its
 * offer gets one of ours on the way to the host, which is replaced by the original on the way back.
 *
 * Host-Uniq identifies one request, a PADI or a PADR (RFC 2516, appendix A), and some hosts use a different
 * value for each. Therefore a PADR belongs to the discovery whose offer it accepts, and a PADS to the PADR
 * with the same Host-Uniq that went to its AC.
 */
export class ClientDiscovery implements DiscoveryRelay {
  readonly #relay: DiscoveryContext;
  readonly #pending = new PendingTable<Pending>();
  /** The requests that opened each session. Another PADS that answers them is a repeat. */
  readonly #openers = new WeakMap<Session, Requests>();
  readonly #resting = new RestingIds();
  readonly #acs = new KnownAcs();
  readonly #hangUps = new HangUpRate();
  #cookies = 0;

  /** Makes the discovery for a link with hosts. */
  constructor(relay: DiscoveryContext) {
    this.#relay = relay;
  }

  /** Handles a PADI or PADR of a host. */
  fromLink(packet: DiscoveryPacket, frame: Uint8Array, nowMs: number): void {
    const { ports, peersByTunnel } = this.#relay;
    // A client has one tunnel at a time.
    const [peer] = peersByTunnel.values();
    if (peer === undefined) return ports.drop(DROP["no-tunnel"], "link");
    const isPadi = packet.code === CODE.PADI;
    // A PADR that accepts no offer counts for nothing, so that made-up ones do not keep out others.
    const taken = isPadi ? undefined : this.#taken(peer, packet, nowMs);
    if (!isPadi && taken === undefined) return ports.drop(DROP["unknown-offer"], "link");
    if (!this.#relay.mayDial(peer, packet, nowMs)) return ports.drop(DROP["padi-rate"], "link");
    if (taken === undefined) return this.#seek(peer, packet, frame, nowMs);
    const { pending, offer } = taken;
    this.#requestsFor(pending, packet, offer.acMac, nowMs).ask();
    const tags = offer.shown === offer.cookie
      ? packet.tags
      : replaceTag(packet.tags, TAG.AC_COOKIE, offer.cookie);
    ports.toTunnel(peer.tunnel, emitDiscovery({ ...packet, destination: offer.acMac, tags }));
    this.#relay.dials.asked(peer, packet.source, offer.acMac, nowMs);
  }

  /** Handles a PADO or PADS from the server. */
  fromTunnel(peer: Peer, packet: DiscoveryPacket, nowMs: number): void {
    const { ports } = this.#relay;
    const source = this.#relay.shownMacOf(peer, packet.source);
    // The frame would come from an address that this link's own stations use.
    const taken = sameMac(source, 0, this.#relay.linkMac, 0) ||
      sameMac(source, 0, packet.destination, 0);
    if (taken && this.#relay.mac !== "own") return ports.drop(DROP["bad-address"], "tunnel");
    if (packet.code === CODE.PADO) return this.#offer(peer, packet, source, nowMs);
    const key = requestKey(packet.destination, packet, packet.source);
    const pending = this.#pending.marked(peer, key, nowMs);
    const requests = pending?.asked.get(key)?.requests;
    if (requests === undefined) return this.#unwanted(peer, packet);
    const { sessionId } = packet;
    const refused = sessionId === NO_SESSION_ID;
    if (!refused && !isSessionId(sessionId)) return ports.drop(DROP.malformed, "tunnel");
    this.#acs.heard(packet.source, source, nowMs);
    const session = refused ? undefined : this.#granted(peer, requests, packet, source, nowMs);
    if (session === undefined && requests.open === 0) return this.#unwanted(peer, packet);
    if (session === undefined && !refused) {
      // This host uses every id, so it cannot have the session that the AC has opened.
      requests.refuse();
      ports.toTunnel(
        peer.tunnel,
        padt(packet.source, packet.destination, sessionId, "no-id-left"),
      );
      ports.drop(DROP["session-limit"], "tunnel", {
        source: "host",
        who: formatMac(packet.destination),
        sessions: LAST_SESSION_ID,
      });
      this.#relay.dials.withheld(peer, packet.destination, nowMs);
      return ports.toLink(refusal({ ...packet, source }, NO_ID_LEFT));
    }
    ports.toLink(emitDiscovery({ ...packet, source, sessionId: session?.linkId ?? NO_SESSION_ID }));
    if (refused) this.#relay.dials.refused(peer, packet.destination, packet, nowMs);
  }

  /** Forwards a host's PADT without a session to the ACs that it may be for. */
  hangUp(peer: Peer, { source, destination }: DiscoveryPacket, nowMs: number): void {
    const { ports } = this.#relay;
    const acs = this.#acs.shownAs(destination, nowMs).slice(0, HANG_UPS);
    if (acs.length === 0) return ports.drop(DROP["unknown-session"], "link");
    if (!this.#hangUps.allows(peer, source, destination, nowMs)) {
      return ports.drop(DROP["padt-rate"], "link");
    }
    for (const acMac of acs) ports.toTunnel(peer.tunnel, padt(acMac, source, NO_SESSION_ID));
  }

  has(peer: Peer): boolean {
    return this.#pending.has(peer);
  }

  removePeer(peer: Peer): void {
    this.#pending.removePeer(peer);
  }

  closed(session: Session, nowMs: number, hungUp: boolean): void {
    this.#openers.get(session)?.end(session, hungUp);
    // If hosts see each AC's own address, two ACs cannot share an id.
    if (this.#relay.mac === "own") this.#resting.add(session, nowMs);
  }

  audit(): void {
    this.#pending.audit();
  }

  expire(nowMs: number): void {
    this.#resting.expire(nowMs);
    this.#pending.expire(nowMs);
  }

  #seek(peer: Peer, packet: DiscoveryPacket, frame: Uint8Array, nowMs: number): void {
    const { ports, linkMac } = this.#relay;
    const { source: hostMac, destination } = packet;
    // Some hosts send it to the sender of their last PADO, against RFC 2516, section 5.1.
    const ours = sameMac(destination, 0, ETH_BROADCAST, 0) ||
      sameMac(destination, 0, linkMac, 0) || this.#acs.shownAs(destination, nowMs).length > 0;
    if (!ours) return ports.drop(DROP["bad-address"], "link");
    const hostUniq = findHostUniq(packet.tags);
    if (this.#pending.find(peer, hostMac, hostUniq, nowMs) === undefined) {
      this.#pending.add({
        peer,
        hostMac: hostMac.slice(),
        hostUniq: hostUniq?.slice(),
        known: this.#relay.knowsHost(peer, hostMac),
        offers: new Offers(),
        asked: new Map(),
      }, nowMs);
    }
    frame.set(ETH_BROADCAST);
    ports.toTunnel(peer.tunnel, frame);
    this.#relay.dials.sought(peer, packet, nowMs);
  }

  #offer(peer: Peer, packet: DiscoveryPacket, source: Uint8Array, nowMs: number): void {
    const { ports } = this.#relay;
    const hostUniq = findHostUniq(packet.tags);
    const pending = this.#pending.find(peer, packet.destination, hostUniq, nowMs);
    if (pending === undefined) {
      this.#relay.dials.strayOffer();
      return this.#unwanted(peer, packet);
    }
    this.#relay.dials.offered(peer, packet.destination, packet, nowMs);
    // A refusal by a server has no AC to which a PADR could go.
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

  // Drops an answer that no host waits for. A session that the AC has granted is closed again.
  #unwanted(peer: Peer, { code, source, destination, sessionId }: DiscoveryPacket): void {
    const { ports, sessions } = this.#relay;
    // An older server, which has no key, also sends each client the answers for all others.
    const granted = code === CODE.PADS && isSessionId(sessionId) && peer.key !== undefined;
    if (granted && sessions.atPeer(peer, sessionId, source, destination) === undefined) {
      ports.toTunnel(peer.tunnel, padt(source, destination, sessionId, "unclaimed"));
    }
    ports.drop(DROP["unknown-host-uniq"], "tunnel");
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
      // The host is now in this discovery, even if an earlier one had the same offer.
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

  // Returns true if a PADR with this cookie could accept an offer of another AC, even if that offer is forgotten,
  // or was made for another PADI of this host.
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

  // Finds the offer that a PADR accepts, and the discovery in which the offer was made.
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
    // If a host returns a wrong cookie, the AC should decide, as long as only one AC is possible.
    const sole = same && this.#sole(same, destination);
    return sole && { pending: same!, offer: sole };
  }

  // With MAC mode transparent, the address identifies the AC. With our own address, any AC is possible.
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

  // Finds the PADRs that went to an AC with one Host-Uniq, in whichever discovery they began.
  #requestsFor(
    pending: Pending,
    packet: DiscoveryPacket,
    acMac: Uint8Array,
    nowMs: number,
  ): Requests {
    const key = requestKey(packet.source, packet, acMac);
    const first = this.#pending.marked(pending.peer, key, nowMs) ?? pending;
    return requestsOf(this.#pending, first, acMac, key, key);
  }

  // Opens the session that the PADS grants, or finds the one that it repeats. Returns undefined if nobody has
  // asked for one, or the host has no id left.
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
    const key = { peer, nearMac: hostMac, farMac, shownMac, tunnelId };
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

/** Makes the key of an offer, by its host, the address that the host got it from, and its cookie. */
function offerKey(
  hostMac: Uint8Array,
  shownMac: Uint8Array,
  cookie: Uint8Array | undefined,
): string {
  return tagKey(`offer ${formatMac(hostMac)} ${formatMac(shownMac)}`, cookie);
}

/** Makes the key of a host's PADRs to an AC, by which a PADS finds them. */
function requestKey(
  hostMac: Uint8Array,
  { tags }: DiscoveryPacket,
  acMac: Uint8Array,
): string {
  return tagKey(`request ${formatMac(hostMac)} ${formatMac(acMac)}`, findHostUniq(tags));
}
