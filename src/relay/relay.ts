// The relay of one link: decides which session or discovery owns each frame.
//
// Theory of operation. A frame crosses the tunnel with its real addresses: from the host to the AC, or from
// the AC to the host. Each side translates at its own link:
//
//     host ── client ══ tunnel ══ server ── AC
//
// At the client the host is the near station and the AC the far one; at the server it is the other way around.
// The near station knows the far one by the shown address, which the MAC mode sets.
//
// A session frame from the link is looked up by (near address, shown address, id on the link), one from a
// tunnel by (tunnel, far address, near address, id of the AC). The session that is found owns the frame, which
// is rewritten in place; a frame without an owner is dropped with a reason. A session is opened only by a PADS
// that answers a PADR which went through here, or from the state of an earlier run (restore.ts); cause.ts lists
// the causes for its end.
//
// A session belongs to a peer, not to a tunnel; session_life.ts has the states. When a peer has a tunnel again
// within the grace time, both sides tell each other their sessions, and close the rest.
//
// Nothing here uses a socket or a clock: frames and the time come in, and the results go to `RelayPorts`.
// Session frames are handled without an allocation; discovery frames are rare, and are parsed and rebuilt.

import { assertInvariant } from "../assert.ts";
import {
  CODE,
  emitSessionList,
  ETH_P_PPP_DISC,
  ETH_P_PPP_SES,
  ETHERNET,
  lowerMaxPayload,
  parseSessionList,
  PPPOE_HLEN,
  readCode,
  readEtherType,
  readSessionId,
  sameMac,
  SESSION_LIST_MAX,
} from "../wire/mod.ts";
import type { DiscoveryPacket } from "../wire/mod.ts";
import { type Cause, causeFrom, type SessionEnd } from "./cause.ts";
import { DialWatch } from "./dials/watch.ts";
import { checkDiscovery, forwarded, isHostCode, opensSession } from "./discovery/check.ts";
import { ClientDiscovery } from "./discovery/client.ts";
import type { DiscoveryContext, DiscoveryRelay } from "./discovery/context.ts";
import { ServerDiscovery } from "./discovery/server.ts";
import { DROP, type Drop } from "./drop.ts";
import { NO_ECHO, PROTOCOL_BYTES, readEcho } from "./echo.ts";
import { DialRate, type Limits, limitsOf, type SessionLimit } from "./limits.ts";
import { macFor } from "./mac_for.ts";
import type { MacMode, RelayOptions, RelayPorts } from "./options.ts";
import { padt } from "./padt.ts";
import type { Peer } from "./peer.ts";
import { type Greeting, Peers } from "./peers.ts";
import { NO_SESSION_ID, type Session, type SessionKey } from "./session.ts";
import { SessionLife } from "./session_life.ts";
import { SessionTable } from "./session_table.ts";

/** The part of a link's MTU that the PPPoE header and the PPP protocol take (RFC 2516, section 7). */
export const PPP_OVERHEAD: number = PPPOE_HLEN + PROTOCOL_BYTES;

/** The interval at which {@linkcode Relay.tick} must be called, in ms. */
export const TICK_MS = 1000;

/** The time for which the discoveries of an absent peer without a session are kept, in ms. */
const DISCOVERIES_HELD_MS = 5000;

/** The maximum number of sessions in a list: four times as many as one AC can have with one station. */
const LISTED_MAX = 1 << 18;

/**
 * The maximum number of sessions of all peers. A peer may have as many as are left for the others, so one that
 * is alone may have 65,536, which is more than one AC can have with one station; and however many take all that
 * they may, something is left for one with fewer.
 */
export const SESSIONS_MAX = 131_072;

/** A PADT for the link, and one for the tunnel. */
const BOTH = { link: true, tunnel: true };
const LINK_ONLY = { link: true, tunnel: false };

/** The relay of one link: its sessions and its discoveries. */
export class Relay implements DiscoveryContext {
  readonly sessions: SessionTable;
  readonly options: RelayOptions;
  readonly ports: RelayPorts;
  readonly dials: DialWatch;
  readonly #discovery: DiscoveryRelay;
  readonly #peers = new Peers();
  readonly #life: SessionLife;
  readonly #dialRate: DialRate;
  #limits: Limits;
  #linkMac: Uint8Array;
  #linkMtu: number;
  /** The time of the last call, which is at most {@linkcode TICK_MS} old. */
  #nowMs = 0;

