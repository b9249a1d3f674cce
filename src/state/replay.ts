// What changes, one after the other, come to. No I/O.

import type { Change, SessionRecord } from "./session_record.ts";

/**
 * The live sessions and the owed PADTs after some changes. To apply changes again, over a state that
 * has them all already, comes to the same: a segment may be read although the base has it.
 */
export class Replay {
  /** The live sessions, by serial number. */
  readonly sessions = new Map<number, SessionRecord>();
  /** The owed PADTs, by their hexadecimal digits. */
  readonly owed = new Map<string, Uint8Array>();
  /** Since when peers have no tunnel, by their keys. */
  readonly away = new Map<string, number>();
  /** The highest serial number that was seen. */
  lastSerial = 0;
  // What a reset has not named so far: dropped at its end only, since the process may have been
  // killed amid it.
  #unnamedSessions = new Set<number>();
  #unnamedOwed = new Set<string>();

  apply(change: Change): void {
    switch (change.type) {
      case "open": {
        const { serial } = change.record;
        this.sessions.set(serial, change.record);
        this.#unnamedSessions.delete(serial);
        this.#saw(serial);
        return;
      }
      case "close":
        this.sessions.delete(change.serial);
        return this.#saw(change.serial);
      case "owe":
        this.owed.set(change.key, change.frame);
        this.#unnamedOwed.delete(change.key);
        return;
      case "paid":
        this.owed.delete(change.key);
        return;
      case "away":
        this.away.set(change.peer, change.sinceMs);
        return;
      case "back":
        this.away.delete(change.peer);
        return;
      case "reset":
        if (change.part === "begin") {
          // Who has come back meanwhile is not known; the time then begins anew.
          this.away.clear();
          this.#unnamedSessions = new Set(this.sessions.keys());
          this.#unnamedOwed = new Set(this.owed.keys());
          return;
        }
        for (const serial of this.#unnamedSessions) this.sessions.delete(serial);
        for (const key of this.#unnamedOwed) this.owed.delete(key);
        this.#unnamedSessions.clear();
        this.#unnamedOwed.clear();
    }
  }

  #saw(serial: number): void {
    this.lastSerial = Math.max(this.lastSerial, serial);
  }
}
