// The state that results from a sequence of changes. No I/O.

import type { Change, SessionRecord } from "./session_record.ts";

/**
 * The live sessions and the undelivered PADTs after some changes. Applying changes a second time makes
 * no difference, so it does no harm to read a segment that is already in the base.
 */
export class Replay {
  /** The live sessions by serial number. */
  readonly sessions = new Map<number, SessionRecord>();
  /** The undelivered PADTs by their hexadecimal digits. */
  readonly undelivered = new Map<string, Uint8Array>();
  /** The times at which peers lost their tunnels, by the peers' keys. */
  readonly away = new Map<string, number>();
  /** The highest serial number seen. */
  lastSerial = 0;
  // Entries that the current reset has not named. They are dropped only at its end, because the process
  // may have been killed before that.
  #unnamedSessions = new Set<number>();
  #unnamedUndelivered = new Set<string>();

  /** Applies a change. */
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
      case "undelivered":
        this.undelivered.set(change.key, change.frame);
        this.#unnamedUndelivered.delete(change.key);
        return;
      case "delivered":
        this.undelivered.delete(change.key);
        return;
      case "away":
        this.away.set(change.peer, change.sinceMs);
        return;
      case "back":
        this.away.delete(change.peer);
        return;
      case "reset":
        if (change.part === "begin") {
          // It is unknown which peers have returned in the meantime, so the grace time starts again.
          this.away.clear();
          this.#unnamedSessions = new Set(this.sessions.keys());
          this.#unnamedUndelivered = new Set(this.undelivered.keys());
          return;
        }
        for (const serial of this.#unnamedSessions) this.sessions.delete(serial);
        for (const key of this.#unnamedUndelivered) this.undelivered.delete(key);
        this.#unnamedSessions.clear();
        this.#unnamedUndelivered.clear();
    }
  }

  #saw(serial: number): void {
    this.lastSerial = Math.max(this.lastSerial, serial);
  }
}
