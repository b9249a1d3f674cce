// The PADRs of a discovery, and which of them are still to be answered.

import type { Session } from "../session.ts";
import type { Discovery, PendingTable } from "./pending.ts";

/** The maximum number of ACs and Host-Uniqs that one discovery may ask with; one more replaces the oldest. */
const REQUESTS = 16;

/** The PADRs that went to one AC with one Host-Uniq. */
export interface Asked {
  readonly acMac: Uint8Array;
  readonly requests: Requests;
  /** The mark by which the table finds the discovery for a repeat. */
  readonly mark: string;
}

/** A discovery whose PADRs are counted. */
export interface Asking extends Discovery {
  /** The PADRs that it asked each AC with, by AC and Host-Uniq. */
  readonly asked: Map<string, Asked>;
}

/**
 * The PADRs of one discovery that went to one AC with one Host-Uniq. Each can open one session. Hosts repeat
 * theirs and ACs answer each of them, so that a PADS for a session that has ended may still be on its way:
 * what was asked before that PADS was first seen has had its answer, and opens nothing.
 */
export class Requests {
  #asked = 0;
  #answered = 0;
  /** The number of PADRs that had come when the last PADS of each session did. */
  readonly #askedBy = new WeakMap<Session, number>();

  /** The number of PADRs that have no answer yet. */
  get open(): number {
    return this.#asked - this.#answered;
  }

  /** Counts a PADR. */
  ask(): void {
    this.#asked++;
  }

  /** Counts a PADS that opens nothing. */
  refuse(): void {
    this.#answered++;
  }

  /** Counts a PADS that has opened a session. */
  grant(session: Session): void {
    this.#answered++;
    this.repeat(session);
  }

  /** Notes a PADS that has come once more for such a session. */
  repeat(session: Session): void {
    this.#askedBy.set(session, this.#asked);
  }

  /**
   * Notes the end of such a session.
   *
   * @param withdrawn True if its host no longer wants what it has asked for
   */
  end(session: Session, withdrawn: boolean): void {
    const asked = withdrawn ? this.#asked : this.#askedBy.get(session) ?? 0;
    this.#answered = Math.max(this.#answered, asked);
  }
}

/**
 * Finds the PADRs of a discovery, or makes room for the first one.
 *
 * @param key The key of the AC and the Host-Uniq among those that the discovery asks with
 * @param mark The mark by which the table finds the discovery from now on
 */
export function requestsOf<T extends Asking>(
  table: PendingTable<T>,
  discovery: T,
  acMac: Uint8Array,
  key: string,
  mark: string,
): Requests {
  const { asked } = discovery;
  let known = asked.get(key);
  if (known === undefined) {
    if (asked.size >= REQUESTS) {
      const [[oldest, { mark }]] = asked;
      asked.delete(oldest);
      table.unmark(discovery, mark);
    }
    known = { acMac: acMac.slice(), requests: new Requests(), mark };
    asked.set(key, known);
  }
  table.mark(discovery, known.mark);
  return known.requests;
}
