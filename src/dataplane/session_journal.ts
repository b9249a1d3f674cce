// The record of sessions that the data plane keeps for the next run.

import type { Peer, Session } from "../relay/mod.ts";
import type { Journal, SessionRecord } from "../state/mod.ts";

/** The place where changes are noted: a journal, or a substitute for one. */
export type Notes = Pick<Journal, keyof Journal>;

/** Keeps sessions, and the PADTs that the link has not taken, for another run of the program. */
export class SessionJournal {
  readonly #journal: Notes;
  readonly #clock: () => number;
  /** The peers that are noted as away. */
  readonly #noted: Set<string>;

  /**
   * Notes from now on what changes.
   *
   * @param away The peers that an earlier run has noted as away.
   * @param clock The time, in ms since the epoch.
   */
  constructor(journal: Notes, away: Iterable<string>, clock: () => number = Date.now) {
    this.#journal = journal;
    this.#noted = new Set(away);
    this.#clock = clock;
  }

  /** Notes a session before anybody is told that it is open. */
  opened(session: Session, nowMs: number): void {
    this.#journal.opened(this.#recordOf(session, nowMs));
    this.noteAway(session.peer, nowMs);
  }

  closed(session: Session): void {
    this.#journal.closed(session.serial);
  }

  /** Notes since when a peer that has no tunnel has to come back for its sessions. */
  noteAway({ key, held, heldSinceMs, sessions }: Peer, nowMs: number): void {
    if (key === undefined || !held || sessions.size === 0 || this.#noted.has(key)) return;
    this.#noted.add(key);
    this.#journal.away(key, Math.round(this.#clock() - (nowMs - heldSinceMs)));
  }

  /** Notes that nobody waits for a peer any more. */
  notAway({ key }: Peer): void {
    if (key !== undefined && this.#noted.delete(key)) this.#journal.back(key);
  }

  /** Notes a PADT that the link has not taken. */
  undelivered(padt: Uint8Array): void {
    this.#journal.undelivered(padt);
  }

  /** Notes that such a PADT is sent, or given up. */
  delivered(padt: Uint8Array): void {
    this.#journal.delivered(padt);
  }

  /**
   * Where something could not be written, tries again to write all of it.
   *
   * @param sessions All that are open.
   * @param undelivered All PADTs that the link has not taken.
   * @param atMs The time, by which it is tried ever less often; Infinity where it is the last chance.
   * @returns Whether all is written.
   */
  catchUp(
    sessions: Iterable<Session>,
    undelivered: readonly Uint8Array[],
    nowMs: number,
    atMs = nowMs,
  ): boolean {
    if (!this.#journal.broken) return true;
    if (!this.#journal.retry(this.#recordsOf(sessions, nowMs), undelivered, atMs)) return false;
    // What is noted of those who are away begins anew with the rest.
    this.#noted.clear();
    for (const { peer } of sessions) this.noteAway(peer, nowMs);
    return true;
  }

  /** Notes nothing more. */
  close(): void {
    this.#journal.close();
  }

  *#recordsOf(sessions: Iterable<Session>, nowMs: number): Generator<SessionRecord> {
    for (const session of sessions) yield this.#recordOf(session, nowMs);
  }

  #recordOf(session: Session, nowMs: number): SessionRecord {
    const { serial, peer, nearMac, farMac, shownMac, tunnelId, linkId, openedMs } = session;
    return {
      serial,
      peer: peer.key ?? "",
      name: peer.name,
      nearMac,
      farMac,
      shownMac,
      tunnelId,
      linkId,
      openedAtMs: Math.round(this.#clock() - (nowMs - openedMs)),
    };
  }
}
