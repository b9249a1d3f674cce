// Changes of this machine's addresses and routes.
//
// One change, such as a new lease, comes as a burst of messages, and a router may change its routes all the
// time. So the first message starts a short time in which no others are read, and one event stands for all.

import type { EventSink } from "../observe/events.ts";
import type { Readiness } from "./readiness.ts";

/** The time between the first message and the event, in ms. */
const SETTLE_MS = 100;

/** Reports changes, at most ten times a second. */
export class NetworkChanges {
  /** The time at which {@linkcode run} is due; `Infinity` while nothing has changed. */
  dueMs = Infinity;
  readonly #readiness: Pick<Readiness, "watchNetwork" | "ignoreNetwork">;
  readonly #events: Pick<EventSink, "push">;

  /**
   * Reports nothing yet.
   *
   * @param readiness The descriptors that are waited for
   * @param events Takes the events
   */
  constructor(
    readiness: Pick<Readiness, "watchNetwork" | "ignoreNetwork">,
    events: Pick<EventSink, "push">,
  ) {
    this.#readiness = readiness;
    this.#events = events;
  }

  /** Notes that something has changed. */
  heard(nowMs: number): void {
    if (this.dueMs < Infinity) return;
    this.dueMs = nowMs + SETTLE_MS;
    this.#readiness.ignoreNetwork();
  }

  /** Reports the change once its time has come, and watches for the next one. */
  run(nowMs: number): void {
    if (nowMs < this.dueMs) return;
    this.dueMs = Infinity;
    this.#readiness.watchNetwork();
    this.#events.push({ type: "network-changed" });
  }
}
