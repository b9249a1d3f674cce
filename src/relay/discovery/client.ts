// Discovery at the client: which AC a host's PADR is for, and by which id a host knows its session.

import { CODE, emitDiscovery, ETH_BROADCAST, findTag, sameMac, TAG } from "../../wire/mod.ts";
import type { DiscoveryPacket } from "../../wire/mod.ts";
import { equals } from "@std/bytes";
import { DROP } from "../drop.ts";
import { padt } from "../padt.ts";
import { type Discovery, PendingTable } from "./pending.ts";
import type { DiscoveryRelay } from "../options.ts";
import type { Relay } from "../relay.ts";
import type { Remote } from "../remote.ts";
import { Requests } from "./requests.ts";
import { RestingIds } from "../resting_ids.ts";
import { isSessionId, type Session } from "../session_table.ts";
import { refusal } from "./refusal.ts";
import { findHostUniq, replaceTag } from "./tag_list.ts";

/** How many offers are kept for one discovery; the one that was last seen the longest ago goes first. */
const OFFERS = 8;

const NO_ID_LEFT = "pppoe-proxy: this host uses every session id already";

/** A PADO that a host has seen, and by which AC-Cookie its PADR will come back. */
interface Offer {
  readonly acMac: Uint8Array;
  /** As the AC sent it. */
  readonly cookie: Uint8Array | undefined;
  /** As the host got it. */
  readonly shown: Uint8Array | undefined;
}

interface Pending extends Discovery {
  offers: Offer[];
  readonly requests: Requests;
}

/**
 * Discovery at the client's side of the tunnel.
 *
 * Where hosts see our address in place of each AC's, a PADR is told apart by its AC-Cookie, which a
 * host must return as it got it (RFC 2516, section 5.3). An AC that sends none, or the same as
 * another, gets one of ours on the way to the host, and its own back on the way to the AC.
 */
export class ClientDiscovery implements DiscoveryRelay {
  readonly #relay: Relay;
  readonly #pending = new PendingTable<Pending>();
  /** Which discovery has opened a session: another PADS of that is a repeat. */
  readonly #openers = new WeakMap<Session, Pending>();
  readonly #resting = new RestingIds();
  #cookies = 0;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** PADI and PADR, from a host. */
  fromLink(packet: DiscoveryPacket, frame: Uint8Array, nowMs: number): void {
    const { ports, tunnels } = this.#relay;
    // A client has one tunnel at a time.
    const [remote] = tunnels.values();
    if (remote === undefined) return ports.drop(DROP["no-tunnel"]);
    if (!this.#relay.mayDial(remote, packet, nowMs)) return ports.drop(DROP["padi-rate"]);
    const { tunnel } = remote;
    const hostUniq = findHostUniq(packet.tags);
    let pending = this.#pending.find(remote, packet.source, hostUniq, nowMs);
    if (packet.code === CODE.PADI) {
      if (!sameMac(packet.destination, 0, ETH_BROADCAST, 0)) return ports.drop(DROP["bad-address"]);
      if (pending === undefined) {
        pending = {
          remote,
          hostMac: packet.source.slice(),
          hostUniq: hostUniq?.slice(),
          offers: [],
          requests: new Requests(),
        };
        this.#pending.add(pending, nowMs);
      }
      return ports.toTunnel(tunnel, frame);
    }
    const offer = pending && this.#chosen(pending, packet);
    if (pending === undefined || offer === undefined) return ports.drop(DROP["unknown-offer"]);
    pending.requests.ask();
    const tags = offer.shown === offer.cookie
      ? packet.tags
      : replaceTag(packet.tags, TAG.AC_COOKIE, offer.cookie);
    ports.toTunnel(tunnel, emitDiscovery({ ...packet, destination: offer.acMac, tags }));
  }

  /** PADO and PADS, from the server. */
  fromTunnel(remote: Remote, packet: DiscoveryPacket, nowMs: number): void {
    const { ports } = this.#relay;
    const hostUniq = findHostUniq(packet.tags);
    const pending = this.#pending.find(remote, packet.destination, hostUniq, nowMs);
    if (pending === undefined) return this.#unasked(remote, packet);
    const source = this.#relay.facing(remote, packet.source);
    if (packet.code === CODE.PADO) {
      // A server's refusal has nobody behind it that a PADR could go to.
      if (findTag(packet.tags, TAG.GENERIC_ERROR) !== undefined) {
        return ports.toLink(emitDiscovery({ ...packet, source }));
      }
      const offer = this.#offered(pending, packet);
      const tags = offer.shown === offer.cookie
        ? packet.tags
        : replaceTag(packet.tags, TAG.AC_COOKIE, offer.shown);
      return ports.toLink(emitDiscovery({ ...packet, source, tags }));
    }
    if (packet.sessionId === 0xffff) return ports.drop(DROP.malformed);
    // Id 0 is a refusal, which opens nothing.
    const session = packet.sessionId === 0
      ? undefined
      : this.#granted(pending, packet, source, nowMs);
    if (session === undefined && pending.requests.open === 0) return this.#unasked(remote, packet);
    if (session === undefined && packet.sessionId !== 0) {
      // Every id of this host is taken: the AC holds a session that it cannot have.
      pending.requests.refuse();
      ports.toTunnel(remote.tunnel, padt(packet.source, packet.destination, packet.sessionId));
      ports.drop(DROP["session-limit"]);
      return ports.toLink(refusal({ ...packet, source }, NO_ID_LEFT));
    }
    ports.toLink(emitDiscovery({ ...packet, source, sessionId: session?.linkId ?? 0 }));
  }

  has(remote: Remote): boolean {
    return this.#pending.has(remote);
  }

  removeRemote(remote: Remote): void {
    this.#pending.removeRemote(remote);
  }

  closed(session: Session, nowMs: number, hungUp: boolean): void {
    this.#openers.get(session)?.requests.end(session, hungUp);
    // Where each AC shows its own address, no id of one is another's.
    if (this.#relay.options.mac === "own") this.#resting.add(session, nowMs);
  }

  expire(nowMs: number): void {
    this.#resting.expire(nowMs);
    this.#pending.expire(nowMs);
  }

  // Nobody here has asked, or waits any more. What the AC has granted all the same is no host's session.
  #unasked(remote: Remote, { code, source, destination, sessionId }: DiscoveryPacket): void {
    const { ports, sessions } = this.#relay;
    // An older server sends each client what is for another one, too; it has no key.
    const granted = code === CODE.PADS && isSessionId(sessionId) && remote.key !== undefined;
    if (granted && sessions.atRemote(remote, sessionId, source, destination) === undefined) {
      ports.toTunnel(remote.tunnel, padt(source, destination, sessionId));
    }
    ports.drop(DROP["unknown-host-uniq"]);
  }

  #offered(pending: Pending, packet: DiscoveryPacket): Offer {
    const cookie = findTag(packet.tags, TAG.AC_COOKIE)?.value.slice();
    const known = pending.offers.find((offer) =>
      sameMac(offer.acMac, 0, packet.source, 0) && same(offer.cookie, cookie)
    );
    if (known !== undefined) {
      // What is repeated stays longer than what came once.
      pending.offers.push(...pending.offers.splice(pending.offers.indexOf(known), 1));
      return known;
    }
    const ambiguous = this.#relay.options.mac === "own" &&
      pending.offers.some((offer) => same(offer.shown, cookie));
    const offer = {
      acMac: packet.source.slice(),
      cookie,
      shown: ambiguous ? new TextEncoder().encode(`pppoe-proxy ${++this.#cookies}`) : cookie,
    };
    if (pending.offers.push(offer) > OFFERS) pending.offers.shift();
    return offer;
  }

