// How often a PADT that belongs to no session is passed on.

import { formatMac } from "../../wire/mod.ts";
import type { Remote } from "../remote.ts";
import { TokenBuckets } from "../token_buckets.ts";

const HOST = { perSecond: 0.1, burst: 3 };
const REMOTE = { perSecond: 1, burst: 20 };
const HOSTS = 4096;
const REMOTES = 1024;

/** Such a PADT is good for one thing, an AC that waits for it before it answers again: seldom will do. */
export class HangUpRate {
  readonly #hosts = new TokenBuckets(HOSTS);
  readonly #remotes = new TokenBuckets(REMOTES);

  /** Counts one of a host; false when it is one too many. */
  allows({ address }: Remote, hostMac: Uint8Array, nowMs: number): boolean {
    return this.#hosts.take(`${formatMac(hostMac)} ${address}`, HOST, nowMs) &&
      this.#remotes.take(address, REMOTE, nowMs);
  }
}
