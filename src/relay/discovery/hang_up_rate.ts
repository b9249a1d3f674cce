// The rate at which PADTs without a session are forwarded.

import { formatMac } from "../../wire/mod.ts";
import type { Peer } from "../peer.ts";
import { TokenBuckets } from "../token_buckets.ts";

const HOST = { perSecond: 0.1, burst: 3 };
const PEER = { perSecond: 1, burst: 20 };
const HOSTS = 4096;
const PEERS = 1024;

/** Limits such PADTs. They only help with an AC that answers again after a PADT, so a few are enough. */
export class HangUpRate {
  readonly #hosts = new TokenBuckets(HOSTS);
  readonly #peers = new TokenBuckets(PEERS);

  /**
   * Counts a PADT of a host.
   *
   * @param destination The address that it goes to; the limit of a host applies to each address
   * @returns False if it exceeds the limit of the host, or of all hosts behind this peer
   */
  allows(
    { countedAs }: Peer,
    hostMac: Uint8Array,
    destination: Uint8Array,
    nowMs: number,
  ): boolean {
    const host = `${formatMac(hostMac)} ${formatMac(destination)} ${countedAs}`;
    return this.#hosts.take(host, HOST, nowMs) && this.#peers.take(countedAs, PEER, nowMs);
  }
}
