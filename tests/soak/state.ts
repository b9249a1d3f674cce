// What stands for a state directory: what was noted in it, and when its process was last there.

import type { Notes } from "../../src/dataplane/session_journal.ts";
import { type Relay, restore } from "../../src/relay/mod.ts";
import type { SessionRecord } from "../../src/state/mod.ts";
import { Replay } from "../../src/state/replay.ts";

/** One that takes everything at once. The simulation's time is that of all clocks. */
export class State implements Notes {
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

  /** Gives a relay what it is to begin with. */
  restore(relay: Relay, nowMs: number): void {
    const { sessions, away } = this.#replay;
    const state = { sessions: [...sessions.values()], away, silentMs: nowMs - this.deadMs };
    restore(relay, state, nowMs, nowMs);
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

  owes(): void {}
  paid(): void {}

  retry(): boolean {
    return true;
  }

  close(): void {}
}
