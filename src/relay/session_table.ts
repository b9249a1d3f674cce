// The sessions of one link, which are found from either side by addresses and session id, without an allocation.

import { assertInvariant } from "../assert.ts";
import { ETHERNET, readSessionId, sameMac } from "../wire/mod.ts";
import type { Peer } from "./peer.ts";
import { isSessionId, LAST_SESSION_ID, Session, type SessionKey } from "./session.ts";

const DESTINATION = ETHERNET.destination[0];
const SOURCE = ETHERNET.source[0];

/**
 * All sessions of one link. Sessions are indexed by their ids. Those that share an id are chained, and differ in
 * their addresses.
 */
export class SessionTable {
  readonly #byLink = new Map<number, Session>();
  readonly #byTunnel = new Map<number, Session>();
  readonly #all = new Set<Session>();
  #serial: number;

  /** Makes an empty table, whose sessions are numbered from `firstSerial`. */
  constructor(firstSerial = 1) {
    this.#serial = firstSerial;
  }

  /** The number of sessions. */
  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#all.values();
  }

  /** Finds the session of a frame that came from the link. */
  findByLink(frame: Uint8Array, offset: number): Session | undefined {
    let session = this.#byLink.get(readSessionId(frame, offset));
    while (
      session !== undefined &&
      !(sameMac(session.nearMac, 0, frame, offset + SOURCE) &&
        sameMac(session.shownMac, 0, frame, offset + DESTINATION))
    ) session = session.nextByLink;
    return session;
  }

  /** Finds the session of a frame that came from a tunnel, among those of the tunnel's peer. */
  findByTunnel(tunnel: number, frame: Uint8Array, offset: number): Session | undefined {
    let session = this.#byTunnel.get(readSessionId(frame, offset));
    while (
      session !== undefined &&
      !(session.peer.tunnel === tunnel &&
        sameMac(session.farMac, 0, frame, offset + SOURCE) &&
        sameMac(session.nearMac, 0, frame, offset + DESTINATION))
    ) session = session.nextByTunnel;
    return session;
  }

  /** Finds the session by the addresses and the id on the link. */
  atLink(linkId: number, nearMac: Uint8Array, shownMac: Uint8Array): Session | undefined {
    let session = this.#byLink.get(linkId);
    while (
      session !== undefined &&
      !(sameMac(session.nearMac, 0, nearMac, 0) && sameMac(session.shownMac, 0, shownMac, 0))
    ) session = session.nextByLink;
    return session;
  }

  /** Finds the session that a frame for the link belongs to. */
  atLinkAs(frame: Uint8Array): Session | undefined {
    const nearMac = frame.subarray(...ETHERNET.destination);
    return this.atLink(readSessionId(frame, 0), nearMac, frame.subarray(...ETHERNET.source));
  }

  /** Finds the session of a peer by the addresses and the id in the tunnel. */
  atPeer(
    peer: Peer,
    tunnelId: number,
    farMac: Uint8Array,
    nearMac: Uint8Array,
  ): Session | undefined {
    let session = this.#byTunnel.get(tunnelId);
    while (
      session !== undefined &&
      !(session.peer === peer && sameMac(session.farMac, 0, farMac, 0) &&
        sameMac(session.nearMac, 0, nearMac, 0))
    ) session = session.nextByTunnel;
    return session;
  }

  /**
   * Adds a session. No other session may have the same addresses and id, on the link or at the peer.
   *
   * @param serial The session's number, if an earlier run has assigned it
   * @param openedMs The time at which it was opened, if that was earlier
   */
  open(
    key: SessionKey,
    nowMs: number,
    serial: number = this.#serial++,
    openedMs: number = nowMs,
  ): Session {
    const { peer, nearMac, farMac, shownMac, tunnelId, linkId } = key;
    assertInvariant(
      this.atLink(linkId, nearMac, shownMac) === undefined,
      "two sessions on the link have the same addresses and id",
    );
    assertInvariant(
      this.atPeer(peer, tunnelId, farMac, nearMac) === undefined,
      "two sessions of a peer have the same addresses and id",
    );
    const session = new Session(serial, key, nowMs, openedMs);
    session.nextByLink = this.#byLink.get(linkId);
    this.#byLink.set(linkId, session);
    session.nextByTunnel = this.#byTunnel.get(tunnelId);
    this.#byTunnel.set(tunnelId, session);
    this.#all.add(session);
    peer.sessions.add(session);
    return session;
  }

  /** Removes a session, which must be in the table. */
  close(session: Session): void {
    assertInvariant(this.#all.delete(session), "a session that ended is not in the table");
    assertInvariant(session.peer.sessions.delete(session), "a session's peer does not have it");
    const { linkId, tunnelId } = session;
    let at = this.#byLink.get(linkId);
    if (at === session) {
      if (session.nextByLink === undefined) this.#byLink.delete(linkId);
      else this.#byLink.set(linkId, session.nextByLink);
    } else {
      while (at !== undefined && at.nextByLink !== session) at = at.nextByLink;
      assertInvariant(at !== undefined, "a session is missing in the index of the link");
      at.nextByLink = session.nextByLink;
    }

    at = this.#byTunnel.get(tunnelId);
    if (at === session) {
      if (session.nextByTunnel === undefined) this.#byTunnel.delete(tunnelId);
      else this.#byTunnel.set(tunnelId, session.nextByTunnel);
    } else {
      while (at !== undefined && at.nextByTunnel !== session) at = at.nextByTunnel;
      assertInvariant(at !== undefined, "a session is missing in the index of tunnels");
      at.nextByTunnel = session.nextByTunnel;
    }
  }

  /**
   * Checks the whole table, which takes too long for production: each session is in both indexes and at its
   * peer exactly once, and nothing else is.
   *
   * @throws {InvariantError} If the table is inconsistent
   */
  audit(): void {
    const peers = new Set<Peer>();
    for (const session of this.#all) {
      const { peer, nearMac, farMac, shownMac, tunnelId, linkId, state } = session;
      peers.add(peer);
      assertInvariant(state !== "closed", "a session in the table is closed");
      assertInvariant(
        (state === "held") === peer.held,
        "a session and its peer disagree on whether it is held",
      );
      assertInvariant(
        this.atLink(linkId, nearMac, shownMac) === session,
        "the index of the link gives another session",
      );
      assertInvariant(
        this.atPeer(peer, tunnelId, farMac, nearMac) === session,
        "the index of tunnels gives another session",
      );
      assertInvariant(peer.sessions.has(session), "a session's peer does not have it");
    }
    const { size } = this.#all;
    let [byLink, byTunnel, byPeer] = [0, 0, 0];
    for (const first of this.#byLink.values()) {
      for (let at: Session | undefined = first; at !== undefined; at = at.nextByLink) byLink++;
    }
    for (const first of this.#byTunnel.values()) {
      for (let at: Session | undefined = first; at !== undefined; at = at.nextByTunnel) byTunnel++;
    }
    for (const { sessions } of peers) byPeer += sessions.size;
    assertInvariant(byLink === size, "the index of the link has a session too many");
    assertInvariant(byTunnel === size, "the index of tunnels has a session too many");
    assertInvariant(byPeer === size, "a peer has a session too many");
  }

  /**
   * Finds an id on the link that this pair of addresses does not use yet.
   *
   * @param wanted The id to use if it is free
   * @param rests Vetoes a free id that must not be reused yet
   * @returns The id; undefined if none is left
   */
  freeLinkId(
    wanted: number,
    nearMac: Uint8Array,
    shownMac: Uint8Array,
    rests: (id: number) => boolean = () => false,
  ): number | undefined {
    let id = wanted;
    for (let tried = 0; tried <= LAST_SESSION_ID; tried++) {
      const free = isSessionId(id) && this.atLink(id, nearMac, shownMac) === undefined;
      if (free && !rests(id)) return id;
      // Search from the top down: ACs count up, so they reach these ids last.
      id = id <= 1 || tried === 0 ? LAST_SESSION_ID : id - 1;
    }
    return undefined;
  }
}
