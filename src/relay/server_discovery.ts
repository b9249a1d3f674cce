// Discovery at the server: Host-Uniq is replaced by a token that names the client and the discovery,
// and the host's own tag, or its absence, is put back into the answer.

import { CODE, emitDiscovery, ETH_BROADCAST, sameMac, TAG } from "../wire/mod.ts";
import type { DiscoveryPacket, Tag } from "../wire/mod.ts";
import { DROP } from "./drop.ts";
import { padt } from "./padt.ts";
import { type Discovery, PendingTable } from "./pending.ts";
import type { DiscoveryRelay, Relay } from "./relay.ts";
import { refusal } from "./refusal.ts";
import type { Remote } from "./remote.ts";
import type { Session } from "./session_table.ts";
import { findHostUniq, replaceTag } from "./tag_list.ts";

const TOKEN_BYTES = 8;
const TOO_MANY_SESSIONS = "pppoe-proxy: this client has as many sessions as it may have";

interface Pending extends Discovery {
  readonly token: Uint8Array;
  /** How many PADRs have not opened a session yet. */
  requests: number;
  /** The sessions that it opened; another PADS for one of them is a repeat. */
  readonly granted: WeakSet<Session>;
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
  fromTunnel(remote: Remote, packet: DiscoveryPacket, nowMs: number): void {
    const initiation = packet.code === CODE.PADI;
    if (initiation && !sameMac(packet.destination, 0, ETH_BROADCAST, 0)) {
      return this.#relay.ports.drop(DROP["bad-address"]);
    }
    if (!this.#relay.mayDial(remote, packet, nowMs)) {
      return this.#relay.ports.drop(DROP["padi-rate"]);
    }
    const pending = this.#take(remote, packet, nowMs);
    if (!initiation) pending.requests++;
    this.#relay.ports.toLink(emitDiscovery({
      ...packet,
      source: this.#relay.facing(remote, packet.source),
      tags: replaceTag(packet.tags, TAG.HOST_UNIQ, pending.token),
    }));
  }

  /** PADO and PADS, from an AC. */
  fromLink(packet: DiscoveryPacket, _frame: Uint8Array, nowMs: number): void {
    const { ports } = this.#relay;
    const pending = this.#answered(packet, nowMs);
    if (pending === undefined) return ports.drop(DROP["unknown-host-uniq"]);
    const facing = this.#relay.facing(pending.remote, pending.hostMac);
    if (!sameMac(packet.destination, 0, facing, 0)) return ports.drop(DROP["bad-address"]);
    const answer = {
      ...packet,
      destination: pending.hostMac,
      tags: replaceTag(packet.tags, TAG.HOST_UNIQ, pending.hostUniq),
    };
    const { tunnel } = pending.remote;
    if (packet.code === CODE.PADS) {
      const { source, sessionId } = packet;
      if (sessionId === 0xffff) return ports.drop(DROP.malformed);
      // Id 0 is a refusal, which the host must see but which opens nothing (RFC 2516, section 5.4).
      const due = sessionId === 0
        ? pending.requests > 0
        : this.#grant(pending, packet, facing, nowMs);
      if (!due) return ports.drop(DROP["unknown-host-uniq"]);
      if (due === "too many") {
        // As pppoe-relay of rp-pppoe does: the AC has a session that nobody can have.
        ports.toLink(padt(source, facing, sessionId));
        ports.drop(DROP["session-limit"]);
        return ports.toTunnel(tunnel, refusal(answer, TOO_MANY_SESSIONS));
      }
    }
    ports.toTunnel(tunnel, emitDiscovery(answer));
  }

  has(remote: Remote): boolean {
    return this.#pending.has(remote);
  }

  removeRemote(remote: Remote): void {
    this.#pending.removeRemote(remote);
  }

  closed(): void {}

  expire(nowMs: number): void {
    this.#pending.expire(nowMs);
  }

  #take(remote: Remote, packet: DiscoveryPacket, nowMs: number): Pending {
    const hostUniq = findHostUniq(packet.tags);
    const known = this.#pending.find(remote, packet.source, hostUniq, nowMs);
    if (known !== undefined) return known;
    const pending: Pending = {
      remote,
      hostMac: packet.source.slice(),
      hostUniq: hostUniq?.slice(),
      token: this.#newToken(),
      requests: 0,
      granted: new WeakSet(),
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
    return this.#pending.find(pending.remote, pending.hostMac, pending.hostUniq, nowMs);
  }

  // Opens the granted session, or knows it already; false when nobody has asked for one.
  #grant(
    pending: Pending,
    packet: DiscoveryPacket,
    facing: Uint8Array,
    nowMs: number,
  ): boolean | "too many" {
    const { source: peerMac, sessionId } = packet;
    const present = this.#relay.sessions.atLink(sessionId, peerMac, facing);
    if (present !== undefined && pending.granted.has(present)) return true;
    if (pending.requests === 0) return false;
    if (present !== undefined) {
      // The AC has given the id anew, so to it the old session is over; its host may not know.
      const another = present.remote !== pending.remote ||
        !sameMac(present.farMac, 0, pending.hostMac, 0);
      this.#relay.close(present, "its id was given anew", { link: false, tunnel: another });
    }
    pending.requests--;
    if (this.#relay.isFull(pending.remote)) return "too many";
    pending.granted.add(this.#relay.open({
      remote: pending.remote,
      peerMac,
      farMac: pending.hostMac,
      facingMac: facing,
      tunnelId: sessionId,
      linkId: sessionId,
    }, nowMs));
    return true;
  }
}

function text(token: Tag["value"]): string {
  return String.fromCharCode(...token);
}
