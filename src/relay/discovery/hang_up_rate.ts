// How often a PADT that belongs to no session is passed on.

import { formatMac } from "../../wire/mod.ts";
import type { Peer } from "../peer.ts";
import { TokenBuckets } from "../token_buckets.ts";

const HOST = { perSecond: 0.1, burst: 3 };
const REMOTE = { perSecond: 1, burst: 20 };
const HOSTS = 4096;
const REMOTES = 1024;

/** Such a PADT is good for one thing, an AC that waits for it before it answers again: a few will do. */
export class HangUpRate {
  readonly #hosts = new TokenBuckets(HOSTS);
  readonly #peers = new TokenBuckets(REMOTES);

  /**
   * Counts one of a host.
   *
   * @param destination Where it goes: a host may send as many to each.
   * @returns False when it is one too many, of the host or of all behind this peer.
   */
  allows(
    { address }: Peer,
    hostMac: Uint8Array,
    destination: Uint8Array,
    nowMs: number,
  ): boolean {
    const host = `${formatMac(hostMac)} ${formatMac(destination)} ${address}`;
    return this.#hosts.take(host, HOST, nowMs) && this.#peers.take(address, REMOTE, nowMs);
  }
}
