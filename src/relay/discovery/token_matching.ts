// Matching by Host-Uniq, which is replaced by a token that names the client and the discovery.

import { TAG } from "../../wire/mod.ts";
import type { DiscoveryPacket, Tag } from "../../wire/mod.ts";
import { byteKey } from "./byte_key.ts";
import type { Matching, ServerPending } from "./matching.ts";
import type { Session } from "../session_table.ts";
import { findHostUniq, replaceTag } from "./tag_list.ts";

/** The way that needs nothing of an AC but what RFC 2516 asks of it, and of hosts nothing at all. */
export class TokenMatching implements Matching {
  readonly #byToken = new Map<string, ServerPending>();

  relaySessionId(): undefined {}

  toAc({ token }: ServerPending, tags: Tag[]): Tag[] {
    return replaceTag(tags, TAG.HOST_UNIQ, token);
  }

  toHost({ hostUniq }: ServerPending, tags: Tag[]): Tag[] {
    return replaceTag(tags, TAG.HOST_UNIQ, hostUniq);
  }

  admit(pending: ServerPending): boolean {
    this.#byToken.set(byteKey(pending.token), pending);
    return true;
  }

  find({ tags }: DiscoveryPacket): ServerPending | undefined {
    const token = findHostUniq(tags);
    return token && this.#byToken.get(byteKey(token));
  }

  tokenOf({ tags }: DiscoveryPacket): Uint8Array | undefined {
    return findHostUniq(tags);
  }

  isRepeat(
    packet: DiscoveryPacket,
    _session: Session,
    opener: ServerPending | undefined,
  ): boolean {
    return opener !== undefined && this.find(packet) === opener;
  }

  removed({ token }: ServerPending): void {
    this.#byToken.delete(byteKey(token));
  }
}
