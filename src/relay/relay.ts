// Who owns a frame: sessions by (addresses, session id), discoveries by Host-Uniq, the rest nobody.
//
// Theory of operation. The tunnel carries frames with their real addresses: from the host to the AC,
// or from the AC to the host. Each side translates at its own link, where a frame meets its "peer":
//
//     host ── client ══ tunnel ══ server ── AC
//     peer    link                link      peer
//
// A frame from the link is looked up by (peer's address, the address it was sent to, session id), a
// frame from a tunnel by (tunnel, far station's address, peer's address, session id). What is found is
// the one session that owns it, and the frame is rewritten in place; what is not found is dropped with
// a reason. Sessions are made by a PADS that answers a PADR which went through here, and by nothing
// else; a PADT, a time-out, or the end of the program ends them.
//
// A session belongs to a remote, not to a tunnel. While its remote has none it is held: it stays in the
// table, and what its stations send is dropped. When the remote is back within the grace time, both
// sides tell each other which sessions they have, and close those that the other one has not.
//
// Nothing here touches a socket or a clock: frames and the time come in, `RelayPorts` takes what is
// to be done. Session frames are decided without an allocation; discovery frames are few, and are
// parsed and built anew.

import {
  CODE,
  emitDiscovery,
  emitSessionList,
  ETH_P_PPP_DISC,
  ETH_P_PPP_SES,
  isUnicastMac,
  LCP_CODE,
  lowerMaxPayload,
  parseDiscovery,
  parseSessionList,
  PPP_PROTOCOL,
  PPPOE,
  readCode,
  readEtherType,
  readProtocol,
  sameMac,
  SESSION_LIST_MAX,
  TAG,
} from "../wire/mod.ts";
import type { DiscoveryPacket } from "../wire/mod.ts";
import type { AddedTags } from "./added_tags.ts";
import { ClientDiscovery } from "./client_discovery.ts";
import { DROP } from "./drop.ts";
import { DialRate, type Limits, limitsOf } from "./limits.ts";
import { macFor } from "./mac_for.ts";
import { padt } from "./padt.ts";
import { NO_TUNNEL, Remote } from "./remote.ts";
import { ServerDiscovery } from "./server_discovery.ts";
import { type Session, type SessionKey, SessionTable } from "./session_table.ts";
import { findHostUniq, replaceTag } from "./tag_list.ts";

/** Which side of the tunnel this is: the server's link leads to the AC, the client's to the hosts. */
export type Side = "server" | "client";

/**
 * Whose addresses each link sees: our own, one of ours for each station beyond the tunnel, or those of
 * the stations themselves.
 */
export type MacMode = "own" | "per-host" | "transparent";

/** What a relay is made with. */
export interface RelayOptions {
  side: Side;
  mac: MacMode;
  /** The address of the link's interface. */
  linkMac: Uint8Array;
  /** The MTU of the link's interface, in bytes; where it is not known, any payload is taken to fit. */
  linkMtu?: number;
  /** After how long with nothing from one of its stations a session is closed, in ms; 0: never. */
  idleMs: number;
  /** After how long with LCP Echo-Requests unanswered a session is closed, in ms; 0: never. */
  deadMs: number;
  /** For how long sessions are held for a remote without a tunnel, in ms; 0: not at all. */
  graceMs: number;
  /** Those that are not given are {@linkcode DEFAULT_LIMITS}. */
  limits?: Partial<Limits>;
  /** The number of the first session. */
  firstSerial?: number;
  /** What the server puts into PADI and PADR. */
  tags?: AddedTags;
  /** What the link's interface is called there; nothing without it. */
  interfaceName?: string;
  /** Makes what stands for a discovery on the AC's link; another one at each call. */
  newToken?: () => Uint8Array;
}

/** What a relay does to the world outside. Frames are only lent for the length of the call. */
export interface RelayPorts {
  toLink(frame: Uint8Array): void;
  toTunnel(tunnel: number, frame: Uint8Array): void;
  /** The payload of a SESSIONS frame; false when there is no room for it. */
  listToTunnel(tunnel: number, payload: Uint8Array): boolean;
  drop(reason: number): void;
  opened(session: Session): void;
  closed(session: Session, reason: string): void;
  /** A remote has not come back in time: nothing is held for it any more. */
  forgotten(remote: Remote): void;
}

