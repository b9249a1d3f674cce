// The peers of one relay: those that have a tunnel, and those that may come back.

import { assertInvariant } from "../assert.ts";
import { NO_TUNNEL, Peer } from "./peer.ts";

/** The introduction of a peer when its tunnel comes up. */
export interface Greeting {
  /** The identity across tunnels; undefined if it can't be told. */
  key: string | undefined;
  /** The name that it gives itself. */
  name: string;
  /** The IP address that it comes from, without the port. */
  address?: string;
}

/** Peers by tunnel and by key. */
export class Peers {
  readonly #byTunnel = new Map<number, Peer>();
  readonly #byKey = new Map<string, Peer>();

  /** The peers that have a tunnel, by its number. */
  get byTunnel(): ReadonlyMap<number, Peer> {
    return this.#byTunnel;
  }

  /** Finds the peer with a key. */
  get(key: string): Peer | undefined {
    return this.#byKey.get(key);
  }

  /** Finds the peer with a key, or makes one that is held since then. Without a key it is always a new one. */
  of(key: string | undefined, name: string, heldSinceMs: number): Peer {
    if (key === undefined) return new Peer(undefined, name, heldSinceMs);
    let peer = this.#byKey.get(key);
    if (peer === undefined) this.#byKey.set(key, peer = new Peer(key, name, heldSinceMs));
    return peer;
  }

  /**
   * Gives a peer a tunnel that has come up.
   *
   * @returns The peer, and the tunnel of the same peer that this one replaces, or {@linkcode NO_TUNNEL}
   */
  connect(
    tunnel: number,
    { key, name, address = "" }: Greeting,
    nowMs: number,
  ): { peer: Peer; replaced: number } {
    const peer = this.of(key, name, nowMs);
    const replaced = peer.tunnel;
    this.#byTunnel.delete(replaced);
    peer.tunnel = tunnel;
    peer.name = name;
    peer.address = address;
    this.#byTunnel.set(tunnel, peer);
    return { peer, replaced };
  }

  /**
   * Takes a tunnel that is gone from its peer.
   *
   * @returns The peer, which has no tunnel now; undefined if another tunnel had replaced this one
   */
  disconnect(tunnel: number, nowMs: number): Peer | undefined {
    const peer = this.#byTunnel.get(tunnel);
    if (peer === undefined) return undefined;
    this.#byTunnel.delete(tunnel);
    peer.tunnel = NO_TUNNEL;
    peer.heldSinceMs = nowMs;
    // In the order in which they went, so that those that have been away the longest come first.
    if (peer.key !== undefined) {
      this.#byKey.delete(peer.key);
      this.#byKey.set(peer.key, peer);
    }
    return peer;
  }

  /** Forgets a peer for which nothing is held any more. */
  forget(peer: Peer): void {
    if (peer.key !== undefined) this.#byKey.delete(peer.key);
  }

  /** Tells if this is the peer of its tunnel, or is held by its key. */
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

  /** Lists the peers without a tunnel, the one that has been away the longest first. */
  *held(): Iterable<Peer> {
    for (const peer of this.#byKey.values()) if (peer.held) yield peer;
  }
}
