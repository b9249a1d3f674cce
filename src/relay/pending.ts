// Discoveries under way: from a host's PADI to some time after its PADS, so that repeats find them too.

import { formatMac } from "../wire/mod.ts";
import type { Remote } from "./remote.ts";

/** What a discovery is known by: the host, and the tags that its frames have in common. */
export interface Discovery {
  readonly remote: Remote;
  readonly hostMac: Uint8Array;
  /** As the host chose it; undefined where it chose none. */
  readonly hostUniq: Uint8Array | undefined;
  /** As an agent before us chose it, where discoveries are told apart by it. */
  readonly relaySessionId?: Uint8Array;
}

/** How long after its last frame a discovery is kept. */
export const DISCOVERY_TIMEOUT_MS = 60_000;

/**
 * How many discoveries are kept for each remote; one more pushes out the one that was quiet the longest.
 * Thousands of hosts may dial at once, and the last AC that answers may take seconds.
 */
export const DISCOVERIES_PER_REMOTE = 4096;

interface Entry<T> {
  key: string;
  value: T;
  usedMs: number;
}

/**
 * A bounded table of discoveries, one queue a remote, so that a flood behind one client pushes out
 * that client's only.
 */
export class PendingTable<T extends Discovery> {
  readonly #remotes = new Map<Remote, Map<string, Entry<T>>>();
  readonly #removed: (discovery: T) => void;

  /** `removed` hears of each discovery that goes. */
  constructor(removed: (discovery: T) => void = () => {}) {
    this.#removed = removed;
  }

  /** The discovery of this host with these tags, kept from now on for another time-out. */
  find(
    remote: Remote,
    hostMac: Uint8Array,
    hostUniq: Uint8Array | undefined,
    nowMs: number,
    relaySessionId?: Uint8Array,
  ): T | undefined {
    const queue = this.#remotes.get(remote);
    const entry = queue?.get(keyOf({ hostMac, hostUniq, relaySessionId }));
    if (queue === undefined || entry === undefined) return undefined;
    entry.usedMs = nowMs;
    queue.delete(entry.key);
    queue.set(entry.key, entry);
    return entry.value;
  }

  /** Keeps a discovery, if it is still here, for another time-out. */
  keep({ remote, hostMac, hostUniq, relaySessionId }: T, nowMs: number): void {
    this.find(remote, hostMac, hostUniq, nowMs, relaySessionId);
  }

  /** Adds a discovery that `find` does not know. */
  add(discovery: T, nowMs: number): void {
    let queue = this.#remotes.get(discovery.remote);
    if (queue === undefined) this.#remotes.set(discovery.remote, queue = new Map());
    if (queue.size >= DISCOVERIES_PER_REMOTE) this.#drop(queue, queue.values().next().value!);
    const key = keyOf(discovery);
    queue.set(key, { key, value: discovery, usedMs: nowMs });
  }

  /** Whether a remote has any. */
  has(remote: Remote): boolean {
    return this.#remotes.has(remote);
  }

  /** Removes what has been quiet for too long. */
  expire(nowMs: number): void {
    for (const [remote, queue] of this.#remotes) {
      for (const entry of queue.values()) {
        if (nowMs - entry.usedMs < DISCOVERY_TIMEOUT_MS) break;
        this.#drop(queue, entry);
      }
      if (queue.size === 0) this.#remotes.delete(remote);
    }
  }

  /** Removes all of a remote. */
  removeRemote(remote: Remote): void {
    const queue = this.#remotes.get(remote);
    for (const entry of queue?.values() ?? []) this.#removed(entry.value);
    this.#remotes.delete(remote);
  }

  #drop(queue: Map<string, Entry<T>>, entry: Entry<T>): void {
    queue.delete(entry.key);
    this.#removed(entry.value);
  }
}

// An absent Host-Uniq is not an empty one: the host must get back what it sent.
function keyOf({ hostMac, hostUniq, relaySessionId }: Omit<Discovery, "remote">): string {
  return [hostUniq, relaySessionId].reduce(
    (key, value) => `${key}/${value === undefined ? "" : `${value.length}=${textOf(value)}`}`,
    formatMac(hostMac),
  );
}

function textOf(value: Uint8Array): string {
  return String.fromCharCode(...value);
}
