// Discovery at the server: decides which PADIs and PADRs go to the AC, and which hosts get its answers.

import {
  CODE,
  emitDiscovery,
  ETH_BROADCAST,
  ETH_DATA_LEN,
  ETHERNET,
  findTag,
  formatMac,
  PPPOE_HLEN,
  sameMac,
  TAG,
  tagsLength,
} from "../../wire/mod.ts";
import type { DiscoveryPacket } from "../../wire/mod.ts";
import { nameInText } from "../../wire/text.ts";
import { DROP } from "../drop.ts";
import { Addresses } from "./addresses.ts";
import { BURST_MS, FixedMatching } from "./fixed_matching.ts";
import { HangUpRate } from "./hang_up_rate.ts";
import { LineAgent, withLine, withoutLine } from "./line_agent.ts";
import type { Match, Matching, ServerPending } from "./matching.ts";
import { OfferBook } from "./offer_book.ts";
import { Offers } from "./offers.ts";
import { PadiRepeats } from "./padi_repeats.ts";
import { padt } from "../padt.ts";
import { PendingTable } from "./pending.ts";
import { isRefusal, refusal } from "./refusal.ts";
import type { DiscoveryContext, DiscoveryRelay } from "./context.ts";
import type { SessionLimit } from "../limits.ts";
import type { RelayOptions } from "../options.ts";
import type { Peer } from "../peer.ts";
import type { Requests } from "./requests.ts";
import { isSessionId, NO_SESSION_ID, type Session } from "../session.ts";
import { findHostUniq } from "./tag_list.ts";
import { TokenMatching } from "./token_matching.ts";
import { MAX_PASSES, passesOf, randomTokens, type TokenSource } from "./tokens.ts";

/**
 * The maximum length of a PADI with the PPPoE header, in bytes. A longer one has no room for the tag of another
 * agent (RFC 2516, section 5.1).
 */
const PADI_MAX = 1484;
/** The maximum length of a PADR, which Ethernet sets, in bytes. */
const PADR_MAX = ETH_DATA_LEN;
const TOO_MANY_SESSIONS = "pppoe-proxy: this client has the maximum number of sessions";

/** The options of a server's discovery. */
export type ServerDiscoveryOptions = Pick<RelayOptions, "tokens" | "tags" | "interfaceName">;

/** The opener of a session: the PADRs to its AC with one Host-Uniq. */
interface Opener extends Match {
  readonly requests: Requests;
}

/**
 * Discovery at the server's side of the tunnel.
 *
 * A PADR goes only to an AC that has made its host an offer, and belongs to the discovery of that offer. A
 * PADS counts only if it comes from an AC that a PADR went to.
 */
export class ServerDiscovery implements DiscoveryRelay {
  readonly #relay: DiscoveryContext;
  readonly #matching: Matching;
  readonly #pending: PendingTable<ServerPending>;
  readonly #offers: OfferBook;
  /** The opener of each session. Another PADS that answers it is a repeat. */
  readonly #openers = new WeakMap<Session, Opener>();
  readonly #tokens: TokenSource;
  readonly #agent: LineAgent;
  readonly #addresses = new Addresses();
  readonly #hangUps = new HangUpRate();
  readonly #repeats = new PadiRepeats();