/** How each side matches discoveries. */
export interface DiscoveryRelay {
  /** PADI and PADR at the client, PADO and PADS at the server. */
  fromLink(packet: DiscoveryPacket, frame: Uint8Array, nowMs: number): void;
  /** PADO and PADS at the client, PADI and PADR at the server. */
  fromTunnel(remote: Remote, packet: DiscoveryPacket, nowMs: number): void;
  /** Whether anything of a remote is under way. */
  has(remote: Remote): boolean;
  removeRemote(remote: Remote): void;
  /**
   * A session is over, and no longer in the table.
   *
   * @param hungUp Its host has said so, or hears so from this side; else the host may be dialling again.
   */
  closed(session: Session, nowMs: number, hungUp: boolean): void;
  expire(nowMs: number): void;
}

/** A discovery frame is never fragmented, and fits an Ethernet of 1500 bytes (RFC 2516, section 5). */
export const DISCOVERY_FRAME_MAX = 1514;

/** What the PPPoE header and the PPP protocol take of a link's MTU, in bytes (RFC 2516, section 7). */
export const PPP_OVERHEAD = 8;

// What each kind of station sends outside a session, and within one (RFC 2516, RFC 5578).
const HOST_CODES: ReadonlySet<number> = new Set([CODE.PADI, CODE.PADR]);
const AC_CODES: ReadonlySet<number> = new Set([CODE.PADO, CODE.PADS]);
const EITHER_SESSION_CODES: ReadonlySet<number> = new Set([
  CODE.PADT,
  CODE.PADG,
  CODE.PADC,
  CODE.PADQ,
]);
const AC_SESSION_CODES: ReadonlySet<number> = new Set([CODE.PADM, CODE.PADN]);

/** How often {@linkcode Relay.tick} wants to be called, in ms. */
export const TICK_MS = 1000;

