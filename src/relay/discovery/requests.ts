// The PADRs of a discovery, and the number of them that have not been answered yet.

import type { Session } from "../session.ts";
import type { Discovery, PendingTable } from "./pending.ts";

/** The maximum number of pairs of AC and Host-Uniq per discovery; one more replaces the oldest. */
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
  /** The PADRs to each AC, by AC and Host-Uniq. */
  readonly asked: Map<string, Asked>;
}

/**
 * The PADRs of one discovery that went to one AC with one Host-Uniq. Each can open one session. Hosts repeat
 * PADRs and ACs answer each of them, so a PADS for a session that has ended may still be on its way. The PADRs
 * that were sent before that PADS was first seen have been answered, and open nothing.
 */
export class Requests {
  #asked = 0;
  #answered = 0;
  /** The number of PADRs that had arrived by the time of the last PADS of each session. */
  readonly #askedBy = new WeakMap<Session, number>();

  /** The number of PADRs without an answer. */
  get open(): number {
    return this.#asked - this.#answered;
  }

  /** Counts a PADR. */
  ask(): void {
    this.#asked++;
  }

  /** Counts a PADS that opens no session. */
  refuse(): void {
    this.#answered++;
  }

  /** Counts a PADS that has opened a session. */
  grant(session: Session): void {
    this.#answered++;
    this.repeat(session);
  }

  /** Notes another PADS for such a session. */
  repeat(session: Session): void {
    this.#askedBy.set(session, this.#asked);
  }

  /**
   * Notes the end of such a session.
   *
   * @param withdrawn True if its host no longer wants a session
   */
  end(session: Session, withdrawn: boolean): void {
    const asked = withdrawn ? this.#asked : this.#askedBy.get(session) ?? 0;
    this.#answered = Math.max(this.#answered, asked);
  }
}

/**
 * Finds the PADRs of a discovery to one AC with one Host-Uniq, or makes an empty record of them.
 *
 * @param key The key of the AC and the Host-Uniq within the discovery
 * @param mark The mark by which the table can find the discovery from now on
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