  /**
   * Makes the discovery for a link with ACs.
   *
   * @param options The tags that the server adds to PADI and PADR
   */
  constructor(relay: DiscoveryContext, options: ServerDiscoveryOptions) {
    this.#relay = relay;
    const { tokens = randomTokens(), tags = {}, interfaceName = "" } = options;
    const { hostUniq, relayTag = true } = tags;
    this.#agent = new LineAgent(tags, interfaceName);
    this.#tokens = tokens;
    this.#matching = hostUniq === undefined
      ? new TokenMatching(tokens)
      : new FixedMatching(hostUniq, relayTag);
    this.#pending = new PendingTable((gone) => {
      this.#matching.removed(gone);
      this.#repeats.removed(gone);
      this.#claim(gone, false);
    });
    this.#offers = new OfferBook(this.#pending);
  }

  /** Handles a PADI or PADR from a client. */
  fromTunnel(peer: Peer, packet: DiscoveryPacket, nowMs: number): void {
    const { ports } = this.#relay;
    const initiation = packet.code === CODE.PADI;
    if (initiation && !sameMac(packet.destination, 0, ETH_BROADCAST, 0)) {
      return ports.drop(DROP["bad-address"], "tunnel");
    }
    if (!this.#relay.mayDial(peer, packet, nowMs)) return ports.drop(DROP["padi-rate"], "tunnel");
    const passes = initiation ? this.#passesOf(packet) : 0;
    if (passes === undefined) return this.#loop(peer);
    if (!this.#mayShow(peer, packet, nowMs)) return ports.drop(DROP["bad-address"], "tunnel");
    const { source: hostMac, tags: sent } = packet;
    const hostUniq = findHostUniq(sent);
    const relaySessionId = this.#matching.relaySessionId(sent);
    const same = this.#pending.find(peer, hostMac, hostUniq, nowMs, relaySessionId);
    const known = initiation ? same : this.#offers.find(peer, same, packet, relaySessionId, nowMs);
    if (known === undefined && !initiation) return ports.drop(DROP["unknown-offer"], "tunnel");
    const pending = known ?? this.#newPending(peer, packet, passes);
    if (initiation && this.#hasReturned(pending, nowMs)) return this.#loop(peer);
    const tags = withLine(this.#matching.toAc(pending, sent), pending.line);
    const max = initiation ? PADI_MAX : PADR_MAX;
    if (tagsLength(tags) > Math.max(tagsLength(sent), max - PPPOE_HLEN)) {
      ports.drop(DROP["frame-too-large"], "tunnel");
      // The refusal of a PADI comes from no AC, so it has our own address.
      const source = initiation ? this.#relay.linkMac : packet.destination;
      const answer = { ...packet, source, destination: packet.source };
      return ports.toTunnel(peer.tunnel, refusal(answer, noRoom(max)));
    }
    const busy = !initiation && !this.#matching.mayAsk(pending, hostUniq, nowMs);
    if (busy || !this.#matching.admit(pending, nowMs)) {
      return ports.drop(DROP["discovery-busy"], "tunnel");
    }
    if (known === undefined) this.#pending.add(pending, nowMs);
    pending.underWay = true;
    this.#claim(pending, true);
    pending.usedMs = nowMs;
    const frame = emitDiscovery({ ...packet, source: this.#shownMacFor(pending), tags });
    if (initiation) {
      noteSought(pending, nowMs);
      // Another server repeats the PADIs of its hosts itself.
      const alone = pending.passes === 0 && this.#matching.isDistinct(pending);
      if (alone && !this.#showsHosts) this.#repeats.sought(pending, frame, nowMs);
    } else {
      pending.askedHostUniq = hostUniq?.slice();
      pending.askedMs = nowMs;
      this.#offers.ask(pending, packet);
    }
    ports.toLink(frame);
    if (initiation) this.#relay.dials.sought(peer, packet, nowMs);
    else this.#relay.dials.asked(peer, hostMac, packet.destination, nowMs);
  }

  /** Handles a PADO or PADS of an AC. */
  fromLink(packet: DiscoveryPacket, _frame: Uint8Array, nowMs: number): void {
    const { ports } = this.#relay;
    const { code, source, sessionId } = packet;
    const repeat = code === CODE.PADS ? this.#repeatOf(packet, nowMs) : undefined;
    const match = repeat === undefined ? this.#matching.find(packet) : repeat.opener;
    if (match === undefined) {
      if (code === CODE.PADO && this.#lacksTags(packet)) this.#relay.dials.strayOffer();
      return this.#unwanted(packet);
    }
    const { pending } = match;
    const shownMac = this.#shownMacFor(pending);
    if (!sameMac(packet.destination, 0, shownMac, 0)) {
      return ports.drop(DROP["bad-address"], "link");
    }
    const requests = this.#offers.askedOf(match, source);
    if (code === CODE.PADS && repeat === undefined && requests === undefined) {
      return this.#offers.hasAskedAnother(pending, source)
        ? this.#wrongAc(packet)
        : this.#unwanted(packet);
    }
    this.#pending.keep(pending, nowMs);
    pending.usedMs = nowMs;
    if (!isRefusal(packet)) this.#acHeard(source, code === CODE.PADS, nowMs);
    const tags = withoutLine(this.#matching.toHost(match, packet.tags), pending.line);
    const answer = { ...packet, destination: pending.hostMac, tags };
    const { tunnel } = pending.peer;
    if (code === CODE.PADO) {
      // A refusal is not an offer that a PADR could accept.
      if (!isRefusal(packet)) this.#offers.note(pending, packet);
      this.#repeats.answered(pending, nowMs);
      this.#relay.dials.offered(pending.peer, pending.hostMac, packet, nowMs);
    } else if (repeat === undefined && requests !== undefined) {
      const refused = sessionId === NO_SESSION_ID;
      if (!refused && !isSessionId(sessionId)) return ports.drop(DROP.malformed, "link");
      if (requests.open === 0) return this.#unwanted(packet);
      pending.underWay = false;
      // The host must see a refusal, which opens nothing (RFC 2516, section 5.4).
      const limit = refused
        ? undefined
        : this.#open({ ...match, requests }, packet, shownMac, nowMs);
      if (limit !== undefined) {
        // The AC has opened a session that nobody can have; rp-pppoe's pppoe-relay closes it in the same way.
        ports.toLink(padt(source, shownMac, sessionId));
        ports.drop(DROP["session-limit"], "link", limit);
        this.#relay.dials.withheld(pending.peer, pending.hostMac, nowMs);
        this.#claim(pending, false);
        return ports.toTunnel(tunnel, refusal(answer, TOO_MANY_SESSIONS));
      }
      this.#claim(pending, false);
      if (refused) this.#relay.dials.refused(pending.peer, pending.hostMac, packet, nowMs);
    }
    ports.toTunnel(tunnel, emitDiscovery(answer));
  }

  /** Forwards a host's PADT without a session to an AC that waits for one. */
  hangUp(peer: Peer, packet: DiscoveryPacket, nowMs: number): void {
    const { ports } = this.#relay;
    const { source, destination } = packet;
    if (!this.#addresses.wasAc(destination, nowMs)) {
      return ports.drop(DROP["unknown-session"], "tunnel");
    }
    if (!this.#mayShow(peer, packet, nowMs)) return ports.drop(DROP["bad-address"], "tunnel");
    if (!this.#hangUps.allows(peer, source, destination, nowMs)) {
      return ports.drop(DROP["padt-rate"], "tunnel");
    }
    ports.toLink(padt(destination, this.#relay.shownMacOf(peer, source), NO_SESSION_ID));
  }

  // Returns true if an offer that nobody waits for is for an address of this server's, but has no token of this
  // server: of a forgotten discovery, or of a PADI of the server's own.
  #lacksTags(packet: DiscoveryPacket): boolean {
    const { destination } = packet;
    const isForUs = sameMac(destination, 0, this.#relay.linkMac, 0) ||
      (this.#showsHosts && this.#addresses.isUsed(destination));
    const token = this.#matching.tokenOf(packet);
    return isForUs && (token === undefined || !this.#tokens.made(token));
  }

  // Drops an answer that nobody waits for. If this server has asked for a session, in an earlier run or for a
  // forgotten client, the AC has opened one and gets a PADT.
  #unwanted(packet: DiscoveryPacket): void {
    const { ports, sessions } = this.#relay;
    const { code, source, destination, sessionId } = packet;
    const token = code === CODE.PADS && isSessionId(sessionId) && this.#matching.tokenOf(packet);
    if (
      token && this.#tokens.made(token) &&
      sessions.atLink(sessionId, source, destination) === undefined
    ) ports.toLink(padt(source, destination, sessionId));
    ports.drop(DROP["unknown-host-uniq"], "link");
  }

  has(peer: Peer): boolean {
    return this.#pending.has(peer);
  }

  removePeer(peer: Peer): void {
    this.#pending.removePeer(peer);
  }

  /** Ends the sessions of a peer whose address a host of another peer has taken meanwhile. */
  resumed(peer: Peer): void {
    // With per-host, two clients with one name may share an address, and their sessions differ in their ids.
    if (this.#relay.mac !== "transparent") return;
    for (const session of [...peer.sessions]) {
      if (!this.#addresses.isTaken(session.shownMac, peer)) continue;
      this.#relay.close(session, "host-has-address", { link: true, tunnel: true });
    }
  }

  opened({ nearMac, shownMac, peer }: Session): void {
    this.#addresses.countSession(nearMac, shownMac, 1);
    if (this.#showsHosts) this.#addresses.countUse(shownMac, peer, 1);
  }

  closed(session: Session, _nowMs: number, hungUp: boolean): void {
    this.#openers.get(session)?.requests.end(session, hungUp);
    const { nearMac, shownMac, peer } = session;
    this.#addresses.countSession(nearMac, shownMac, -1);
    if (this.#showsHosts) this.#addresses.countUse(shownMac, peer, -1);
  }

  get dueMs(): number {
    return this.#repeats.dueMs;
  }

  /** Sends a PADI again that an AC has left unanswered. */
  due(nowMs: number): void {
    const frame = this.#repeats.next(nowMs);
    if (frame === undefined) return;
    frame.set(this.#relay.linkMac, ETHERNET.source[0]);
    this.#relay.ports.toLink(frame);
  }

  audit(): void {
    this.#pending.audit();
    this.#addresses.audit(this.#relay.sessions);
  }

  expire(nowMs: number): void {
    this.#pending.expire(nowMs);
    if (!this.#repeats.expire(nowMs)) return;
    this.#relay.ports.problem({
      id: "slow-ac",
      what:
        "The AC offered nothing to some of the hosts that dialled at the same time, but did to others",
      advice: "if it limits its answers to one address (accel-ppp's padi-limit, pado-delay or " +
        "connlimit), give each host an address of its own with --mac per-host",
    });
  }

  // True if hosts have their own addresses on this link, which must not belong to anybody else.
  get #showsHosts(): boolean {
    return this.#relay.mac !== "own";
  }

  // Returns true if a host may use its address on the link.
  #mayShow(peer: Peer, { source }: DiscoveryPacket, nowMs: number): boolean {
    if (!this.#showsHosts) return true;
    const { linkMac, ports } = this.#relay;
    const shown = this.#relay.shownMacOf(peer, source);
    const whose = sameMac(shown, 0, linkMac, 0)
      ? "this machine"
      : this.#addresses.isAc(shown, nowMs)
      ? "an AC"
      : this.#relay.mac === "transparent" && this.#addresses.isTaken(shown, peer)
      ? "a host of another client"
      : undefined;
    if (whose === undefined) return true;
    ports.problem({
      id: "address-in-use",
      what: `A host of client ${nameInText(peer.name)} has the address ${formatMac(shown)}, ` +
        `which already belongs to ${whose}`,
      advice: "give each host an address of its own, or use --mac own or --mac per-host",
    });
    return false;
  }

  // Returns the number of servers that a PADI has passed; undefined if this one is among them, or there are too
  // many.
  #passesOf({ source, tags }: DiscoveryPacket): number | undefined {
    let passes = 0;
    for (const value of [findHostUniq(tags), findTag(tags, TAG.RELAY_SESSION_ID)?.value]) {
      const before = value && passesOf(value);
      if (before === undefined) continue;
      if (this.#tokens.made(value!)) return undefined;
      passes = Math.max(passes, before + 1);
    }
    if (passes >= MAX_PASSES) return undefined;
    if (passes > 0 || !this.#showsHosts) return passes;
    // Nobody else has an address that this server made for a host.
    const own = this.#relay.mac === "per-host" && this.#addresses.isUsed(source);
    return own ? undefined : passes;
  }

  // Returns true if a PADI without a token has gone out here before.
  #hasReturned(pending: ServerPending, nowMs: number): boolean {
    if (this.#matching.isDistinct(pending)) return false;
    const { linkMac } = this.#relay;
    const ours = !this.#showsHosts && sameMac(pending.hostMac, 0, linkMac, 0);
    return ours || this.#matching.returned(pending, nowMs);
  }

  #loop(peer: Peer): void {
    const { ports } = this.#relay;
    ports.drop(DROP.loop, "tunnel");
    ports.problem({
      id: "loop",
      what:
        `PADI loop: a PADI sent on this interface came back through client ${
          nameInText(peer.name)
        }, so ` +
        "the two Ethernet segments are joined",
      advice:
        "separate the segment of the hosts from that of the AC, and look for another server " +
        "and client between them",
    });
  }

  #wrongAc({ source }: DiscoveryPacket): void {
    const { ports } = this.#relay;
    ports.drop(DROP["wrong-ac"], "link");
    ports.problem({
      id: "wrong-ac",
      what: `${formatMac(source)} answered a PADR for another AC`,
      advice: "find the station with this address: it may be misconfigured or hostile",
    });
  }

  // A host may have used an AC's address before the AC was heard. The station that grants sessions is the AC.
  #acHeard(mac: Uint8Array, granting: boolean, nowMs: number): void {
    this.#addresses.acHeard(mac, granting, nowMs);
    if (!granting || !this.#showsHosts || !this.#addresses.isUsedInSession(mac)) return;
    for (const session of [...this.#relay.sessions]) {
      if (!sameMac(session.shownMac, 0, mac, 0)) continue;
      this.#relay.close(session, "ac-has-address", { link: true, tunnel: true });
    }
  }

  // Counts a discovery under way as a use of its host's address. Afterwards its session counts.
  #claim(pending: ServerPending, claims: boolean): void {
    if (!this.#showsHosts || pending.claims === claims) return;
    pending.claims = claims;
    this.#addresses.countUse(pending.shownMac, pending.peer, claims ? 1 : -1);
  }

  #newPending(peer: Peer, { source, tags }: DiscoveryPacket, passes: number): ServerPending {
    const hostUniq = findHostUniq(tags)?.slice();
    const hostMac = source.slice();
    return {
      peer,
      hostMac,
      // No copy, because the source of it never changes.
      shownMac: this.#relay.shownMacOf(peer, hostMac),
      hostUniq,
      known: this.#relay.knowsHost(peer, source),
      relaySessionId: this.#matching.relaySessionId(tags)?.slice(),
      token: this.#tokens.next(passes),
      passes,
      // The tag is made once, so that a client that changes its name before the PADR keeps its line.
      line: this.#agent.tagOf(peer.name, source),
      offers: new Offers(),
      asked: new Map(),
      askedHostUniq: undefined,
      askedMs: -Infinity,
      underWay: false,
      claims: false,
      soughtMs: -Infinity,
      burstMs: -Infinity,
      burst: 0,
      usedMs: 0,
    };
  }

  // The interface's own address may have changed; an address that was made for a host never changes.
  #shownMacFor({ peer, hostMac, shownMac }: ServerPending): Uint8Array {
    const { mac } = this.#relay;
    return mac === "per-host" ? shownMac : this.#relay.shownMacOf(peer, hostMac);
  }

  // Finds the opener, if it is still known, of the session that a PADS repeats. Returns undefined if it repeats
  // none.
  #repeatOf(packet: DiscoveryPacket, nowMs: number): { opener: Opener | undefined } | undefined {
    const { source, destination, sessionId } = packet;
    const session = this.#relay.sessions.atLink(sessionId, source, destination);
    if (session === undefined) return undefined;
    const opener = this.#openers.get(session);
    if (!this.#matching.isRepeat(packet, session, opener, nowMs)) return undefined;
    if (opener === undefined) return { opener };
    opener.requests.repeat(session);
    // The client will have this session, even if a list on its way does not name it.
    this.#relay.confirm(session);
    return { opener };
  }

  // Opens the session that a host has asked for; returns the limit if its client may not have another one.
  #open(
    opener: Opener,
    { source: nearMac, sessionId }: DiscoveryPacket,
    shownMac: Uint8Array,
    nowMs: number,
  ): SessionLimit | undefined {
    const { pending, requests } = opener;
    const { sessions } = this.#relay;
    const present = sessions.atLink(sessionId, nearMac, shownMac);
    if (present !== undefined) {
      // The AC has reused the id, so the old session is over for it; its host may not know that.
      const another = present.peer !== pending.peer ||
        !sameMac(present.farMac, 0, pending.hostMac, 0);
      this.#relay.close(present, "id-reused", { link: false, tunnel: another });
    }
    // The AC may know the old session of the same host by a different address, if the client has a new name.
    const alike = sessions.atPeer(pending.peer, sessionId, pending.hostMac, nearMac);
    if (alike !== undefined) this.#relay.close(alike, "id-reused", { link: true, tunnel: false });
    const limit = this.#relay.sessionLimit(pending.peer);
    if (limit !== undefined) {
      requests.refuse();
      return limit;
    }
    const session = this.#relay.open({
      peer: pending.peer,
      nearMac,
      farMac: pending.hostMac,
      shownMac,
      tunnelId: sessionId,
      linkId: sessionId,
    }, nowMs);
    requests.grant(session);
    this.#openers.set(session, opener);
    return undefined;
  }
}

function noteSought(pending: ServerPending, nowMs: number): void {
  pending.soughtMs = nowMs;
  if (nowMs - pending.burstMs >= BURST_MS) {
    pending.burstMs = nowMs;
    pending.burst = 0;
  }
  pending.burst++;
}

function noRoom(max: number): string {
  return `pppoe-proxy: with the added tags, this would be longer than ${max} bytes`;
}
