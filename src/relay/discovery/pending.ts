// The discoveries under way, from a host's PADI to some time after its PADS, so that repeats are recognized.

import { assertInvariant } from "../../assert.ts";
import { formatMac } from "../../wire/mod.ts";
import type { Peer } from "../peer.ts";
import { byteKey } from "./byte_key.ts";

/** The identity of a discovery: the host, and the tags that its frames have in common. */
export interface Discovery {
  readonly peer: Peer;
  readonly hostMac: Uint8Array;
  /** The Host-Uniq in the host's PADI; undefined if there was none. */
  readonly hostUniq: Uint8Array | undefined;
  /** The Relay-Session-Id that an earlier agent added, if it distinguishes discoveries. */
  readonly relaySessionId?: Uint8Array;
}

/** The time for which a discovery is kept after its last frame, in ms. */
export const DISCOVERY_TIMEOUT_MS = 60_000;

/**
 * The maximum number of discoveries of each peer; one more replaces the one that has been quiet for longest.
 * Thousands of hosts may dial at once, and the last AC may need seconds to answer.
 */
export const DISCOVERIES_PER_PEER = 4096;

/**
 * The maximum size of the tags and offers of each peer's discoveries in bytes, beyond which the same happens.
 * It is enough for all of them if Host-Uniqs and cookies have the usual 4 to 24 bytes.
 */
const BYTES_PER_PEER = 4 << 20;

/** The maximum number of bytes for all peers together; the peer with the most bytes loses discoveries. */
const BYTES = 64 << 20;

/** The number of bytes that each key takes in addition to its text. */
const KEY_BYTES = 32;

interface Queue<T> {
  /** The entries by key, the one that has been quiet for longest first. */
  readonly entries: Map<string, Entry<T>>;
  /** The entries by the additional keys with which they were marked. */
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
 * A bounded table of discoveries. Each peer has its own queue, so that a flood behind one client replaces only
 * that client's discoveries.
 */
export class PendingTable<T extends Discovery> {
  readonly #peers = new Map<Peer, Queue<T>>();
  readonly #removed: (discovery: T) => void;
  #bytes = 0;

  /**
   * Makes an empty table.
   *
   * @param removed Called with each discovery that is removed
   */
  constructor(removed: (discovery: T) => void = () => {}) {
    this.#removed = removed;
  }

  /** Finds the discovery of a host with these tags, and restarts its timeout. */
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

  /** Restarts the timeout of a discovery, if it is still in the table. */
  keep({ peer, hostMac, hostUniq, relaySessionId }: T, nowMs: number): void {
    this.find(peer, hostMac, hostUniq, nowMs, relaySessionId);
  }

  /** Adds a discovery that `find` does not find. */
  add(discovery: T, nowMs: number): void {
    let queue = this.#peers.get(discovery.peer);
    if (queue === undefined) {
      queue = { entries: new Map(), marks: new Map(), bytes: 0 };
      this.#peers.set(discovery.peer, queue);
    }
    const key = keyOf(discovery);
    const { entries } = queue;
    while (entries.size >= DISCOVERIES_PER_PEER) {
      const [oldest] = entries.values();
      this.#drop(queue, oldest);
    }
    const entry = { key, value: discovery, marks: new Set<string>(), bytes: 0, usedMs: nowMs };
    entries.set(key, entry);
    entry.bytes = key.length + KEY_BYTES;
    this.#charge(queue, entry.bytes);
    this.#makeRoom(queue, entry);
  }

  /**
   * Marks a discovery, if it is still in the table, with an additional key by which it can be found. A
   * discovery that had this mark before loses it.
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
      entry.bytes += markBytes(key);
      this.#charge(queue, markBytes(key));
      this.#makeRoom(queue, entry);
    }
  }

  /** Finds the discovery that is marked with a key, and restarts its timeout. */
  marked(peer: Peer, key: string, nowMs: number): T | undefined {
    const queue = this.#peers.get(peer);
    return use(queue, queue?.marks.get(key), nowMs);
  }

  /** Removes a mark from a discovery, if it has that mark. */
  unmark(discovery: T, key: string): void {
    const queue = this.#peers.get(discovery.peer);
    const entry = queue?.marks.get(key);
    if (queue !== undefined && entry?.value === discovery) this.#unmark(queue, entry, key);
  }

