// Discoveries under way: from a host's PADI to some time after its PADS, so that repeats find them too.

import { formatMac } from "../../wire/mod.ts";
import { byteKey } from "./byte_key.ts";
import type { Peer } from "../peer.ts";

/** What a discovery is known by: the host, and the tags that its frames have in common. */
export interface Discovery {
  readonly peer: Peer;
  readonly hostMac: Uint8Array;
  /** As the host chose it for its PADI; undefined where it chose none. */
  readonly hostUniq: Uint8Array | undefined;
  /** As an agent before us chose it, where discoveries are told apart by it. */
  readonly relaySessionId?: Uint8Array;
}

/** How long after its last frame a discovery is kept. */
export const DISCOVERY_TIMEOUT_MS = 60_000;

/**
 * How many discoveries are kept for each peer; one more pushes out the one that was quiet the longest.
 * Thousands of hosts may dial at once, and the last AC that answers may take seconds.
 */
export const DISCOVERIES_PER_REMOTE = 4096;

/**
 * How many bytes of tags and offers are kept for each peer's discoveries, beyond which the same holds.
 * It is enough for all of them where a Host-Uniq and a cookie have the usual 4 to 24 bytes.
 */
const BYTES_PER_REMOTE = 4 << 20;

/** How many are kept for all peers together; the peer that has the most gives way. */
const BYTES = 64 << 20;

/** What each key takes beside its text. */
const KEY_BYTES = 32;

interface Queue<T> {
  /** By key; the one that was quiet the longest first. */
  readonly entries: Map<string, Entry<T>>;
  /** By the other keys that it was marked with. */
  readonly marks: Map<string, Entry<T>>;
  bytes: number;
}

interface Entry<T> {
  readonly key: string;
  readonly value: T;
  readonly marks: Set<string>;
  bytes: number;
  usedMs: number;
}

/**
 * A bounded table of discoveries, one queue a peer, so that a flood behind one client pushes out
 * that client's only.
 */
export class PendingTable<T extends Discovery> {
  readonly #peers = new Map<Peer, Queue<T>>();
  readonly #removed: (discovery: T) => void;
  #bytes = 0;

  /** `removed` hears of each discovery that goes. */
  constructor(removed: (discovery: T) => void = () => {}) {
    this.#removed = removed;
  }

  /** The discovery of this host with these tags, kept from now on for another time-out. */
  find(
    peer: Peer,
    hostMac: Uint8Array,
    hostUniq: Uint8Array | undefined,
    nowMs: number,
    relaySessionId?: Uint8Array,
  ): T | undefined {
    const queue = this.#peers.get(peer);
    return use(queue, queue?.entries.get(keyOf({ hostMac, hostUniq, relaySessionId })), nowMs);
  }

  /** Keeps a discovery, if it is still here, for another time-out. */
  keep({ peer, hostMac, hostUniq, relaySessionId }: T, nowMs: number): void {
    this.find(peer, hostMac, hostUniq, nowMs, relaySessionId);
  }

  /** Adds a discovery that `find` does not know. */
  add(discovery: T, nowMs: number): void {
    let queue = this.#peers.get(discovery.peer);
    if (queue === undefined) {
      queue = { entries: new Map(), marks: new Map(), bytes: 0 };
      this.#peers.set(discovery.peer, queue);
    }
    const key = keyOf(discovery);
    const { entries } = queue;
    while (entries.size >= DISCOVERIES_PER_REMOTE) {
      const [oldest] = entries.values();
      this.#drop(queue, oldest);
    }
    const entry = { key, value: discovery, marks: new Set<string>(), bytes: 0, usedMs: nowMs };
    entries.set(key, entry);
    this.#charge(queue, entry, key.length + KEY_BYTES);
  }

  /**
   * Has a discovery, if it is still here, found by another key too. One that had this key before is no
   * longer found by it.
   */
  mark(discovery: T, key: string): void {
    const queue = this.#peers.get(discovery.peer);
    const entry = queue?.entries.get(keyOf(discovery));
    if (queue === undefined || entry?.value !== discovery) return;
    const before = queue.marks.get(key);
    if (before !== undefined && before !== entry) this.#unmark(queue, before, key);
    queue.marks.set(key, entry);
    if (before !== entry) {
      entry.marks.add(key);
      this.#charge(queue, entry, markBytes(key));
    }
  }

