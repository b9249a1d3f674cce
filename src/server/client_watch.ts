// The problem of a server without a client: decides when it begins and ends, and finds its words. No I/O.

import type { Problem, ProblemId } from "../problem.ts";

/** The time without a client after which that is a problem, in ms. */
export const NO_CLIENT_MS = 10_000;
/** The time for which the last refusal is told, in ms. */
export const REFUSAL_MS = 60_000;
/** The time between two refusals that are told, in ms: strangers must not fill the log. */
export const RENEW_MS = 30_000;

/** A refused connection. */
interface RefusedClient {
  readonly address: string;
  readonly reason: string;
  readonly atMs: number;
}

/** The receiver of the problem. */
export interface WatchPorts {
  /** Takes a problem that lasts until it is solved, or new words for it. */
  problem(problem: Problem): void;
  /** Takes the end of a problem. */
  solved(id: ProblemId): void;
}

/** Watches that a server has a client. Times are in ms, by a monotonic clock. */
export class ClientWatch {
  readonly #ports: WatchPorts;
  /** The time since which there is no client; undefined while there is one. */
  #sinceMs: number | undefined;
  #refused: RefusedClient | undefined;
  /** The words of the problem that is shown. */
  #shown: string | undefined;
  /** The time from which it may have other words. */
  #renewMs = -Infinity;

  /**
   * Makes a watch, which knows of no client.
   *
   * @param ports Takes the problem
   * @param nowMs The time
   */
  constructor(ports: WatchPorts, nowMs: number) {
    this.#ports = ports;
    this.#sinceMs = nowMs;
  }

  /**
   * Notes that a connection was refused.
   *
   * @param address The IP address of the client; empty if it is not known
   * @param reason The reason, as the log has it
   * @param nowMs The time
   */
  refused(address: string, reason: string, nowMs: number): void {
    this.#refused = { address, reason, atMs: nowMs };
  }

  /**
   * Looks at the number of clients; to be called about once a second, and when it has changed.
   *
   * @param clients The number of clients with a tunnel
   * @param nowMs The time
   */
  look(clients: number, nowMs: number): void {
    if (clients > 0) {
      this.#sinceMs = undefined;
      this.#refused = undefined;
      if (this.#shown !== undefined) this.#ports.solved("no-client");
      this.#shown = undefined;
      this.#renewMs = -Infinity;
      return;
    }
    this.#sinceMs ??= nowMs;
    if (this.#refused !== undefined && nowMs >= this.#refused.atMs + REFUSAL_MS) {
      this.#refused = undefined;
    }
    if (nowMs < this.#sinceMs + NO_CLIENT_MS) return;
    const problem = noClient(this.#refused);
    if (problem.what === this.#shown || nowMs < this.#renewMs) return;
    this.#shown = problem.what;
    this.#renewMs = this.#refused === undefined ? -Infinity : nowMs + RENEW_MS;
    this.#ports.problem(problem);
  }
}

/** The advice for refusals, by their reasons in the log. */
const ADVICE: readonly { reason: RegExp; advice: string }[] = [
  {
    reason: /allow list/,
    advice: "if this is your client, add its address to --allow, and reload (SIGHUP)",
  },
  {
    reason: /one that its key allows/,
    advice: "add its address to the line of its key in the key file, and reload (SIGHUP)",
  },
  {
    reason: /\bkey\b/,
    advice:
      "if this is your client, compare its key with the key file of this server: make a new " +
      "one with keygen --rotate, copy it to the client, and reload (SIGHUP)",
  },
];

/** A text in a reason that may come from a stranger. */
const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/** Describes the problem, with the last refused connection if there was one lately. */
function noClient(refused: RefusedClient | undefined): Problem {
  if (refused === undefined) {
    return {
      id: "no-client",
      subject: "",
      what: "No client is connected",
      advice: "start the client, check its log and the address in its --connect, and that a " +
        "firewall here admits it",
    };
  }
  const { address, reason } = refused;
  const who = address === "" ? "a connection" : `a client at ${address}`;
  return {
    id: "no-client",
    subject: "",
    what: `No client is connected, and ${who} was refused: ${reason}`,
    advice: ADVICE.find((entry) => entry.reason.test(reason.replace(QUOTED, "")))?.advice ??
      "see what it says in the log of that client",
  };
}
