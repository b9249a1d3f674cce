// The end of a data plane: its sessions are closed on both sides, or left to the next run; then its
// tunnels are drained.

import type { LinkOutput } from "../link/link_output.ts";
import type { Counters } from "../observe/counters.ts";
import type { Relay } from "../relay/mod.ts";
import { REASON } from "../wire/mod.ts";
import { Drain } from "./drain.ts";
import type { EventBatch } from "./event_batch.ts";
import type { SessionJournal } from "./session_journal.ts";
import type { Tunnels } from "./tunnels.ts";

/** The parts of a data plane that are needed to stop it. */
export interface StoppingPlane {
  readonly relay: Relay;
  readonly tunnels: Tunnels;
  readonly output: LinkOutput;
  readonly counters: Counters;
  readonly events: EventBatch;
  readonly journal: SessionJournal | undefined;
}

/** A stop that is under way. */
export class Shutdown {
  readonly #plane: StoppingPlane;
  readonly #drain: Drain;

  /**
   * Begins to stop.
   *
   * @param plane The parts of the data plane
   * @param keep The directory in which to keep the sessions; undefined to close them
   * @param nowMs The time
   */
  constructor(plane: StoppingPlane, keep: string | undefined, nowMs: number) {
    this.#plane = plane;
    const kept = keep !== undefined && this.#canKeep(keep, nowMs);
    if (!kept) plane.relay.closeAll("shutdown");
    const reason = kept ? REASON.RESTART : REASON.SHUTDOWN;
    this.#drain = new Drain(plane.tunnels, plane.counters, reason, nowMs);
  }

  /** Returns the time to wait before the next step, in ms. */
  waitMs(nowMs: number): number {
    return this.#drain.waitMs(nowMs);
  }

  /** Continues to stop; returns true when done. */
  step(nowMs: number): boolean {
    const { relay, output, events, journal } = this.#plane;
    const gone = (id: number) =>
      events.push({ type: "tunnel-down", id, reason: "shutdown", cause: "shutdown" });
    if (!this.#drain.step(nowMs, gone)) return false;
    output.deliver(relay.sessions);
    output.report();
    journal?.catchUp(relay.sessions, output.undelivered, nowMs, Infinity);
    return true;
  }

  // Makes sure that the next run will know all sessions; one that it does not know would never end.
  #canKeep(path: string, nowMs: number): boolean {
    const { relay, output, events, journal } = this.#plane;
    if (journal === undefined) return false;
    if (journal.catchUp(relay.sessions, output.undelivered, nowMs, Infinity)) return true;
    events.push({ type: "notice", notice: { id: "sessions-not-kept", path }, suppressed: 0 });
    return false;
  }
}