  /** Makes a relay without peers or sessions. */
  constructor(options: RelayOptions, ports: RelayPorts) {
    this.options = options;
    this.ports = ports;
    this.sessions = new SessionTable(options.firstSerial);
    this.#dialRate = new DialRate(options.side);
    this.dials = new DialWatch({
      side: options.side,
      interfaceName: options.interfaceName ?? "",
      knows: (peer, hostMac) => this.knowsHost(peer, hostMac),
      sessions: () => this.sessions.size,
    }, ports);
    this.#life = new SessionLife(this.sessions, {
      entered: (session) => {
        const { peer, linkMs: nowMs } = session;
        session.budgets = peer.budgets.enter(this.#hostOf(session), nowMs);
        this.#dialRate.note(session.peer, this.#hostOf(session));
        this.#discovery.opened?.(session);
      },
      opened: (session) => {
        ports.opened(session);
        this.dials.opened(session, session.openedMs);
      },
      closed: (session, end, hungUp) => {
        session.peer.budgets.leave(this.#hostOf(session));
        this.#dialRate.note(session.peer, this.#hostOf(session));
        this.#discovery.closed(session, this.#nowMs, hungUp);
        ports.closed(session, end);
        this.dials.ended(session, end, this.#nowMs);
      },
    });
    this.#limits = limitsOf(options.side, options.limits);
    this.#linkMac = options.linkMac.slice();
    this.#linkMtu = options.linkMtu ?? Infinity;
    this.#discovery = options.side === "server"
      ? new ServerDiscovery(this, options)
      : new ClientDiscovery(this);
  }

  /** The peers that have a tunnel, by its number. */
  get peersByTunnel(): ReadonlyMap<number, Peer> {
    return this.#peers.byTunnel;
  }

  /** The MAC mode of the link. */
  get mac(): MacMode {
    return this.options.mac;
  }

  /** The address of the link's interface. */
  get linkMac(): Uint8Array {
    return this.#linkMac;
  }

  /** Returns the address by which the stations on the link know a station beyond the tunnel. */
  shownMacOf(peer: Peer, farMac: Uint8Array): Uint8Array {
    switch (this.options.mac) {
      case "own":
        return this.#linkMac;
      case "per-host":
        return macFor(peer.name, farMac);
      case "transparent":
        return farMac;
    }
  }

  /** Sets the limits; missing ones get their defaults. Open sessions stay open. */
  setLimits(limits: Partial<Limits>): void {
    this.#limits = limitsOf(this.options.side, limits);
  }

  /** Counts a PADI or PADR; returns false if its host or client exceeds the limit. */
  mayDial(peer: Peer, packet: DiscoveryPacket, nowMs: number): boolean {
    return this.#dialRate.allows(peer, packet, this.#limits, nowMs);
  }

  /**
   * Finds out cheaply if a discovery frame from a tunnel goes no further, before it is parsed. It allocates
   * nothing, so that a flood costs little.
   *
   * @param tunnel The number of the tunnel
   * @param memory The memory of the frame, which has a complete header
   * @param offset The offset of the frame
   * @param nowMs The time
   * @returns The drop reason; undefined if {@linkcode discoveryFromTunnel} has to decide
   */
  refuses(tunnel: number, memory: Uint8Array, offset: number, nowMs: number): Drop | undefined {
    if (readEtherType(memory, offset) !== ETH_P_PPP_DISC) return DROP["not-pppoe"];
    const code = readCode(memory, offset);
    if (opensSession(code)) {
      if (this.options.side === "client") return undefined;
      const peer = this.#peers.byTunnel.get(tunnel);
      if (peer === undefined || !isHostCode(code)) return undefined;
      const sourceAt = offset + ETHERNET.source[0];
      return this.#dialRate.surelyRefuses(peer, code, memory, sourceAt, this.#limits, nowMs)
        ? DROP["padi-rate"]
        : undefined;
    }
    if (readSessionId(memory, offset) === NO_SESSION_ID) return undefined;
    const session = this.sessions.findByTunnel(tunnel, memory, offset);
    return session === undefined ? DROP["unknown-session"] : undefined;
  }

  /** Returns true if a host has had a session, so that its frames go before those of strangers. */
  knowsHost(peer: Peer, hostMac: Uint8Array): boolean {
    return this.#dialRate.knows(peer, hostMac);
  }

  /**
   * Finds the limit because of which a peer may not have another session: its own, or else that of each peer; or
   * it has as many as are free for everybody.
   *
   * @param peer The peer
   * @returns The limit; undefined if it may have another session
   */
  sessionLimit({ sessions: { size: sessions }, maxSessions, name: who }: Peer):
    | SessionLimit
    | undefined {
    const limit = maxSessions ?? this.#limits.maxSessions;
    if (limit > 0 && sessions >= limit) {
      return { source: maxSessions === undefined ? "client" : "key", who, sessions };
    }
    const isShareUsed = sessions >= SESSIONS_MAX - this.sessions.size;
    return isShareUsed ? { source: "share", who, sessions } : undefined;
  }

  /** Turns a session frame from the link into one for the tunnel; returns its owner, or a drop reason. */
  sessionFromLink(frame: Uint8Array, offset: number, nowMs: number): Session | Drop {
    if (readEtherType(frame, offset) !== ETH_P_PPP_SES) return DROP["not-pppoe"];
    if (readCode(frame, offset) !== CODE.SESSION) return DROP.malformed;
    const session = this.sessions.findByLink(frame, offset);
    if (session === undefined) return DROP["unknown-session"];
    session.heardFromLink(nowMs, readEcho(frame, offset));
    session.rewriteForTunnel(frame, offset);
    return session;
  }

  /** Turns a session frame from a tunnel into one for the link; returns its owner, or a drop reason. */
  sessionFromTunnel(
    tunnel: number,
    frame: Uint8Array,
    offset: number,
    nowMs: number,
  ): Session | Drop {
    if (readEtherType(frame, offset) !== ETH_P_PPP_SES) return DROP["not-pppoe"];
    if (readCode(frame, offset) !== CODE.SESSION) return DROP.malformed;
    const session = this.sessions.findByTunnel(tunnel, frame, offset);
    if (session === undefined) return DROP["unknown-session"];
    session.heardFromTunnel(nowMs, readEcho(frame, offset));
    session.rewriteForLink(frame, offset);
    return session;
  }

  /** Handles a discovery frame from the link, without its padding. The frame may be changed. */
  discoveryFromLink(frame: Uint8Array, nowMs: number): void {
    this.#nowMs = nowMs;
    const fromHost = this.options.side === "client";
    const packet = checkDiscovery(frame, fromHost);
    if (typeof packet === "number") return this.ports.drop(packet, "link");
    this.dials.count(packet.code, "link");
    if (opensSession(packet.code)) {
      this.#lowerMaxPayload(packet);
      return this.#discovery.fromLink(packet, frame, nowMs);
    }
    if (fromHost && packet.code === CODE.PADT && packet.sessionId === NO_SESSION_ID) {
      // A client has one tunnel at a time.
      const [peer] = this.peersByTunnel.values();
      if (peer === undefined) return this.ports.drop(DROP["no-tunnel"], "link");
      return this.#discovery.hangUp(peer, packet, nowMs);
    }
    const session = this.sessions.findByLink(frame, 0);
    if (session === undefined) return this.ports.drop(DROP["unknown-session"], "link");
    session.heardFromLink(nowMs, NO_ECHO);
    session.rewriteForTunnel(frame, 0);
    this.ports.toTunnel(session.tunnel, forwarded(packet, frame));
    if (packet.code === CODE.PADT) {
      this.#life.end(session, { cause: fromHost ? "host-padt" : "ac-padt" }, fromHost);
    }
  }

  /** Handles a discovery frame from a tunnel, without its padding. The frame may be changed. */
  discoveryFromTunnel(tunnel: number, frame: Uint8Array, nowMs: number): void {
    this.#nowMs = nowMs;
    const peer = this.#peers.byTunnel.get(tunnel);
    if (peer === undefined) return this.ports.drop(DROP["no-tunnel"], "tunnel");
    const fromHost = this.options.side === "server";
    const packet = checkDiscovery(frame, fromHost);
    if (typeof packet === "number") return this.ports.drop(packet, "tunnel");
    this.dials.count(packet.code, "tunnel");
    if (opensSession(packet.code)) {
      this.#lowerMaxPayload(packet);
      return this.#discovery.fromTunnel(peer, packet, nowMs);
    }
    if (fromHost && packet.code === CODE.PADT && packet.sessionId === NO_SESSION_ID) {
      return this.#discovery.hangUp(peer, packet, nowMs);
    }
    const session = this.sessions.findByTunnel(tunnel, frame, 0);
    if (session === undefined) return this.ports.drop(DROP["unknown-session"], "tunnel");
    session.heardFromTunnel(nowMs, NO_ECHO);
    session.rewriteForLink(frame, 0);
    this.ports.toLink(forwarded(packet, frame));
    if (packet.code === CODE.PADT) {
      const told = causeFrom(packet.tags);
      const end: SessionEnd = told === undefined
        ? { cause: fromHost ? "host-padt" : "ac-padt" }
        : { cause: told, byPeer: true };
      this.#life.end(session, end, fromHost);
    }
  }

  /** Opens the session that a PADS granted. */
  open(key: SessionKey, nowMs: number): Session {
    return this.#life.open(key, nowMs);
  }

  /** Notes that the peer has a session too. */
  confirm(session: Session): void {
    this.#life.confirm(session);
  }

  /**
   * Ends a session, with a PADT to the link, the tunnel or both. The PADT to the tunnel also tells the peer the
   * cause.
   *
   * @param detail A detail for the log
   */
  close(
    session: Session,
    cause: Cause,
    tell: { link: boolean; tunnel: boolean },
    detail?: string,
  ): void {
    if (session.state === "closed") return;
    const { nearMac, farMac, shownMac, linkId, tunnelId, tunnel, peer } = session;
    if (tell.link) this.ports.toLink(padt(nearMac, shownMac, linkId));
    if (tell.tunnel && !peer.held) {
      this.ports.toTunnel(tunnel, padt(farMac, nearMac, tunnelId, cause));
    }
    const end = detail === undefined ? { cause } : { cause, detail };
    this.#life.end(session, end, tell.link && tell.tunnel);
  }

  /**
   * Sends an AC on the link a PADT for a session that is not here, for example one that an earlier run left.
   *
   * @param acMac The address of the AC
   * @param shownMac The address by which the AC knows the host
   * @param linkId The session id
   * @returns False if the session is here, so that nothing was sent
   */
  hangUpStale(acMac: Uint8Array, shownMac: Uint8Array, linkId: number): boolean {
    if (this.sessions.atLink(linkId, acMac, shownMac) !== undefined) return false;
    this.ports.toLink(padt(acMac, shownMac, linkId));
    return true;
  }

  /** Ends every session, with a PADT to both stations of each. */
  closeAll(cause: Cause): void {
    for (const session of [...this.sessions]) this.close(session, cause, BOTH);
  }

  /** Ends every session of a peer, found by its key or its tunnel, with a PADT to both stations of each. */
  closePeer(key: string | undefined, tunnel: number, cause: Cause): void {
    const peer = key === undefined ? this.peersByTunnel.get(tunnel) : this.#peers.get(key);
    for (const session of [...peer?.sessions ?? []]) this.close(session, cause, BOTH);
  }

  /** Sets the maximum number of sessions of a tunnel's peer; undefined for that of all. Open ones stay open. */
  limitSessions(tunnel: number, maxSessions: number | undefined): void {
    const peer = this.#peers.byTunnel.get(tunnel);
    if (peer !== undefined) peer.maxSessions = maxSessions;
  }

  /** Ends everything that is held for a peer without a tunnel, which may not return. */
  dismiss(key: string, cause: Cause, nowMs: number): void {
    this.#nowMs = nowMs;
    const peer = this.#peers.get(key);
    if (peer?.held) this.#forget(peer, cause);
  }

  /**
   * Adds a new tunnel, which carries the sessions of its peer from now on.
   *
   * @returns The tunnel of the peer that this one replaces, or `NO_TUNNEL`
   */
  addTunnel(tunnel: number, greeting: Greeting, nowMs: number): number {
    this.#nowMs = nowMs;
    const { peer, replaced } = this.#peers.connect(tunnel, greeting, nowMs);
    if (peer.key !== undefined) {
      this.#life.resume(peer, nowMs);
      this.#sendList(peer);
    }
    this.#discovery.resumed?.(peer);
    return replaced;
  }

  /**
   * Removes a tunnel that has ended. The sessions of its peer are held if possible.
   *
   * @param cause The cause for which they end if they cannot be held
   */
  removeTunnel(tunnel: number, cause: Cause, nowMs: number): void {
    this.#nowMs = nowMs;
    const peer = this.#peers.disconnect(tunnel, nowMs);
    if (peer === undefined) return;
    this.dials.tunnelLost(peer, this.#peers.byTunnel.size === 0);
    const { graceMs, maxHeld = Infinity } = this.options;
    const empty = peer.sessions.size === 0 && !this.#discovery.has(peer);
    if (peer.key === undefined || graceMs === 0 || empty) return this.#forget(peer, cause);
    this.#life.hold(peer);
    // Peers without sessions are counted separately, so that they do not displace peers with sessions.
    const alike = [...this.#peers.held()]
      .filter(({ sessions }) => (sessions.size > 0) === (peer.sessions.size > 0));
    for (const one of alike.slice(0, Math.max(0, alike.length - maxHeld))) {
      this.#forget(one, "peer-crowded-out");
    }
  }

  /**
   * Handles a part of a peer's list of sessions. After the last part, sessions that were not in the list end.
   *
   * @returns False if the list is malformed, or no list of this peer is expected
   */
  listFromTunnel(tunnel: number, payload: Uint8Array, nowMs: number): boolean {
    this.#nowMs = nowMs;
    const peer = this.#peers.byTunnel.get(tunnel);
    if (peer === undefined) {
      this.ports.drop(DROP["no-tunnel"], "tunnel");
      return true;
    }
    const list = parseSessionList(payload);
    if (list === undefined || peer.listDue === undefined) return false;
    if (peer.listDue < list.sessions.length) return false;
    // An empty part counts as one session, so that a peer cannot send parts forever.
    peer.listDue -= Math.max(1, list.sessions.length);
    for (const { ac, host, sessionId } of list.sessions) {
      const [far, near] = this.options.side === "server" ? [host, ac] : [ac, host];
      const session = this.sessions.atPeer(peer, sessionId, far, near);
      if (session !== undefined) this.#life.confirm(session);
    }
    if (!list.last) return true;
    peer.listDue = undefined;
    for (const session of [...peer.sessions]) {
      if (session.state === "unconfirmed") this.close(session, "ended-while-away", LINK_ONLY);
    }
    return true;
  }

  /**
   * Restores a session of an earlier run, which is held until its peer returns.
   *
   * @param peer The peer; if it has no key, nobody can return for the session
   */
  restore(
    session: Omit<SessionKey, "peer"> & { serial: number; openedMs: number },
    peer: { key: string | undefined; name: string; heldSinceMs: number },
    nowMs: number,
  ): Session {
    const { key, name, heldSinceMs } = peer;
    const of = this.#peers.of(key, name, heldSinceMs);
    return this.#life.restore({ ...session, peer: of }, session, nowMs);
  }

  /** The peers without a tunnel, the longest absent first. */
  get held(): Iterable<Peer> {
    return this.#peers.held();
  }

  /** The time at which {@linkcode expireHeld} has something to do. */
  get graceOverMs(): number {
    let overMs = Infinity;
    for (const peer of this.#peers.held()) {
      overMs = Math.min(overMs, peer.heldSinceMs + this.#graceOf(peer));
    }
    return overMs;
  }

  /** The time at which {@linkcode due} has something to do. */
  get dueMs(): number {
    return this.#discovery.dueMs ?? Infinity;
  }

  /** Does the work that is due before the next {@linkcode tick}. */
  due(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#discovery.due?.(nowMs);
  }

  /** Ends the sessions and discoveries of peers that did not return in time. */
  expireHeld(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const peer of [...this.#peers.held()]) {
      if (nowMs - peer.heldSinceMs >= this.#graceOf(peer)) this.#forget(peer, "peer-lost");
    }
  }

  /** Sets the address of the link's interface. If it has changed, sessions that depend on it end. */
  setLinkMac(mac: Uint8Array): void {
    if (sameMac(mac, 0, this.#linkMac, 0)) return;
    this.#linkMac = mac.slice();
    if (this.options.mac === "own") this.closeAll("mac-changed");
  }

  /** Sets the MTU of the link's interface. From now on, PPP-Max-Payload tags promise no more than it can carry. */
  setLinkMtu(mtu: number): void {
    this.#linkMtu = mtu;
  }

  /** Ends everything that has been silent for too long. Must be called every {@linkcode TICK_MS}. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    const { idleMs, deadMs } = this.options;
    this.#discovery.expire(nowMs);
    this.dials.tick(nowMs);
    this.expireHeld(nowMs);
    for (const session of this.sessions) {
      if (session.state === "held") continue;
      const silentMs = nowMs - Math.min(session.linkMs, session.tunnelMs);
      const dead = deadMs > 0 ? session.dead(nowMs, deadMs) : undefined;
      if (dead !== undefined) {
        const isAc = (dead.from === "link") === (this.options.side === "server");
        const detail = `${Math.floor(dead.silentMs / 1000)} s`;
        this.close(session, isAc ? "ac-silent" : "host-silent", BOTH, detail);
      } else if (idleMs > 0 && silentMs >= idleMs) this.close(session, "idle", BOTH);
    }
  }

  /**
   * Checks all tables, which takes too long for production. Tests and the soak call it.
   *
   * @throws {InvariantError} If a table is inconsistent
   */
  audit(): void {
    this.sessions.audit();
    this.#peers.audit();
    for (const { peer } of this.sessions) {
      assertInvariant(this.#peers.knows(peer), "the peer of a session is unknown");
    }
    this.#discovery.audit();
    this.dials.audit();
  }

  // Without sessions there are only discoveries, which hosts restart.
  #hostOf({ nearMac, farMac }: Session): Uint8Array {
    return this.options.side === "client" ? nearMac : farMac;
  }

  #graceOf(peer: Peer): number {
    const { graceMs } = this.options;
    return peer.sessions.size > 0 ? graceMs : Math.min(graceMs, DISCOVERIES_HELD_MS);
  }

  // Ends everything that belongs to a peer that will not return.
  #forget(peer: Peer, cause: Cause): void {
    this.#peers.forget(peer);
    this.#discovery.removePeer(peer);
    for (const session of [...peer.sessions]) this.close(session, cause, LINK_ONLY);
    this.ports.forgotten(peer);
  }

  // Sends a peer the list of its sessions here, before anything else goes through its new tunnel.
  #sendList(peer: Peer): void {
    peer.listDue = LISTED_MAX;
    const entries = [...peer.sessions].map(({ nearMac, farMac, tunnelId: sessionId }) =>
      this.options.side === "server"
        ? { ac: nearMac, host: farMac, sessionId }
        : { ac: farMac, host: nearMac, sessionId }
    );
    let at = 0;
    let last: boolean;
    do {
      const sessions = entries.slice(at, at += SESSION_LIST_MAX);
      last = at >= entries.length;
      const payload = emitSessionList({ last, sessions });
      // Sessions that could not be listed stay unchanged at both sides.
      if (!this.ports.listToTunnel(peer.tunnel, payload)) {
        return this.ports.drop(DROP["tunnel-full"], "link");
      }
    } while (!last);
  }

  // Host and AC agree on a size that their own links can carry, but our link is between them (RFC 4638). The
  // values are views of the frame, which changes with the packet.
  #lowerMaxPayload({ tags }: DiscoveryPacket): void {
    for (const tag of tags) lowerMaxPayload(tag, this.#linkMtu - PPP_OVERHEAD);
  }
}
