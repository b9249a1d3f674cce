// Who owns a frame: sessions by (addresses, session id), discoveries by Host-Uniq, the rest nobody.
//
// Theory of operation. The tunnel carries frames with their real addresses: from the host to the AC,
// or from the AC to the host. Each side translates at its own link, where a frame meets its "peer":
//
//     host ── client ══ tunnel ══ server ── AC
//     peer    link                link      peer
//
// A frame from the link is looked up by (near station's address, the address it was sent to, session id), a
// frame from a tunnel by (tunnel, far station's address, near station's address, session id). What is found is
// the one session that owns it, and the frame is rewritten in place; what is not found is dropped with
// a reason. Sessions are made by a PADS that answers a PADR which went through here, and by nothing
// else; a PADT, a time-out, or the end of the program ends them.
//
// A session belongs to a peer, not to a tunnel. While its peer has none it is held: it stays in the
// table, and what its stations send is dropped. When the peer is back within the grace time, both
// sides tell each other which sessions they have, and close those that the other one has not.
//
// Nothing here touches a socket or a clock: frames and the time come in, `RelayPorts` takes what is
// to be done. Session frames are decided without an allocation; discovery frames are few, and are
// parsed and built anew.

import {
  CODE,
  emitSessionList,
  ETH_P_PPP_SES,
  LCP_CODE,
  lowerMaxPayload,
  parseSessionList,
  PPP_PROTOCOL,
  PPPOE,
  readCode,
  readEtherType,
  readProtocol,
  sameMac,
  SESSION_LIST_MAX,
} from "../wire/mod.ts";
import type { DiscoveryPacket } from "../wire/mod.ts";
import { readUint16 } from "../wire/uint16.ts";
import { type Cause, causeFrom, type SessionEnd } from "./cause.ts";
import { ClientDiscovery } from "./discovery/client.ts";
import { checkDiscovery, forwarded, opensSession } from "./discovery/check.ts";
import { DROP } from "./drop.ts";
import { DialRate, type Limits, limitsOf } from "./limits.ts";
import { macFor } from "./mac_for.ts";
import type { DiscoveryContext, DiscoveryRelay } from "./discovery/context.ts";
import type { MacMode, RelayOptions, RelayPorts } from "./options.ts";
import { padt } from "./padt.ts";
import type { Peer } from "./peer.ts";
import { type Greeting, Peers } from "./peers.ts";
import { ServerDiscovery } from "./discovery/server.ts";
import { SessionLife } from "./session_life.ts";
import { NO_ECHO, type Session, type SessionKey } from "./session.ts";
import { SessionTable } from "./session_table.ts";

/** What the PPPoE header and the PPP protocol take of a link's MTU, in bytes (RFC 2516, section 7). */
export const PPP_OVERHEAD = 8;

/** How often {@linkcode Relay.tick} wants to be called, in ms. */
export const TICK_MS = 1000;

/** For how long discoveries of a peer without a tunnel are kept, if it has no session, in ms. */
const DISCOVERIES_HELD_MS = 5000;

/** How many sessions a list may name: as many as one AC can have with one station, and for each of some. */
const LISTED_MOST = 1 << 18;

/** Where LCP begins in a session frame's payload: behind the PPP protocol. */
const LCP_AT = 2;

/** What an LCP echo has at least: code, identifier, length and a magic number (RFC 1661, section 5.8). */
const ECHO_LENGTH_LEAST = 8;

/** The relay of one link: its sessions and its discoveries. */
export class Relay implements DiscoveryContext {
  readonly sessions: SessionTable;
  readonly options: RelayOptions;
  readonly ports: RelayPorts;
  readonly #discovery: DiscoveryRelay;
  readonly #peers = new Peers();
  readonly #life: SessionLife;
  readonly #dialRate = new DialRate();
  #limits: Limits;
  #linkMac: Uint8Array;
  #linkMtu: number;
  /** The time when something was last done, which is no older than {@linkcode TICK_MS}. */
  #nowMs = 0;

