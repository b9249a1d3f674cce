// Matching by Host-Uniq, which is replaced by a token that identifies the request.

import { TAG } from "../../wire/mod.ts";
import type { DiscoveryPacket, Tag } from "../../wire/mod.ts";
import type { Session } from "../session.ts";
import { byteKey } from "./byte_key.ts";
import type { Match, Matching, ServerPending } from "./matching.ts";
import { findHostUniq, replaceTag, sameValue } from "./tag_list.ts";
import type { TokenSource } from "./tokens.ts";

/** The maximum number of Host-Uniqs per discovery, besides that of its PADI. */
const OTHERS = 8;

interface Request extends Match {
  readonly token: Uint8Array;
}

/**
 * Matches answers by tokens, which requires only RFC 2516 of an AC, and nothing of hosts. Each Host-Uniq has
 * its own token, because it identifies one request, and the answer returns exactly that token.
 */
export class TokenMatching implements Matching {
  readonly #tokens: TokenSource;
  readonly #byToken = new Map<string, Match>();
  /** The requests of a discovery with a Host-Uniq other than that of its PADI. */
  readonly #others = new WeakMap<ServerPending, Request[]>();

  /** Makes a matching with the tokens of a source. */
  constructor(tokens: TokenSource) {
    this.#tokens = tokens;
  }

  relaySessionId(): undefined {}

  toAc(pending: ServerPending, tags: Tag[]): Tag[] {
    return replaceTag(tags, TAG.HOST_UNIQ, this.#tokenFor(pending, findHostUniq(tags)));
  }

  toHost({ hostUniq }: Match, tags: Tag[]): Tag[] {
    return replaceTag(tags, TAG.HOST_UNIQ, hostUniq);
  }

  admit(pending: ServerPending): boolean {
    const key = byteKey(pending.token);
    if (!this.#byToken.has(key)) {
      this.#byToken.set(key, { pending, hostUniq: pending.hostUniq });
    }
    return true;
  }

  mayAsk(): boolean {
    return true;
  }

  returned(): boolean {
    return false;
  }

  isDistinct(): boolean {
    return true;
  }

  find({ tags }: DiscoveryPacket): Match | undefined {
    const token = findHostUniq(tags);
    return token && this.#byToken.get(byteKey(token));
  }

  tokenOf({ tags }: DiscoveryPacket): Uint8Array | undefined {
    return findHostUniq(tags);
  }

  isRepeat(
    packet: DiscoveryPacket,
    _session: Session,
    opener: Match | undefined,
  ): boolean {
    const found = this.find(packet);
    return found !== undefined && found.pending === opener?.pending &&
      sameValue(found.hostUniq, opener.hostUniq);
  }

  removed(pending: ServerPending): void {
    this.#byToken.delete(byteKey(pending.token));
    for (const { token } of this.#others.get(pending) ?? []) {
      this.#byToken.delete(byteKey(token));
    }
  }

  #tokenFor(pending: ServerPending, hostUniq: Uint8Array | undefined): Uint8Array {
    if (sameValue(hostUniq, pending.hostUniq)) return pending.token;
    let others = this.#others.get(pending);
    if (others === undefined) this.#others.set(pending, others = []);
    const known = others.find((request) => sameValue(request.hostUniq, hostUniq));
    if (known !== undefined) return known.token;
    const token = this.#tokens.next(pending.passes);
    const request = { pending, hostUniq: hostUniq?.slice(), token };
    this.#byToken.set(byteKey(token), request);
    // Another one replaces the oldest.
    if (others.push(request) > OTHERS) this.#byToken.delete(byteKey(others.shift()!.token));
    return token;
  }
}