/** The relay of one link: its sessions and its discoveries. */
export class Relay {
  readonly sessions: SessionTable;
  readonly options: RelayOptions;
  readonly ports: RelayPorts;
  readonly #discovery: DiscoveryRelay;
  /** Those that have a tunnel, by it. */
  readonly #byTunnel = new Map<number, Remote>();
  /** Those that something is or can be held for, by their keys. */
  readonly #byKey = new Map<string, Remote>();
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
    this.#limits = limitsOf(options.side, options.limits);
    this.#linkMac = options.linkMac.slice();
    this.#linkMtu = options.linkMtu ?? Infinity;
    this.#discovery = options.side === "server"
      ? new ServerDiscovery(this)
      : new ClientDiscovery(this);
  }

  /** The remotes that have a tunnel, by it. */
  get tunnels(): ReadonlyMap<number, Remote> {
    return this.#byTunnel;
  }

  /** The address of the link's interface. */
  get linkMac(): Uint8Array {
    return this.#linkMac;
  }

  /** By which address the stations on the link know this one beyond the tunnel. */
  facing(remote: Remote, farMac: Uint8Array): Uint8Array {
    switch (this.options.mac) {
      case "own":
        return this.#linkMac;
      case "per-host":
        return macFor(remote.name, farMac);
      case "transparent":
        return farMac;
    }
  }

  /** The limits from now on; those that are not given are the default ones. What is open stays open. */
  setLimits(limits: Partial<Limits>): void {
    this.#limits = limitsOf(this.options.side, limits);
  }

  /** Counts a PADI or PADR; false when it is one too many of its host or its client. */
  mayDial(remote: Remote, packet: DiscoveryPacket, nowMs: number): boolean {
    return this.#dialRate.allows(remote, packet, this.#limits, nowMs);
  }

  /** Whether a remote has as many sessions as it may have. */
  isFull(remote: Remote): boolean {
    const { maxSessions } = this.#limits;
    return maxSessions > 0 && remote.sessions >= maxSessions;
  }

  /** The owner of a session frame from the link, which is then made one of the tunnel's; or a drop reason. */
  sessionFromLink(frame: Uint8Array, offset: number, nowMs: number): Session | number {
    if (readEtherType(frame, offset) !== ETH_P_PPP_SES) return DROP["not-pppoe"];
    if (readCode(frame, offset) !== CODE.SESSION) return DROP.malformed;
    const session = this.sessions.findByLink(frame, offset);
    if (session === undefined) return DROP["unknown-session"];
    session.heardFromLink(nowMs, isEchoRequest(frame, offset));
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
    session.heardFromTunnel(nowMs, isEchoRequest(frame, offset));
    session.rewriteForLink(frame, offset);
    return session;
  }

  /** Takes a discovery frame from the link, with its padding cut. It may be changed. */
  discoveryFromLink(frame: Uint8Array, nowMs: number): void {
    this.#nowMs = nowMs;
    const fromHost = this.options.side === "client";
    const packet = this.#checked(frame, fromHost);
    if (packet === undefined) return;
    if (HOST_CODES.has(packet.code) || AC_CODES.has(packet.code)) {
      this.#lowerMaxPayload(packet);
      return this.#discovery.fromLink(packet, frame, nowMs);
    }
    const session = this.sessions.findByLink(frame, 0);
    if (session === undefined) return this.ports.drop(DROP["unknown-session"]);
    session.heardFromLink(nowMs, false);
    session.rewriteForTunnel(frame, 0);
    this.ports.toTunnel(session.tunnel, withoutHostUniq(packet, frame));
    if (packet.code === CODE.PADT) {
      this.#end(session, fromHost ? "PADT from the host" : "PADT from the AC", fromHost);
    }
  }

  /** Takes a discovery frame from a tunnel, with its padding cut. It may be changed. */
  discoveryFromTunnel(tunnel: number, frame: Uint8Array, nowMs: number): void {
    this.#nowMs = nowMs;
    const remote = this.#byTunnel.get(tunnel);
    if (remote === undefined) return this.ports.drop(DROP["no-tunnel"]);
    const fromHost = this.options.side === "server";
    const packet = this.#checked(frame, fromHost);
    if (packet === undefined) return;
    if (HOST_CODES.has(packet.code) || AC_CODES.has(packet.code)) {
      this.#lowerMaxPayload(packet);
      return this.#discovery.fromTunnel(remote, packet, nowMs);
    }
    const session = this.sessions.findByTunnel(tunnel, frame, 0);
    if (session === undefined) return this.ports.drop(DROP["unknown-session"]);
    session.heardFromTunnel(nowMs, false);
    session.rewriteForLink(frame, 0);
    this.ports.toLink(withoutHostUniq(packet, frame));
    if (packet.code === CODE.PADT) {
      this.#end(session, fromHost ? "PADT from the host" : "PADT from the AC", fromHost);
    }
  }

  /** Opens the session that a PADS has granted. */
  open(key: SessionKey, nowMs: number): Session {
    const session = this.sessions.open(key, nowMs);
    this.ports.opened(session);
    return session;
  }

  /** Ends a session and tells those stations of it that are named. */
  close(session: Session, reason: string, tell: { link: boolean; tunnel: boolean }): void {
    if (tell.link) {
      this.ports.toLink(padt(session.peerMac, session.facingMac, session.linkId));
    }
    if (tell.tunnel && !session.remote.held) {
      this.ports.toTunnel(session.tunnel, padt(session.farMac, session.peerMac, session.tunnelId));
    }
    this.#end(session, reason, tell.link && tell.tunnel);
  }

  /** Ends every session, and tells both stations of each. */
  closeAll(reason: string): void {
    for (const session of [...this.sessions]) {
      this.close(session, reason, { link: true, tunnel: true });
    }
  }

  /**
   * A tunnel has come up. The sessions of its remote are carried by it from now on.
   *
   * @param key Who the remote is, across tunnels; undefined where it can't be told.
   * @param name What it calls itself.
   * @returns The tunnel of the same remote that this one takes the place of, or `NO_TUNNEL`.
   */
  addTunnel(tunnel: number, key: string | undefined, name: string, nowMs: number): number {
    const remote = this.#remote(key, name, nowMs);
    const replaced = remote.tunnel;
    this.#byTunnel.delete(replaced);
    remote.tunnel = tunnel;
    remote.name = name;
    this.#byTunnel.set(tunnel, remote);
    if (key !== undefined) this.#list(remote, nowMs);
    return replaced;
  }

  /** A tunnel is gone: the sessions of its remote are held, or end when they can't be. */
  removeTunnel(tunnel: number, reason: string, nowMs: number): void {
    this.#nowMs = nowMs;
    const remote = this.#byTunnel.get(tunnel);
    if (remote === undefined) return;
    this.#byTunnel.delete(tunnel);
    remote.tunnel = NO_TUNNEL;
    remote.heldSinceMs = nowMs;
    const empty = !this.#discovery.has(remote) && remote.sessions === 0;
    if (remote.key === undefined || this.options.graceMs === 0 || empty) {
      this.#forget(remote, reason);
    }
  }

  /** Ends every session of a tunnel's remote, and tells both stations of each. */
  closeTunnel(tunnel: number, reason: string): void {
    const remote = this.#byTunnel.get(tunnel);
    if (remote === undefined) return;
    for (const session of this.#sessionsOf(remote)) {
      this.close(session, reason, { link: true, tunnel: true });
    }
  }

  /** The sessions that a remote has, in one or more parts. Those that it has not are over. */
  listFromTunnel(tunnel: number, payload: Uint8Array): void {
    const remote = this.#byTunnel.get(tunnel);
    const list = parseSessionList(payload);
    if (remote === undefined || list === undefined) return this.ports.drop(DROP.malformed);
    for (const { ac, host, sessionId } of list.sessions) {
      const [far, peer] = this.options.side === "server" ? [host, ac] : [ac, host];
      const session = this.sessions.atRemote(remote, sessionId, far, peer);
      if (session !== undefined) session.agreed = true;
    }
    if (!list.last) return;
    for (const session of this.#sessionsOf(remote)) {
      if (!session.agreed) {
        this.close(session, "the other side has it no more", { link: true, tunnel: false });
      }
    }
  }

  /** Takes up a session of an earlier run, which is held until its remote comes. */
  restore(
    session: Omit<SessionKey, "remote"> & { serial: number; openedMs: number },
    remote: { key: string; name: string; heldSinceMs: number },
    nowMs: number,
  ): void {
    const { name, heldSinceMs } = remote;
    const of = this.#remote(remote.key, name, heldSinceMs);
    const { serial, openedMs } = session;
    this.sessions.open({ ...session, remote: of }, nowMs, serial).openedMs = openedMs;
  }

  /** When the next grace is over, and `tick` has to be called at the latest. */
  get dueMs(): number {
    let dueMs = Infinity;
    for (const remote of this.#byKey.values()) {
      if (remote.held) dueMs = Math.min(dueMs, remote.heldSinceMs + this.options.graceMs);
    }
    return dueMs;
  }

  /** The link's interface has (perhaps) another address: what was bound to the old one ends. */
  setLinkMac(mac: Uint8Array): void {
    if (sameMac(mac, 0, this.#linkMac, 0)) return;
    this.#linkMac = mac.slice();
    if (this.options.mac !== "own") return;
    for (const session of [...this.sessions]) {
      this.close(session, "the interface's address changed", { link: true, tunnel: true });
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
    for (const remote of this.#byKey.values()) {
      if (remote.held && nowMs - remote.heldSinceMs >= this.options.graceMs) {
        this.#forget(remote, "the other side did not come back");
      }
    }
    const both = { link: true, tunnel: true };
    for (const session of this.sessions) {
      if (session.remote.held) continue;
      const silentMs = nowMs - Math.min(session.linkMs, session.tunnelMs);
      const dead = deadMs > 0 ? session.unanswering(nowMs, deadMs) : undefined;
      if (dead !== undefined) {
        const ac = (dead === "link") === (this.options.side === "server");
        this.close(session, `no answer from the ${ac ? "AC" : "host"}`, both);
      } else if (idleMs > 0 && silentMs >= idleMs) this.close(session, "idle", both);
    }
  }

  #remote(key: string | undefined, name: string, nowMs: number): Remote {
    if (key === undefined) return new Remote(undefined, name, nowMs);
    let remote = this.#byKey.get(key);
    if (remote === undefined) this.#byKey.set(key, remote = new Remote(key, name, nowMs));
    return remote;
  }

  // Nobody comes back for what this remote had.
  #forget(remote: Remote, reason: string): void {
    if (remote.key !== undefined) this.#byKey.delete(remote.key);
    this.#discovery.removeRemote(remote);
    for (const session of this.#sessionsOf(remote)) {
      this.close(session, reason, { link: true, tunnel: false });
    }
    this.ports.forgotten(remote);
  }

  // Tells a remote which of its sessions are here, before anything else goes through its new tunnel.
  #list(remote: Remote, nowMs: number): void {
    const all = this.#sessionsOf(remote);
    for (const session of all) {
      session.agreed = false;
      session.resumed(nowMs);
    }
    const entries = all.map(({ peerMac, farMac, tunnelId: sessionId }) =>
      this.options.side === "server"
        ? { ac: peerMac, host: farMac, sessionId }
        : { ac: farMac, host: peerMac, sessionId }
    );
    let at = 0;
    let last: boolean;
    do {
      const sessions = entries.slice(at, at += SESSION_LIST_MAX);
      last = at >= entries.length;
      // What is not told stays as it is, at both sides.
      if (!this.ports.listToTunnel(remote.tunnel, emitSessionList({ last, sessions }))) return;
    } while (!last);
  }

  #sessionsOf(remote: Remote): Session[] {
    const sessions: Session[] = [];
    for (const session of this.sessions) if (session.remote === remote) sessions.push(session);
    return sessions;
  }

  #end(session: Session, reason: string, hungUp: boolean): void {
    if (!this.sessions.close(session)) return;
    this.#discovery.closed(session, this.#nowMs, hungUp);
    this.ports.closed(session, reason);
  }

  // Host and AC agree on frames that their own links carry; ours is between them (RFC 4638). The values
  // are parts of the frame, so it is changed with the packet.
  #lowerMaxPayload({ tags }: DiscoveryPacket): void {
    for (const tag of tags) lowerMaxPayload(tag, this.#linkMtu - PPP_OVERHEAD);
  }

  // The frame as a packet that this kind of station may send from such an address; or undefined, counted.
  #checked(frame: Uint8Array, fromHost: boolean): DiscoveryPacket | undefined {
    if (readEtherType(frame) !== ETH_P_PPP_DISC) return this.#refuse(DROP["not-pppoe"]);
    if (frame.length > DISCOVERY_FRAME_MAX) return this.#refuse(DROP["frame-too-large"]);
    const packet = parseDiscovery(frame);
    if (packet === undefined) return this.#refuse(DROP.malformed);
    const { code, sessionId } = packet;
    const begins = HOST_CODES.has(code) || AC_CODES.has(code);
    const known = begins || EITHER_SESSION_CODES.has(code) || AC_SESSION_CODES.has(code);
    if (!known) return this.#refuse(DROP.malformed);
    if (fromHost ? AC_CODES.has(code) || AC_SESSION_CODES.has(code) : HOST_CODES.has(code)) {
      return this.#refuse(DROP["wrong-direction"]);
    }
    // RFC 2516, section 5: only PADS, and what belongs to a session, has a session id.
    if (begins && code !== CODE.PADS && sessionId !== 0) return this.#refuse(DROP.malformed);
    if (!isUnicastMac(packet.source)) return this.#refuse(DROP["bad-address"]);
    if (code !== CODE.PADI && !isUnicastMac(packet.destination)) {
      return this.#refuse(DROP["bad-address"]);
    }
    return packet;
  }

  #refuse(reason: number): undefined {
    this.ports.drop(reason);
  }
}

// What a frame's own length leaves of these bytes does not matter here: at worst a question is seen
// that nobody asked, which the next frame answers.
function isEchoRequest(frame: Uint8Array, offset: number): boolean {
  return readProtocol(frame, offset) === PPP_PROTOCOL.LCP &&
    frame[offset + PPPOE.payload + 2] === LCP_CODE.ECHO_REQUEST;
}

// Each side of the server knows a discovery by another Host-Uniq, and a session is known by neither:
// some stations put theirs into a PADT all the same.
function withoutHostUniq(packet: DiscoveryPacket, frame: Uint8Array): Uint8Array {
  if (findHostUniq(packet.tags) === undefined) return frame;
  // Its addresses and id are those of the frame, which has been rewritten.
  const rewritten = parseDiscovery(frame)!;
  return emitDiscovery({
    ...rewritten,
    tags: replaceTag(rewritten.tags, TAG.HOST_UNIQ, undefined),
  });
}
