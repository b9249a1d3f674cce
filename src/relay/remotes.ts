// The remotes of one relay: those that have a tunnel, and those that may come back.

import { NO_TUNNEL, Remote } from "./remote.ts";

/** How a remote shows itself when its tunnel comes up. */
export interface Greeting {
  /** Who it is, across tunnels; undefined where that can't be told. */
  key: string | undefined;
  /** What it calls itself. */
  name: string;
  /** The address that it comes from, without the port. */
  address?: string;
}

/** Remotes by tunnel, and by key. */
export class Remotes {
  readonly #byTunnel = new Map<number, Remote>();
  readonly #byKey = new Map<string, Remote>();

  /** Those that have a tunnel, by it. */
  get byTunnel(): ReadonlyMap<number, Remote> {
    return this.#byTunnel;
  }

  /** The one with a key. */
  get(key: string): Remote | undefined {
    return this.#byKey.get(key);
  }

  /** The one with a key, made where there is none: held since then. Without a key it is always another one. */
  of(key: string | undefined, name: string, heldSinceMs: number): Remote {
    if (key === undefined) return new Remote(undefined, name, heldSinceMs);
    let remote = this.#byKey.get(key);
    if (remote === undefined) this.#byKey.set(key, remote = new Remote(key, name, heldSinceMs));
    return remote;
  }

  /** A tunnel has come up: the remote that it leads to, and the tunnel that it takes the place of. */
  connect(
    tunnel: number,
    { key, name, address = "" }: Greeting,
    nowMs: number,
  ): { remote: Remote; replaced: number } {
    const remote = this.of(key, name, nowMs);
    const replaced = remote.tunnel;
    this.#byTunnel.delete(replaced);
    remote.tunnel = tunnel;
    remote.name = name;
    remote.address = address;
    this.#byTunnel.set(tunnel, remote);
    return { remote, replaced };
  }

  /** A tunnel has gone: the remote that has none now; undefined where another one had taken its place. */
  disconnect(tunnel: number, nowMs: number): Remote | undefined {
    const remote = this.#byTunnel.get(tunnel);
    if (remote === undefined) return undefined;
    this.#byTunnel.delete(tunnel);
    remote.tunnel = NO_TUNNEL;
    remote.heldSinceMs = nowMs;
    // In the order in which they went, so that the first are those that have been away the longest.
    if (remote.key !== undefined) {
      this.#byKey.delete(remote.key);
      this.#byKey.set(remote.key, remote);
    }
    return remote;
  }

  /** Nothing is held for it any more. */
  forget(remote: Remote): void {
    if (remote.key !== undefined) this.#byKey.delete(remote.key);
  }

  /** Those without a tunnel, the one that has been away the longest first. */
  *held(): Iterable<Remote> {
    for (const remote of this.#byKey.values()) if (remote.held) yield remote;
  }
}
