// The dial of one host: how far it has got, and since when it waits for an answer.

import type { Peer } from "../peer.ts";
import type { DialProblem } from "./dial_problem.ts";

/** The time without an answer after which a host begins a new dial, in ms. */
const DIAL_MS = 60_000;

/** Requests of one kind that have no answer yet. Times are in ms. */
export class Unanswered {
  /** The number of requests; 0 if there are none without an answer. */
  count = 0;
  /** The times of the first and the last one. */
  firstMs = 0;
  lastMs = 0;
  /** True if it was said that they have no answer. */
  told = false;

  /** Notes a request. A host that has waited for very long begins a new dial. */
  note(nowMs: number): void {
    if (this.told && nowMs - this.firstMs >= DIAL_MS) this.clear();
    if (this.count++ === 0) this.firstMs = nowMs;
    this.lastMs = nowMs;
  }

  /** Returns true if there is a request that has waited for this long. */
  isOverdue(nowMs: number, forMs: number): boolean {
    return this.count > 0 && nowMs - this.firstMs >= forMs;
  }

  /** Notes that they have been answered, or that the host no longer waits. */
  clear(): void {
    this.count = 0;
    this.told = false;
  }
}

/** A host that dials, or has dialled lately. */
export class HostDial {
  readonly peer: Peer;
  readonly hostMac: Uint8Array;
  /** The time of the last event. */
  usedMs: number;
  readonly padis = new Unanswered();
  readonly padrs = new Unanswered();
  /** The service that the last PADI asked for; undefined for any. */
  service: string | undefined = undefined;
  /** The AC that has refused the host, or that the last PADR went to. */
  acMac: Uint8Array | undefined = undefined;
  /** The refusal of an AC in a PADO, while no AC has made an offer, and the time of the first one. */
  refusal: { readonly problem: DialProblem; readonly atMs: number } | undefined = undefined;
  /** The number of sessions in a row that have ended within seconds, and the time of the last end. */
  shortEnds = 0;
  shortEndMs = 0;

  /** Makes the dial of a host, with a copy of its address. */
  constructor(peer: Peer, hostMac: Uint8Array, nowMs: number) {
    this.peer = peer;
    this.hostMac = hostMac.slice();
    this.usedMs = nowMs;
  }
}
