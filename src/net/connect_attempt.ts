// Connecting to a server, without I/O: its name is looked up, then its addresses are tried until one works.
//
//     lookup ──addresses──► queue ──► connecting ──► connected ──► checking ──► the result
//                             ▲            │             │            │
//                             │            └──failed─────┴────────────┴──► failures
//                             └── the last addresses, if the lookup is slow or fails
//
// The addresses race, as in RFC 8305: the next one is tried when one has failed, or has not answered within
// a quarter of a second. The caller may *check* a connection, for example by a greeting, because a port that
// accepts connections and sends nothing must not win. Only one connection is checked at a time, because two
// addresses may lead to one server, where the greeting on the second connection would end the first one. A
// check that is slow is given up once another address has answered; its own address is tried once more at the
// end, and then has all the time that a check may take.
//
// A check can find that a server works, but cannot do its job at the moment. Such a connection is kept as a
// *spare*, for the case that no other address is better.

import { type Endpoint, formatEndpoint } from "./endpoint.ts";
import type { KnownAddresses } from "./known_addresses.ts";

/** The time limit for the lookup and for each address, in ms. */
export const STEP_MS = 10_000;
/** The time after which the next address is tried too, and the last addresses if a lookup is slow, in ms. */
export const NEXT_MS = 250;
/** The time that a check has before another address is tried, in ms, at least and at most. */
const CHECK_MS = { least: 500, most: 3_000 };
/** The time after which something counts as stuck when the network has changed, in ms. */
const STUCK_MS = 1_000;
/** The time for which a spare connection waits for a better one, in ms. */
const SPARE_MS = 2_000;
/** The number of addresses that a failure describes. */
const DESCRIBED = 4;

/** The reason why a server could not be connected to. */
export interface ConnectFailure {
  /** The last step that failed. */
  step: "resolve" | "connect" | "check";
  /** The error; if several addresses were tried, those of all. */
  reason: string;
}

/** Something that the caller must do. Each id is used for one lookup or one connection only. */
export type ConnectCommand =
  /** Look up the addresses of a name; ends in `resolved` or `failed`. */
  | { type: "resolve"; id: number; hostname: string }
  /** Connect to an address; ends in `connected` or `failed`. */
  | { type: "connect"; id: number; address: Endpoint }
  /** Check a connection; ends in `checked` or `failed`. */
  | { type: "check"; id: number }
  /** Give up a lookup or a connection. */
  | { type: "drop"; id: number };

/** The result of an attempt: the id of the connection, or the reason why there is none. */
export type ConnectResult = { id: number } | { failure: ConnectFailure };

/** The caller of an attempt. */
export interface ConnectCaller {
  /** Takes commands. */
  command(command: ConnectCommand): void;
  /** Returns an id that has never been used. */
  newId(): number;
  /** True if connections are checked. Otherwise the first one is the result. */
  readonly checks: boolean;
}

interface Candidate {
  readonly id: number;
  readonly address: string;
  is: "connecting" | "connected" | "checking" | "spare";
  /** The time at which it came into this state. */
  sinceMs: number;
  /** The time that the connection took. */
  tookMs: number;
  /** True if an earlier check of this address was too slow. */
  readonly again: boolean;
}

/** An attempt to connect to a server. Times are in ms, by a monotonic clock. */
export class ConnectAttempt {
  /** The result; undefined while the attempt continues. */
  result: ConnectResult | undefined;
  readonly #endpoint: Endpoint;
  readonly #known: KnownAddresses;
  readonly #caller: ConnectCaller;
  /** The lookup while it is under way. */
  #lookup: { id: number; sinceMs: number } | undefined;
  /** The reason why the lookup failed. */
  #lookupFailure: string | undefined;
  /** True once the addresses of an earlier lookup are being tried. */
  #usesKnown = false;
  /** The addresses that are still to be tried. */
  #queue: string[] = [];
  /** The addresses that are not to be tried again. */
  readonly #tried = new Set<string>();
  /** The addresses whose check was too slow the first time. */
  readonly #slow = new Set<string>();
  readonly #candidates = new Map<number, Candidate>();
  readonly #failures: { address: string; step: "connect" | "check"; reason: string }[] = [];
  /** The earliest time at which the next address is tried beside another one. */
  #nextMs: number;

