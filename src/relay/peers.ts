// The peers of one relay: those that have a tunnel, and those that may come back.

import { NO_TUNNEL, Peer } from "./peer.ts";

/** How a peer shows itself when its tunnel comes up. */
export interface Greeting {
  /** Who it is, across tunnels; undefined where that can't be told. */
  key: string | undefined;
  /** What it calls itself. */
  name: string;
  /** The address that it comes from, without the port. */
  address?: string;
}

/** Peers by tunnel, and by key. */
export class Peers {
  readonly #byTunnel = new Map<number, Peer>();
  readonly #byKey = new Map<string, Peer>();

  /** Those that have a tunnel, by it. */
  get byTunnel(): ReadonlyMap<number, Peer> {
    return this.#byTunnel;
  }

  /** The one with a key. */
  get(key: string): Peer | undefined {
    return this.#byKey.get(key);
  }

  /** The one with a key, made where there is none: held since then. Without a key it is always another one. */
  of(key: string | undefined, name: string, heldSinceMs: number): Peer {
    if (key === undefined) return new Peer(undefined, name, heldSinceMs);
    let peer = this.#byKey.get(key);
    if (peer === undefined) this.#byKey.set(key, peer = new Peer(key, name, heldSinceMs));
    return peer;
  }

  /** A tunnel has come up: the peer that it leads to, and the tunnel that it takes the place of. */
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

  /** A tunnel has gone: the peer that has none now; undefined where another one had taken its place. */
  disconnect(tunnel: number, nowMs: number): Peer | undefined {
    const peer = this.#byTunnel.get(tunnel);
    if (peer === undefined) return undefined;
    this.#byTunnel.delete(tunnel);
    peer.tunnel = NO_TUNNEL;
    peer.heldSinceMs = nowMs;
    // In the order in which they went, so that the first are those that have been away the longest.
    if (peer.key !== undefined) {
      this.#byKey.delete(peer.key);
      this.#byKey.set(peer.key, peer);
    }
    return peer;
  }

  /** Nothing is held for it any more. */
  forget(peer: Peer): void {
    if (peer.key !== undefined) this.#byKey.delete(peer.key);
  }

  /** Those without a tunnel, the one that has been away the longest first. */
  *held(): Iterable<Peer> {
    for (const peer of this.#byKey.values()) if (peer.held) yield peer;
  }
}
