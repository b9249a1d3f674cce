// A substitute for a state directory: the recorded changes, and the time at which its process ended.

import type { KeptState } from "../../src/dataplane/messages.ts";
import type { JournalWriter } from "../../src/dataplane/session_journal.ts";
import type { SessionRecord } from "../../src/state/mod.ts";
import { Replay } from "../../src/state/replay.ts";

/** A state that records every change at once. All clocks show the simulation's time. */
export class State implements JournalWriter {
  readonly broken = false;
  readonly #replay = new Replay();
  /** The time at which its process ended. */
  deadMs = 0;

  /** The recorded sessions, by serial. */
  get sessions(): ReadonlyMap<number, SessionRecord> {
    return this.#replay.sessions;
  }

  /** The keys of the peers that are recorded as away. */
  get peersAway(): Iterable<string> {
    return this.#replay.away.keys();
  }

  /** Returns the state as the next run finds it. */
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
