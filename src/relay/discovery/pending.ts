// Discoveries under way: from a host's PADI to some time after its PADS, so that repeats find them too.

import { formatMac } from "../../wire/mod.ts";
import { byteKey } from "./byte_key.ts";
import type { Remote } from "../remote.ts";

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

/**
 * How many bytes of tags are kept for each remote's discoveries, beyond which the same holds. Hosts send
 * 4 to 16 bytes.
 */
const BYTES_PER_REMOTE = 512 * 1024;

interface Queue<T> {
  /** By key; the one that was quiet the longest first. */
  readonly entries: Map<string, Entry<T>>;
  bytes: number;
}

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
  readonly #remotes = new Map<Remote, Queue<T>>();
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
    const entries = this.#remotes.get(remote)?.entries;
    const entry = entries?.get(keyOf({ hostMac, hostUniq, relaySessionId }));
    if (entries === undefined || entry === undefined) return undefined;
    entry.usedMs = nowMs;
    entries.delete(entry.key);
    entries.set(entry.key, entry);
    return entry.value;
  }

  /** Keeps a discovery, if it is still here, for another time-out. */
  keep({ remote, hostMac, hostUniq, relaySessionId }: T, nowMs: number): void {
    this.find(remote, hostMac, hostUniq, nowMs, relaySessionId);
  }

  /** Adds a discovery that `find` does not know. */
  add(discovery: T, nowMs: number): void {
    let queue = this.#remotes.get(discovery.remote);
    if (queue === undefined) {
      this.#remotes.set(discovery.remote, queue = { entries: new Map(), bytes: 0 });
    }
    const key = keyOf(discovery);
    queue.bytes += key.length;
    const { entries } = queue;
    while (entries.size >= DISCOVERIES_PER_REMOTE || queue.bytes > BYTES_PER_REMOTE) {
      const [oldest] = entries.values();
      if (oldest === undefined) break;
      this.#drop(queue, oldest);
    }
    entries.set(key, { key, value: discovery, usedMs: nowMs });
  }

  /** Whether a remote has any. */
  has(remote: Remote): boolean {
    return this.#remotes.has(remote);
  }

  /** Removes what has been quiet for too long. */
  expire(nowMs: number): void {
    for (const [remote, queue] of this.#remotes) {
      for (const entry of queue.entries.values()) {
        if (nowMs - entry.usedMs < DISCOVERY_TIMEOUT_MS) break;
        this.#drop(queue, entry);
      }
      if (queue.entries.size === 0) this.#remotes.delete(remote);
    }
  }

  /** Removes all of a remote. */
  removeRemote(remote: Remote): void {
    const queue = this.#remotes.get(remote);
    for (const entry of queue?.entries.values() ?? []) this.#removed(entry.value);
    this.#remotes.delete(remote);
  }

  #drop(queue: Queue<T>, entry: Entry<T>): void {
    queue.entries.delete(entry.key);
    queue.bytes -= entry.key.length;
    this.#removed(entry.value);
  }
}

// An absent Host-Uniq is not an empty one: the host must get back what it sent.
function keyOf({ hostMac, hostUniq, relaySessionId }: Omit<Discovery, "remote">): string {
  return [hostUniq, relaySessionId].reduce(
    (key, value) => `${key}/${value === undefined ? "" : `${value.length}=${byteKey(value)}`}`,
    formatMac(hostMac),
  );
}
