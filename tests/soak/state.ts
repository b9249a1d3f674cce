// A substitute for a state directory: the changes that were noted in it, and when its process ended.

import type { KeptState } from "../../src/dataplane/messages.ts";
import type { JournalWriter } from "../../src/dataplane/session_journal.ts";
import type { SessionRecord } from "../../src/state/mod.ts";
import { Replay } from "../../src/state/replay.ts";

/** One that takes everything at once. The simulation's time is that of all clocks. */
export class State implements JournalWriter {
  readonly broken = false;
  readonly #replay = new Replay();
  /** When its process ended. */
  deadMs = 0;

  /** The sessions that are noted. */
  get sessions(): ReadonlyMap<number, SessionRecord> {
    return this.#replay.sessions;
  }

  /** The peers that are noted as away. */
  get peersAway(): Iterable<string> {
    return this.#replay.away.keys();
  }

  /** The state as the next run finds it. */
  kept(nextSerial: number, nowMs: number): KeptState {
    const { sessions, undelivered, away } = this.#replay;
    return {
      path: "memory",
      segment: 1,
      nextSerial,
      sessions: [...sessions.values()],
      undelivered: [...undelivered.values()],
      away: new Map(away),
      secret: new Uint8Array(16),
      silentMs: nowMs - this.deadMs,
    };
  }

  opened(record: SessionRecord): void {
    this.#replay.apply({ type: "open", record });
  }

  closed(serial: number): void {
    this.#replay.apply({ type: "close", serial });
  }

  away(peer: string, sinceMs: number): void {
    this.#replay.apply({ type: "away", peer, sinceMs });
  }

  back(peer: string): void {
    this.#replay.apply({ type: "back", peer });
  }

  undelivered(frame: Uint8Array): void {
    this.#replay.apply({ type: "undelivered", key: frame.toHex(), frame: frame.slice() });
  }

  delivered(frame: Uint8Array): void {
    this.#replay.apply({ type: "delivered", key: frame.toHex() });
  }

  retry(): boolean {
    return true;
  }

  close(): void {}
}