  #chosen(pending: Pending, packet: DiscoveryPacket): Offer | undefined {
    const cookie = findTag(packet.tags, TAG.AC_COOKIE)?.value;
    // Transparent, the address names the AC; with our own, any AC may be meant.
    const meant = pending.offers.filter((offer) =>
      sameMac(packet.destination, 0, this.#relay.facing(pending.remote, offer.acMac), 0)
    );
    const exact = meant.find((offer) => same(offer.shown, cookie));
    if (exact !== undefined) return exact;
    // A host that returns a cookie wrongly: the AC is to judge, as long as only one can be meant.
    const [only] = meant;
    const sole = only !== undefined && meant.every((o) => sameMac(o.acMac, 0, only.acMac, 0));
    return sole ? { acMac: only.acMac, cookie: undefined, shown: undefined } : undefined;
  }

  // The session that the PADS grants or repeats; undefined when nobody has asked for one, or when
  // the host's ids are used up.
  #granted(
    pending: Pending,
    packet: DiscoveryPacket,
    facing: Uint8Array,
    nowMs: number,
  ): Session | undefined {
    const { sessions } = this.#relay;
    const { remote, hostMac } = pending;
    const { source: farMac, sessionId: tunnelId } = packet;
    const present = sessions.atRemote(remote, tunnelId, farMac, hostMac);
    if (present !== undefined && this.#openers.get(present) === pending) {
      pending.requests.repeat(present);
      return present;
    }
    if (pending.requests.open === 0) return undefined;
    if (present !== undefined) {
      this.#relay.close(present, "its id was given anew", { link: false, tunnel: false });
    }
    const key = { remote, peerMac: hostMac, farMac, facingMac: facing, tunnelId };
    const rests = (id: number) => this.#resting.keeps(id, key, nowMs);
    const linkId = sessions.freeLinkId(tunnelId, hostMac, facing, rests);
    if (linkId === 0) return undefined;
    const session = this.#relay.open({ ...key, linkId }, nowMs);
    pending.requests.grant(session);
    this.#openers.set(session, pending);
    return session;
  }
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equals(a, b);
}