  constructor(options: RelayOptions, ports: RelayPorts) {
    this.options = options;
    this.ports = ports;
    this.sessions = new SessionTable(options.firstSerial);
    this.#life = new SessionLife(this.sessions, {
      entered: (session) => this.#discovery.opened?.(session),
      opened: (session) => ports.opened(session),
      closed: (session, end, hungUp) => {
        this.#discovery.closed(session, this.#nowMs, hungUp);
        ports.closed(session, end);
      },
    });
    this.#limits = limitsOf(options.side, options.limits);
    this.#linkMac = options.linkMac.slice();
    this.#linkMtu = options.linkMtu ?? Infinity;
    this.#discovery = options.side === "server"
      ? new ServerDiscovery(this, options)
      : new ClientDiscovery(this);
  }

  /** The peers that have a tunnel, by it. */
  get tunnels(): ReadonlyMap<number, Peer> {
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

  /** By which address the stations on the link know this one beyond the tunnel. */
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

  /** The limits from now on; those that are not given are the default ones. What is open stays open. */
  setLimits(limits: Partial<Limits>): void {
    this.#limits = limitsOf(this.options.side, limits);
  }

  /** Counts a PADI or PADR; false when it is one too many of its host or its client. */
  mayDial(peer: Peer, packet: DiscoveryPacket, nowMs: number): boolean {
    return this.#dialRate.allows(peer, packet, this.#limits, nowMs);
  }

  /** Whether a peer has as many sessions as it may have. */
  isFull(peer: Peer): boolean {
    const { maxSessions } = this.#limits;
    return maxSessions > 0 && peer.sessions.size >= maxSessions;
  }

  /** The owner of a session frame from the link, which is then made one of the tunnel's; or a drop reason. */
  sessionFromLink(frame: Uint8Array, offset: number, nowMs: number): Session | number {
    if (readEtherType(frame, offset) !== ETH_P_PPP_SES) return DROP["not-pppoe"];
    if (readCode(frame, offset) !== CODE.SESSION) return DROP.malformed;
    const session = this.sessions.findByLink(frame, offset);
    if (session === undefined) return DROP["unknown-session"];
    session.heardFromLink(nowMs, readEcho(frame, offset));
    session.rewriteForTunnel(frame, offset);
    return session;
  }

  /** The owner of a session frame from a tunnel, which is then made one of the link's; or a drop reason. */
  sessionFromTunnel(
    tunnel: number,
    frame: Uint8Array,
    offset: number,
    nowMs: number,
  ): Session | number {
    if (readEtherType(frame, offset) !== ETH_P_PPP_SES) return DROP["not-pppoe"];
    if (readCode(frame, offset) !== CODE.SESSION) return DROP.malformed;
    const session = this.sessions.findByTunnel(tunnel, frame, offset);
    if (session === undefined) return DROP["unknown-session"];
    session.heardFromTunnel(nowMs, readEcho(frame, offset));
    session.rewriteForLink(frame, offset);
    return session;
  }

  /** Takes a discovery frame from the link, with its padding cut. It may be changed. */
  discoveryFromLink(frame: Uint8Array, nowMs: number): void {
    this.#nowMs = nowMs;
    const fromHost = this.options.side === "client";
    const packet = checkDiscovery(frame, fromHost);
    if (typeof packet === "number") return this.ports.drop(packet);
    if (opensSession(packet.code)) {
      this.#lowerMaxPayload(packet);
      return this.#discovery.fromLink(packet, frame, nowMs);
    }
    if (fromHost && packet.code === CODE.PADT && packet.sessionId === 0) {
      const [peer] = this.tunnels.values();
      if (peer === undefined) return this.ports.drop(DROP["no-tunnel"]);
      return this.#discovery.hangUp(peer, packet, nowMs);
    }
    const session = this.sessions.findByLink(frame, 0);
    if (session === undefined) return this.ports.drop(DROP["unknown-session"]);
    session.heardFromLink(nowMs, NO_ECHO);
    session.rewriteForTunnel(frame, 0);
    this.ports.toTunnel(session.tunnel, forwarded(packet, frame));
    if (packet.code === CODE.PADT) {
      this.#life.end(session, { cause: fromHost ? "host-padt" : "ac-padt" }, fromHost);
    }
  }

  /** Takes a discovery frame from a tunnel, with its padding cut. It may be changed. */
  discoveryFromTunnel(tunnel: number, frame: Uint8Array, nowMs: number): void {
    this.#nowMs = nowMs;
    const peer = this.#peers.byTunnel.get(tunnel);
    if (peer === undefined) return this.ports.drop(DROP["no-tunnel"]);
    const fromHost = this.options.side === "server";
    const packet = checkDiscovery(frame, fromHost);
    if (typeof packet === "number") return this.ports.drop(packet);
    if (opensSession(packet.code)) {
      this.#lowerMaxPayload(packet);
      return this.#discovery.fromTunnel(peer, packet, nowMs);
    }
    if (fromHost && packet.code === CODE.PADT && packet.sessionId === 0) {
      return this.#discovery.hangUp(peer, packet, nowMs);
    }
    const session = this.sessions.findByTunnel(tunnel, frame, 0);
    if (session === undefined) return this.ports.drop(DROP["unknown-session"]);
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

  /** Opens the session that a PADS has granted. */
  open(key: SessionKey, nowMs: number): Session {
    return this.#life.open(key, nowMs);
  }

  /** Notes that the peer has a session too. */
  confirm(session: Session): void {
    this.#life.confirm(session);
  }

  /**
   * Ends a session and tells those stations of it that are named; the peer is told the cause with its station.
   *
   * @param detail What the log adds to the cause
   */
  close(
    session: Session,
    cause: Cause,
    tell: { link: boolean; tunnel: boolean },
    detail?: string,
  ): void {
    if (session.state === "closed") return;
    if (tell.link) {
      this.ports.toLink(padt(session.nearMac, session.shownMac, session.linkId));
    }
    if (tell.tunnel && !session.peer.held) {
      this.ports.toTunnel(
        session.tunnel,
        padt(session.farMac, session.nearMac, session.tunnelId, cause),
      );
    }
    const end = detail === undefined ? { cause } : { cause, detail };
    this.#life.end(session, end, tell.link && tell.tunnel);
  }

  /** Ends every session, and tells both stations of each. */
  closeAll(cause: Cause): void {
    for (const session of [...this.sessions]) {
      this.close(session, cause, { link: true, tunnel: true });
    }
  }

  /**
   * A tunnel has come up. The sessions of its peer are carried by it from now on.
   *
   * @returns The tunnel of the same peer that this one takes the place of, or `NO_TUNNEL`.
   */
  addTunnel(tunnel: number, greeting: Greeting, nowMs: number): number {
    this.#nowMs = nowMs;
    const { peer, replaced } = this.#peers.connect(tunnel, greeting, nowMs);
    if (peer.key !== undefined) this.#list(peer, nowMs);
    this.#discovery.resumed?.(peer);
    return replaced;
  }

  /** A tunnel is gone: the sessions of its peer are held, or end when they can't be. */
  removeTunnel(tunnel: number, cause: Cause, nowMs: number): void {
    this.#nowMs = nowMs;
    const peer = this.#peers.disconnect(tunnel, nowMs);
    if (peer === undefined) return;
    const { graceMs, maxHeld = Infinity } = this.options;
    const empty = peer.sessions.size === 0 && !this.#discovery.has(peer);
    if (peer.key === undefined || graceMs === 0 || empty) return this.#forget(peer, cause);
    this.#life.hold(peer);
    // Who has no session must not cost another one his.
    const alike = [...this.#peers.held()]
      .filter(({ sessions }) => (sessions.size > 0) === (peer.sessions.size > 0));
    for (const one of alike.slice(0, Math.max(0, alike.length - maxHeld))) {
      this.#forget(one, "peer-crowded-out");
    }
  }

  /** Ends every session of a peer, by its key or its tunnel, and tells both stations of each. */
  closePeer(key: string | undefined, tunnel: number, cause: Cause): void {
    const peer = key === undefined ? this.tunnels.get(tunnel) : this.#peers.get(key);
    for (const session of [...peer?.sessions ?? []]) {
      this.close(session, cause, { link: true, tunnel: true });
    }
  }

  /**
   * The sessions that a peer has, in one or more parts. Those that it has not are over.
   *
   * @returns False when no list of this peer was to come any more, or not such a one.
   */
  listFromTunnel(tunnel: number, payload: Uint8Array, nowMs: number): boolean {
    this.#nowMs = nowMs;
    const peer = this.#peers.byTunnel.get(tunnel);
    if (peer === undefined) {
      this.ports.drop(DROP["no-tunnel"]);
      return true;
    }
    const list = parseSessionList(payload);
    if (list === undefined || peer.listDue < list.sessions.length) return false;
    // So that an empty part costs something too.
    peer.listDue -= Math.max(1, list.sessions.length);
    for (const { ac, host, sessionId } of list.sessions) {
      const [far, near] = this.options.side === "server" ? [host, ac] : [ac, host];
      const session = this.sessions.atPeer(peer, sessionId, far, near);
      if (session !== undefined) this.#life.confirm(session);
    }
    if (!list.last) return true;
    peer.listDue = -1;
    for (const session of [...peer.sessions]) {
      if (session.state === "unconfirmed") {
        this.close(session, "ended-while-away", { link: true, tunnel: false });
      }
    }
    return true;
  }

  /**
   * Takes up a session of an earlier run, which is held until its peer comes.
   *
   * @param peer Whose it is; without a key nobody can come back for it.
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

  /** The peers that something is held for, the one that has been away the longest first. */
  get held(): Iterable<Peer> {
    return this.#peers.held();
  }

  /** When {@linkcode expireHeld} has something to do. */
  get graceOverMs(): number {
    let overMs = Infinity;
    for (const peer of this.#peers.held()) {
      overMs = Math.min(overMs, peer.heldSinceMs + this.#graceOf(peer));
    }
    return overMs;
  }

  /** When {@linkcode due} has something to do. */
  get dueMs(): number {
    return this.#discovery.dueMs ?? Infinity;
  }

  /** Does what is due before the next {@linkcode tick}. */
  due(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#discovery.due?.(nowMs);
  }

  /** Ends what was held for those who did not come back. */
  expireHeld(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const peer of [...this.#peers.held()]) {
      if (nowMs - peer.heldSinceMs >= this.#graceOf(peer)) {
        this.#forget(peer, "peer-lost");
      }
    }
  }

  /** The link's interface has (perhaps) another address: what was bound to the old one ends. */
  setLinkMac(mac: Uint8Array): void {
    if (sameMac(mac, 0, this.#linkMac, 0)) return;
    this.#linkMac = mac.slice();
    if (this.options.mac !== "own") return;
    for (const session of [...this.sessions]) {
      this.close(session, "mac-changed", { link: true, tunnel: true });
    }
  }

  /** The link's interface has (perhaps) another MTU: what is promised from now on fits it. */
  setLinkMtu(mtu: number): void {
    this.#linkMtu = mtu;
  }

  /** Ends what has been silent for too long. To be called every {@linkcode TICK_MS}. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    const { idleMs, deadMs } = this.options;
    this.#discovery.expire(nowMs);
    this.expireHeld(nowMs);
    const both = { link: true, tunnel: true };
    for (const session of this.sessions) {
      if (session.state === "held") continue;
      const silentMs = nowMs - Math.min(session.linkMs, session.tunnelMs);
      const dead = deadMs > 0 ? session.dead(nowMs, deadMs) : undefined;
      if (dead !== undefined) {
        const isAc = (dead.side === "link") === (this.options.side === "server");
        const detail = `${Math.floor(dead.silentMs / 1000)} s`;
        this.close(session, isAc ? "ac-silent" : "host-silent", both, detail);
      } else if (idleMs > 0 && silentMs >= idleMs) this.close(session, "idle", both);
    }
  }

  // Without sessions there are discoveries at most, which hosts begin anew.
  #graceOf(peer: Peer): number {
    const { graceMs } = this.options;
    return peer.sessions.size > 0 ? graceMs : Math.min(graceMs, DISCOVERIES_HELD_MS);
  }

  // Nobody comes back for what this peer had.
  #forget(peer: Peer, cause: Cause): void {
    this.#peers.forget(peer);
    this.#discovery.removePeer(peer);
    for (const session of [...peer.sessions]) {
      this.close(session, cause, { link: true, tunnel: false });
    }
    this.ports.forgotten(peer);
  }

  // Tells a peer which of its sessions are here, before anything else goes through its new tunnel.
  #list(peer: Peer, nowMs: number): void {
    peer.listDue = LISTED_MOST;
    this.#life.resume(peer, nowMs);
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
      // What is not told stays as it is, at both sides.
      const payload = emitSessionList({ last, sessions });
      if (!this.ports.listToTunnel(peer.tunnel, payload)) {
        return this.ports.drop(DROP["tunnel-full"]);
      }
    } while (!last);
  }

  // Host and AC agree on frames that their own links carry; ours is between them (RFC 4638). The values
  // are parts of the frame, so it is changed with the packet.
  #lowerMaxPayload({ tags }: DiscoveryPacket): void {
    for (const tag of tags) lowerMaxPayload(tag, this.#linkMtu - PPP_OVERHEAD);
  }
}

// LCP_CODE.ECHO_REQUEST or ECHO_REPLY, where a session frame is a whole one (RFC 1661, section 5.8), else
// NO_ECHO. The buffer may go on behind the frame, so each length counts.
function readEcho(frame: Uint8Array, offset: number): number {
  if (readProtocol(frame, offset) !== PPP_PROTOCOL.LCP) return NO_ECHO;
  const length = readUint16(frame, offset + PPPOE.length[0]) - LCP_AT;
  if (length < ECHO_LENGTH_LEAST) return NO_ECHO;
  const at = offset + PPPOE.payload + LCP_AT;
  const code = frame[at];
  if (code !== LCP_CODE.ECHO_REQUEST && code !== LCP_CODE.ECHO_REPLY) return NO_ECHO;
  const lcpLength = readUint16(frame, at + 2);
  return lcpLength >= ECHO_LENGTH_LEAST && lcpLength <= length ? code : NO_ECHO;
}