  /** Returns true if a peer has any discovery. */
  has(peer: Peer): boolean {
    return this.#peers.has(peer);
  }

  /** Removes the discoveries that have been quiet for too long. */
  expire(nowMs: number): void {
    for (const [peer, queue] of this.#peers) {
      for (const entry of queue.entries.values()) {
        if (nowMs - entry.usedMs < DISCOVERY_TIMEOUT_MS) break;
        this.#drop(queue, entry);
      }
      if (queue.entries.size === 0) this.#peers.delete(peer);
    }
  }

  /** Removes all discoveries of a peer. */
  removePeer(peer: Peer): void {
    const queue = this.#peers.get(peer);
    if (queue === undefined) return;
    this.#peers.delete(peer);
    this.#charge(queue, -queue.bytes);
    for (const { value } of queue.entries.values()) this.#removed(value);
  }

  /**
   * Checks that each discovery is found by its key and marks, and that the bytes add up.
   *
   * @throws {InvariantError} If one of these is not true
   */
  audit(): void {
    let all = 0;
    for (const { entries, marks, bytes } of this.#peers.values()) {
      let [taken, marked] = [0, 0];
      for (const [key, entry] of entries) {
        assertInvariant(entry.key === key, "a key leads to another discovery");
        for (const mark of entry.marks) {
          assertInvariant(marks.get(mark) === entry, "a mark leads to another discovery");
        }
        taken += entry.bytes;
        marked += entry.marks.size;
      }
      assertInvariant(marked === marks.size, "a mark leads to a discovery that is gone");
      assertInvariant(taken === bytes, "the bytes of a peer's discoveries are miscounted");
      all += bytes;
    }
    assertInvariant(all === this.#bytes, "the bytes of all discoveries are miscounted");
  }

  #charge(queue: Queue<T>, bytes: number): void {
    queue.bytes += bytes;
    this.#bytes += bytes;
    assertInvariant(queue.bytes >= 0, "the size of a peer's discoveries is negative");
    assertInvariant(
      this.#bytes >= queue.bytes,
      "all discoveries are smaller than those of one peer",
    );
  }

  // Removes other discoveries until there is room, but never the one that needs it.
  #makeRoom(queue: Queue<T>, entry: Entry<T>): void {
    while (queue.bytes > BYTES_PER_PEER && this.#dropOldest(queue, entry));
    while (this.#bytes > BYTES && this.#dropOldest(this.#largest(), entry));
  }

  #largest(): Queue<T> {
    return [...this.#peers.values()].reduce((a, b) => a.bytes >= b.bytes ? a : b);
  }

  #dropOldest(queue: Queue<T>, except: Entry<T>): boolean {
    for (const entry of queue.entries.values()) {
      if (entry === except) continue;
      this.#drop(queue, entry);
      return true;
    }
    return false;
  }

  #unmark(queue: Queue<T>, entry: Entry<T>, key: string): void {
    queue.marks.delete(key);
    entry.marks.delete(key);
    entry.bytes -= markBytes(key);
    this.#charge(queue, -markBytes(key));
  }

  #drop(queue: Queue<T>, entry: Entry<T>): void {
    queue.entries.delete(entry.key);
    for (const key of entry.marks) queue.marks.delete(key);
    this.#charge(queue, -entry.bytes);
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

// Returns the size of a key and of the values in it, which are also kept.
function markBytes(key: string): number {
  return 2 * key.length + KEY_BYTES;
}

// An absent Host-Uniq differs from an empty one, because the host must get the same one back.
function keyOf({ hostMac, hostUniq, relaySessionId }: Omit<Discovery, "peer">): string {
  return tagKey(formatMac(hostMac), hostUniq, relaySessionId);
}

/** Makes a key from a text and bytes that may be absent. Different arguments give different keys. */
export function tagKey(text: string, ...values: (Uint8Array | undefined)[]): string {
  return values.reduce<string>(
    (key, value) => `${key}/${value === undefined ? "" : `${value.length}=${byteKey(value)}`}`,
    text,
  );
}
