// Discovery at the server: Host-Uniq is replaced by a token that names the client and the discovery,
// and the host's own tag, or its absence, is put back into the answer.

import { CODE, emitDiscovery, ETH_BROADCAST, sameMac, TAG } from "../wire/mod.ts";
import type { DiscoveryPacket, Tag } from "../wire/mod.ts";
import { DROP } from "./drop.ts";
import { type Discovery, PendingTable } from "./pending.ts";
import type { DiscoveryRelay, Relay } from "./relay.ts";
import { isSessionId, type Session } from "./session_table.ts";
import { findHostUniq, replaceTag } from "./tag_list.ts";

const TOKEN_BYTES = 8;

interface Pending extends Discovery {
  readonly token: Uint8Array;
  /** A PADR has gone out: a PADS may open a session. */
  requested: boolean;
  /** The session that the last PADS opened; another PADS with its id is a repeat. */
  session: Session | undefined;
}

/** Discovery at the server's side of the tunnel. */
export class ServerDiscovery implements DiscoveryRelay {
  readonly #relay: Relay;
  readonly #byToken = new Map<string, Pending>();
  readonly #pending = new PendingTable<Pending>((gone) => this.#byToken.delete(text(gone.token)));
  readonly #newToken: () => Uint8Array;

  constructor(relay: Relay) {
    this.#relay = relay;
    this.#newToken = relay.options.newToken ??
      (() => crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)));
  }

  /** PADI and PADR, from a client. */
  fromTunnel(tunnel: number, packet: DiscoveryPacket, nowMs: number): void {
    const initiation = packet.code === CODE.PADI;
    if (initiation && !sameMac(packet.destination, 0, ETH_BROADCAST, 0)) {
      return this.#relay.ports.drop(DROP["bad-address"]);
    }
    const pending = this.#take(tunnel, packet, nowMs);
    pending.requested ||= !initiation;
    this.#relay.ports.toLink(emitDiscovery({
      ...packet,
      source: this.#relay.facing(packet.source),
      tags: replaceTag(packet.tags, TAG.HOST_UNIQ, pending.token),
    }));
  }

  /** PADO and PADS, from an AC. */
  fromLink(packet: DiscoveryPacket, _frame: Uint8Array, nowMs: number): void {
    const { ports } = this.#relay;
    const pending = this.#answered(packet, nowMs);
    if (pending === undefined) return ports.drop(DROP["unknown-host-uniq"]);
    const facing = this.#relay.facing(pending.hostMac);
    if (!sameMac(packet.destination, 0, facing, 0)) return ports.drop(DROP["bad-address"]);
    if (packet.code === CODE.PADS) {
      if (!pending.requested) return ports.drop(DROP["unknown-host-uniq"]);
      // Id 0 is a refusal, which the host must see but which opens nothing (RFC 2516, section 5.4).
      if (packet.sessionId !== 0) {
        if (!isSessionId(packet.sessionId)) return ports.drop(DROP.malformed);
        this.#open(pending, packet, facing, nowMs);
      }
    }
    ports.toTunnel(
      pending.tunnel,
      emitDiscovery({
        ...packet,
        destination: pending.hostMac,
        tags: replaceTag(packet.tags, TAG.HOST_UNIQ, pending.hostUniq),
      }),
    );
  }

  removeTunnel(tunnel: number): void {
    this.#pending.removeTunnel(tunnel);
  }

  expire(nowMs: number): void {
    this.#pending.expire(nowMs);
  }

  #take(tunnel: number, packet: DiscoveryPacket, nowMs: number): Pending {
    const hostUniq = findHostUniq(packet.tags);
    const known = this.#pending.find(tunnel, packet.source, hostUniq, nowMs);
    if (known !== undefined) return known;
    const pending: Pending = {
      tunnel,
      hostMac: packet.source.slice(),
      hostUniq: hostUniq?.slice(),
      token: this.#newToken(),
      requested: false,
      session: undefined,
    };
    this.#pending.add(pending, nowMs);
    this.#byToken.set(text(pending.token), pending);
    return pending;
  }

  #answered(packet: DiscoveryPacket, nowMs: number): Pending | undefined {
    const token = findHostUniq(packet.tags);
    if (token?.length !== TOKEN_BYTES) return undefined;
    const pending = this.#byToken.get(text(token));
    if (pending === undefined) return undefined;
    return this.#pending.find(pending.tunnel, pending.hostMac, pending.hostUniq, nowMs);
  }

  #open(pending: Pending, packet: DiscoveryPacket, facing: Uint8Array, nowMs: number): void {
    const { source: peerMac, sessionId } = packet;
    const present = this.#relay.sessions.atLink(sessionId, peerMac, facing);
    if (present !== undefined) {
      if (present === pending.session) return;
      // The AC has given the id anew, so to it the old session is over; its host may not know.
      const another = present.tunnel !== pending.tunnel ||
        !sameMac(present.farMac, 0, pending.hostMac, 0);
      this.#relay.close(present, "its id was given anew", { link: false, tunnel: another });
    }
    pending.session = this.#relay.open({
      tunnel: pending.tunnel,
      peerMac,
      farMac: pending.hostMac,
      facingMac: facing,
      tunnelId: sessionId,
      linkId: sessionId,
    }, nowMs);
  }
}

function text(token: Tag["value"]): string {
  return String.fromCharCode(...token);
}