  /**
   * Begins with the lookup.
   *
   * @param endpoint The server
   * @param known The server's addresses as of its last lookup
   * @param caller Takes the commands
   * @param nowMs The time
   */
  constructor(endpoint: Endpoint, known: KnownAddresses, caller: ConnectCaller, nowMs: number) {
    this.#endpoint = endpoint;
    this.#known = known;
    this.#caller = caller;
    this.#nextMs = nowMs;
    this.#lookUp(nowMs);
  }

  /** The time at which to call {@linkcode tick}; `Infinity` if the attempt only waits for its commands. */
  get dueMs(): number {
    if (this.result !== undefined) return Infinity;
    let dueMs = Infinity;
    const at = (ms: number) => dueMs = Math.min(dueMs, ms);
    if (this.#lookup !== undefined) {
      at(this.#lookup.sinceMs + (this.#usesKnown || this.#known.isEmpty ? STEP_MS : NEXT_MS));
    }
    const patientUntilMs = this.#patientUntilMs;
    if (this.#queue.length > 0) at(Math.max(patientUntilMs, this.#nextMs));
    for (const { is, sinceMs } of this.#candidates.values()) {
      if (is === "connecting") at(sinceMs + STEP_MS);
      else if (is === "connected") at(patientUntilMs);
      else if (is === "spare") at(sinceMs + SPARE_MS);
    }
    return dueMs;
  }

  /** The reason why the lookup failed, if it did; the attempt goes on with the last addresses. */
  get lookupFailure(): string | undefined {
    return this.#lookupFailure;
  }

  /** True if something with this id is under way. */
  has(id: number): boolean {
    return id === this.#lookup?.id || this.#candidates.has(id);
  }

  /**
   * Takes the result of the lookup.
   *
   * @param id The lookup
   * @param addresses The addresses, in the system's order
   * @param nowMs The time
   */
  resolved(id: number, addresses: string[], nowMs: number): void {
    if (this.result !== undefined || id !== this.#lookup?.id) return;
    if (addresses.length === 0) return this.failed(id, "it has no address", nowMs);
    this.#lookup = undefined;
    this.#known.found(addresses);
    this.#enqueueKnown();
    this.#proceed(nowMs);
  }

  /**
   * Notes that an address has answered.
   *
   * @param id The connection
   * @param nowMs The time
   */
  connected(id: number, nowMs: number): void {
    const candidate = this.#candidates.get(id);
    if (this.result !== undefined || candidate?.is !== "connecting") return;
    candidate.tookMs = nowMs - candidate.sinceMs;
    candidate.sinceMs = nowMs;
    candidate.is = "connected";
    if (!this.#caller.checks) return this.#won(candidate);
    this.#proceed(nowMs);
  }

  /**
   * Takes the result of a check that did not fail.
   *
   * @param id The connection
   * @param isGood False if the connection should be used only if there is no better one
   * @param nowMs The time
   */
  checked(id: number, isGood: boolean, nowMs: number): void {
    const candidate = this.#candidates.get(id);
    if (this.result !== undefined || candidate?.is !== "checking") return;
    this.#known.answered(nowMs - candidate.sinceMs);
    if (isGood) return this.#won(candidate);
    // A later connection to the same server may have replaced an earlier one.
    for (const { id, is } of this.#candidates.values()) if (is === "spare") this.#drop(id);
    candidate.is = "spare";
    candidate.sinceMs = nowMs;
    this.#proceed(nowMs);
  }

  /**
   * Notes that a command has failed.
   *
   * @param id The lookup or the connection
   * @param reason The error
   * @param nowMs The time
   */
  failed(id: number, reason: string, nowMs: number): void {
    if (this.result !== undefined) return;
    if (id === this.#lookup?.id) {
      this.#lookup = undefined;
      this.#lookupFailure = reason;
    } else {
      const candidate = this.#candidates.get(id);
      if (candidate === undefined) return;
      this.#candidates.delete(id);
      const step = candidate.is === "connecting" ? "connect" : "check";
      this.#failures.push({ address: candidate.address, step, reason });
    }
    this.#proceed(nowMs);
  }

  /**
   * Does the work that is due.
   *
   * @param nowMs The time
   */
  tick(nowMs: number): void {
    if (nowMs < this.dueMs) return;
    const late = `no answer in ${STEP_MS / 1000} s`;
    const lookup = this.#lookup;
    if (lookup !== undefined && nowMs >= lookup.sinceMs + STEP_MS) {
      this.#caller.command({ type: "drop", id: lookup.id });
      this.failed(lookup.id, late, nowMs);
    }
    for (const { id, is, sinceMs } of this.#candidates.values()) {
      if (is !== "connecting" || nowMs < sinceMs + STEP_MS) continue;
      this.#caller.command({ type: "drop", id });
      this.failed(id, late, nowMs);
    }
    if (this.result === undefined) this.#proceed(nowMs);
  }

  /**
   * Tries again what has failed or is stuck, because the network has changed. A connection that is being
   * checked goes on, so that a network that keeps changing does not prevent every connection.
   *
   * @param nowMs The time
   */
  renew(nowMs: number): void {
    if (this.result !== undefined) return;
    const lookup = this.#lookup;
    if (lookup === undefined ? this.#lookupFailure !== undefined : isStuck(lookup, nowMs)) {
      if (lookup !== undefined) this.#caller.command({ type: "drop", id: lookup.id });
      this.#lookupFailure = undefined;
      this.#lookUp(nowMs);
    }
    for (const candidate of [...this.#candidates.values()]) {
      if (candidate.is === "connecting" && isStuck(candidate, nowMs)) this.#drop(candidate.id);
    }
    this.#failures.length = 0;
    this.#tried.clear();
    for (const { address } of this.#candidates.values()) this.#tried.add(address);
    if (this.#usesKnown || this.#lookup === undefined) this.#enqueueKnown();
    this.#proceed(nowMs);
  }

  /** Gives up the attempt, with all that is under way. */
  drop(): void {
    if (this.result !== undefined) return;
    this.#dropAllBut(undefined);
    this.#queue = [];
  }

  #lookUp(nowMs: number): void {
    const id = this.#caller.newId();
    this.#lookup = { id, sinceMs: nowMs };
    this.#caller.command({ type: "resolve", id, hostname: this.#endpoint.hostname });
  }

  #enqueueKnown(): void {
    const addresses = this.#known.inOrder.filter((address) => !this.#tried.has(address));
    const isSlow = (address: string) => this.#slow.has(address);
    this.#queue = [...addresses.filter((address) => !isSlow(address)), ...addresses.filter(isSlow)];
  }

  /** Begins everything that can begin, and ends the attempt when nothing is left to try. */
  #proceed(nowMs: number): void {
    this.#useKnown(nowMs);
    while (this.#next(nowMs));
    const candidates = [...this.#candidates.values()];
    const spare = candidates.find(({ is }) => is === "spare");
    const isOver = this.#lookup === undefined && this.#queue.length === 0 &&
      candidates.every(({ is }) => is === "spare");
    if (spare !== undefined && (isOver || nowMs >= spare.sinceMs + SPARE_MS)) this.#won(spare);
    else if (isOver) this.result = { failure: this.#failure() };
  }

  /** Takes the addresses of the last lookup if the present one is slow, or has failed. */
  #useKnown(nowMs: number): void {
    const lookup = this.#lookup;
    if (this.#usesKnown || this.#known.isEmpty) return;
    const isSlow = lookup !== undefined && nowMs >= lookup.sinceMs + NEXT_MS;
    if (!isSlow && this.#lookupFailure === undefined) return;
    this.#usesKnown = true;
    this.#enqueueKnown();
  }

  /** Checks the next connection, or tries the next address; returns false if neither can begin. */
  #next(nowMs: number): boolean {
    if (nowMs < this.#patientUntilMs) return false;
    let connected: Candidate | undefined;
    let isBusy = false;
    for (const candidate of this.#candidates.values()) {
      if (candidate.is === "connecting") isBusy = true;
      else if (candidate.is === "connected") connected ??= candidate;
    }
    if (connected !== undefined) {
      this.#giveUpCheck();
      connected.is = "checking";
      connected.sinceMs = nowMs;
      this.#caller.command({ type: "check", id: connected.id });
      return true;
    }
    if (this.#queue.length === 0 || (isBusy && nowMs < this.#nextMs)) return false;
    this.#connect(this.#queue.shift()!, nowMs);
    return true;
  }

  #connect(address: string, nowMs: number): void {
    const id = this.#caller.newId();
    const again = this.#slow.has(address);
    this.#tried.add(address);
    this.#candidates.set(id, { id, address, is: "connecting", sinceMs: nowMs, tookMs: 0, again });
    this.#nextMs = nowMs + NEXT_MS;
    const { port } = this.#endpoint;
    this.#caller.command({ type: "connect", id, address: { hostname: address, port } });
  }

  /** Gives up the check that is under way, and leaves its address for the end. */
  #giveUpCheck(): void {
    for (const { id, address, is } of this.#candidates.values()) {
      if (is !== "checking") continue;
      this.#drop(id);
      this.#slow.add(address);
      this.#tried.delete(address);
      this.#queue.push(address);
    }
  }

  /** The time until which nothing else begins, because of a check that may still succeed. */
  get #patientUntilMs(): number {
    for (const { is, sinceMs, tookMs, again } of this.#candidates.values()) {
      if (is !== "checking") continue;
      // The check has a deadline of its own.
      if (again) return Infinity;
      const expectedMs = Math.max(2 * tookMs, 3 * this.#known.answerMs);
      return sinceMs + Math.min(CHECK_MS.most, Math.max(CHECK_MS.least, expectedMs));
    }
    return -Infinity;
  }

  #won({ id, address }: Candidate): void {
    this.#known.worked(address);
    this.#dropAllBut(id);
    this.result = { id };
  }

  #dropAllBut(kept: number | undefined): void {
    if (this.#lookup !== undefined) this.#caller.command({ type: "drop", id: this.#lookup.id });
    this.#lookup = undefined;
    for (const id of [...this.#candidates.keys()]) if (id !== kept) this.#drop(id);
  }

  #drop(id: number): void {
    this.#candidates.delete(id);
    this.#caller.command({ type: "drop", id });
  }

  #failure(): ConnectFailure {
    const failures = this.#failures;
    const last = failures.at(-1);
    const lookup = this.#lookupFailure;
    if (last === undefined) return { step: "resolve", reason: lookup ?? "it has no address" };
    const { step, reason } = last;
    if (lookup === undefined && failures.every((failure) => failure.reason === reason)) {
      return { step, reason };
    }
    const all = failures.slice(0, DESCRIBED).map(({ address, reason }) => `${address}: ${reason}`);
    if (failures.length > DESCRIBED) all.push(`${failures.length - DESCRIBED} more addresses`);
    if (lookup !== undefined) all.unshift(`the lookup failed: ${lookup}`);
    return { step: "connect", reason: all.join("; ") };
  }
}

function isStuck({ sinceMs }: { sinceMs: number }, nowMs: number): boolean {
  return nowMs >= sinceMs + STUCK_MS;
}

/**
 * Describes the failure of a connection attempt, for a log.
 *
 * @param endpoint The server
 * @param failure The reason
 * @returns A sentence without a full stop
 */
export function describeConnectFailure(
  endpoint: Endpoint,
  { step, reason }: ConnectFailure,
): string {
  switch (step) {
    case "resolve":
      return `Cannot find ${endpoint.hostname}: ${reason}`;
    case "connect":
      return `Cannot connect to ${formatEndpoint(endpoint)}: ${reason}`;
    case "check":
      return reason;
  }
}
