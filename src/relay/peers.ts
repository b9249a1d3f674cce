// The peers of one relay: those with a tunnel, and those that may return.

import { assertInvariant } from "../assert.ts";
import { NO_TUNNEL, Peer } from "./peer.ts";

/** The introduction of a peer when its tunnel comes up. */
export interface Greeting {
  /** The identity across tunnels; undefined if it is unknown. */
  key: string | undefined;
  /** The name that it gives itself. */
  name: string;
  /** The IP address of the peer, without the port. */
  address?: string;
  /** The maximum number of its sessions; by default that of all peers. 0: no limit. */
  maxSessions?: number;
}

/** Peers by tunnel and by key. */
export class Peers {
  readonly #byTunnel = new Map<number, Peer>();
  readonly #byKey = new Map<string, Peer>();

  /** The peers with a tunnel, by the tunnel's number. */
  get byTunnel(): ReadonlyMap<number, Peer> {
    return this.#byTunnel;
  }

  /** Finds the peer with a key. */
  get(key: string): Peer | undefined {
    return this.#byKey.get(key);
  }

  /** Finds the peer with a key, or makes one that has been held since the given time. Without a key, makes one. */
  of(key: string | undefined, name: string, heldSinceMs: number): Peer {
    if (key === undefined) return new Peer(undefined, name, heldSinceMs);
    let peer = this.#byKey.get(key);
    if (peer === undefined) this.#byKey.set(key, peer = new Peer(key, name, heldSinceMs));
    return peer;
  }

  /**
   * Assigns a new tunnel to its peer.
   *
   * @returns The peer, and the tunnel that this one replaces, or {@linkcode NO_TUNNEL}
   */
  connect(
    tunnel: number,
    { key, name, address = "", maxSessions }: Greeting,
    nowMs: number,
  ): { peer: Peer; replaced: number } {
    const peer = this.of(key, name, nowMs);
    const replaced = peer.tunnel;
    this.#byTunnel.delete(replaced);
    peer.tunnel = tunnel;
    peer.name = name;
    peer.address = address;
    peer.maxSessions = maxSessions;
    this.#byTunnel.set(tunnel, peer);
    return { peer, replaced };
  }

  /**
   * Removes a tunnel that has ended from its peer.
   *
   * @returns The peer, which now has no tunnel; undefined if another tunnel had replaced this one
   */
  disconnect(tunnel: number, nowMs: number): Peer | undefined {
    const peer = this.#byTunnel.get(tunnel);
    if (peer === undefined) return undefined;
    this.#byTunnel.delete(tunnel);
    peer.tunnel = NO_TUNNEL;
    peer.heldSinceMs = nowMs;
    // Reinsert the peer, so that peers stay ordered by the time of their absence, the longest first.
    if (peer.key !== undefined) {
      this.#byKey.delete(peer.key);
      this.#byKey.set(peer.key, peer);
    }
    return peer;
  }

  /** Forgets a peer for which no sessions are held any more. */
  forget(peer: Peer): void {
    if (peer.key !== undefined) this.#byKey.delete(peer.key);
  }

  /** Returns true if a peer is found by its tunnel, or by its key while it is held. */
  knows(peer: Peer): boolean {
    const { key, tunnel, held } = peer;
    if (!held) return this.#byTunnel.get(tunnel) === peer;
    return key !== undefined && this.#byKey.get(key) === peer;
  }

  /**
   * Checks that each peer is found by its own tunnel and key.
   *
   * @throws {InvariantError} If something is wrong
   */
  audit(): void {
    for (const [tunnel, peer] of this.#byTunnel) {
      assertInvariant(peer.tunnel === tunnel, "a tunnel leads to the peer of another one");
    }
    for (const [key, peer] of this.#byKey) {
      assertInvariant(peer.key === key, "a key leads to the peer of another one");
      assertInvariant(this.knows(peer), "a peer with a tunnel is not found by it");
    }
  }

  /** Lists the peers without a tunnel, the longest absent first. */
  *held(): Iterable<Peer> {
    for (const peer of this.#byKey.values()) if (peer.held) yield peer;
  }
}
