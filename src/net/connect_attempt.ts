// Connecting to a host, without I/O: its name is looked up, then its addresses are tried in turn.
//
//     resolve ──addresses──► connect ──► connected
//        │                    │   ▲
//        │ failed             │   └ failed, or no answer in time: the next address
//        ▼                    ▼
//      failed ◄───────────── after the last one
//
// Each step has ten seconds, including the lookup, because a resolver may not answer either.

import { type Endpoint, formatEndpoint } from "./endpoint.ts";

/** The time limit for the lookup and for each address, in ms. */
export const STEP_MS = 10_000;

/** The reason why a host could not be connected to. */
export interface ConnectFailure {
  /** The step at which the attempt ended. */
  step: "resolve" | "connect";
  /** The error; for several addresses, that of the last one. */
  reason: string;
}

/** The current step of an attempt. */
export type ConnectStep =
  /** Look up the addresses of a name. */
  | { is: "resolve"; hostname: string }
  /** Connect to an address. */
  | { is: "connect"; address: Endpoint }
  | { is: "connected" }
  | { is: "failed"; failure: ConnectFailure };

/** An attempt to connect to a host. Times are in ms, by a monotonic clock. */
export class ConnectAttempt {
  readonly #port: number;
  #step: ConnectStep;
  #dueMs: number;
  #addresses: string[] = [];

  /**
   * Starts with the lookup.
   *
   * @param endpoint The host
   * @param nowMs The time
   */
  constructor({ hostname, port }: Endpoint, nowMs: number) {
    this.#port = port;
    this.#step = { is: "resolve", hostname };
    this.#dueMs = nowMs + STEP_MS;
  }

  /** The current step: a new object whenever the attempt has moved on. */
  get step(): ConnectStep {
    return this.#step;
  }

  /** The time at which the current step is given up; `Infinity` once the attempt is over. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /**
   * Takes the result of the lookup.
   *
   * @param addresses The addresses, in the order in which they are tried
   * @param nowMs The time
   */
  resolved(addresses: string[], nowMs: number): void {
    if (this.#step.is !== "resolve") return;
    this.#addresses = [...addresses];
    this.#next("it has no address", nowMs);
  }

  /** Notes that the current address has answered. */
  connected(): void {
    if (this.#step.is === "connect") this.#end({ is: "connected" });
  }

  /**
   * Notes that the current step has failed.
   *
   * @param reason The error
   * @param nowMs The time
   */
  failed(reason: string, nowMs: number): void {
    if (this.#step.is === "connect") this.#next(reason, nowMs);
    else if (this.#step.is === "resolve") {
      this.#end({ is: "failed", failure: { step: "resolve", reason } });
    }
  }

  /**
   * Gives up the current step if its time is over.
   *
   * @param nowMs The time
   */
  tick(nowMs: number): void {
    if (nowMs >= this.#dueMs) this.failed(`no answer in ${STEP_MS / 1000} s`, nowMs);
  }

  #next(reason: string, nowMs: number): void {
    const hostname = this.#addresses.shift();
    if (hostname === undefined) {
      return this.#end({ is: "failed", failure: { step: "connect", reason } });
    }
    this.#step = { is: "connect", address: { hostname, port: this.#port } };
    this.#dueMs = nowMs + STEP_MS;
  }

  #end(step: ConnectStep): void {
    this.#step = step;
    this.#dueMs = Infinity;
  }
}

/**
 * Describes the failure of a connection attempt, for a log.
 *
 * @param endpoint The host
 * @param failure The reason
 * @returns A sentence without a full stop
 */
export function describeConnectFailure(
  endpoint: Endpoint,
  { step, reason }: ConnectFailure,
): string {
  return step === "resolve"
    ? `Cannot find ${endpoint.hostname}: ${reason}`
    : `Cannot connect to ${formatEndpoint(endpoint)}: ${reason}`;
}