  /** The discovery that was marked with a key, kept from now on for another time-out. */
  marked(peer: Peer, key: string, nowMs: number): T | undefined {
    const queue = this.#peers.get(peer);
    return use(queue, queue?.marks.get(key), nowMs);
  }

  /** Takes a mark off a discovery that has it. */
  unmark(discovery: T, key: string): void {
    const queue = this.#peers.get(discovery.peer);
    const entry = queue?.marks.get(key);
    if (queue !== undefined && entry?.value === discovery) this.#unmark(queue, entry, key);
  }

  /** Whether a peer has any. */
  has(peer: Peer): boolean {
    return this.#peers.has(peer);
  }

  /** Removes what has been quiet for too long. */
  expire(nowMs: number): void {
    for (const [peer, queue] of this.#peers) {
      for (const entry of queue.entries.values()) {
        if (nowMs - entry.usedMs < DISCOVERY_TIMEOUT_MS) break;
        this.#drop(queue, entry);
      }
      if (queue.entries.size === 0) this.#peers.delete(peer);
    }
  }

  /** Removes all of a peer. */
  removePeer(peer: Peer): void {
    const queue = this.#peers.get(peer);
    if (queue === undefined) return;
    this.#peers.delete(peer);
    this.#bytes -= queue.bytes;
    for (const { value } of queue.entries.values()) this.#removed(value);
  }

  // Pushes others out where there is no room, never the one that needs it.
  #charge(queue: Queue<T>, entry: Entry<T>, bytes: number): void {
    entry.bytes += bytes;
    queue.bytes += bytes;
    this.#bytes += bytes;
    while (queue.bytes > BYTES_PER_REMOTE && this.#dropOldest(queue, entry));
    while (this.#bytes > BYTES && this.#dropOldest(this.#largest(), entry));
  }

  #largest(): Queue<T> {
    return [...this.#peers.values()].reduce((a, b) => a.bytes >= b.bytes ? a : b);
  }

  #dropOldest(queue: Queue<T>, but: Entry<T>): boolean {
    for (const entry of queue.entries.values()) {
      if (entry === but) continue;
      this.#drop(queue, entry);
      return true;
    }
    return false;
  }

  #unmark(queue: Queue<T>, entry: Entry<T>, key: string): void {
    queue.marks.delete(key);
    entry.marks.delete(key);
    const bytes = markBytes(key);
    entry.bytes -= bytes;
    queue.bytes -= bytes;
    this.#bytes -= bytes;
  }

  #drop(queue: Queue<T>, entry: Entry<T>): void {
    queue.entries.delete(entry.key);
    for (const key of entry.marks) queue.marks.delete(key);
    queue.bytes -= entry.bytes;
    this.#bytes -= entry.bytes;
    this.#removed(entry.value);
  }
}

function use<T>(
  queue: Queue<T> | undefined,
  entry: Entry<T> | undefined,
  nowMs: number,
): T | undefined {
  if (queue === undefined || entry === undefined) return undefined;
  entry.usedMs = nowMs;
  queue.entries.delete(entry.key);
  queue.entries.set(entry.key, entry);
  return entry.value;
}

// The key, and the values that it is made of, which are kept as well.
function markBytes(key: string): number {
  return 2 * key.length + KEY_BYTES;
}

// An absent Host-Uniq is not an empty one: the host must get back what it sent.
function keyOf({ hostMac, hostUniq, relaySessionId }: Omit<Discovery, "peer">): string {
  return tagKey(formatMac(hostMac), hostUniq, relaySessionId);
}

/** Makes a key of a text and of bytes that may be absent. Different ones give different keys. */
export function tagKey(text: string, ...values: (Uint8Array | undefined)[]): string {
  return values.reduce<string>(
    (key, value) => `${key}/${value === undefined ? "" : `${value.length}=${byteKey(value)}`}`,
    text,
  );
}
