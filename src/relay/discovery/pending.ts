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
  /** True if the host has dialled successfully before, so that discoveries of strangers give way to its own. */
  readonly known?: boolean;
}

/** The time for which a discovery is kept after its last frame, in ms. */
export const DISCOVERY_TIMEOUT_MS = 60_000;

/**
 * The maximum number of discoveries of each peer; one more replaces the one that has been quiet for longest.
 * Thousands of hosts may dial at once, and the last AC may need seconds to answer.
 */
export const DISCOVERIES_PER_PEER = 4096;

/**
 * The maximum size of each peer's discoveries in bytes, beyond which the same happens. It is enough for all of
 * them, with an offer each, if Host-Uniqs and cookies have the usual 4 to 24 bytes.
 */
const BYTES_PER_PEER = 16 << 20;

/** The maximum number of bytes for all peers together; the peer with the most bytes loses discoveries. */
export const BYTES = 24 << 20;

/** The number of bytes that a discovery takes, and each of its marks, besides the text: as measured, rounded up. */
const DISCOVERY_BYTES = 2048;
const MARK_BYTES = 640;

interface Queue<T> {
  /** The entries of hosts that are not known by key, the one that has been quiet for longest first. */
  readonly strangers: Map<string, Entry<T>>;
  /** Those of known hosts. */
  readonly known: Map<string, Entry<T>>;
  /** The entries by the additional keys with which they were marked. */
  readonly marks: Map<string, Entry<T>>;
  bytes: number;
}

interface Entry<T> {
  readonly key: string;
  readonly value: T;
  /** The keys with which it was marked; undefined if there were none yet. */
  marks: Set<string> | undefined;
  bytes: number;
  usedMs: number;
}

/**
 * A bounded table of discoveries. Each peer has its own queue, so that a flood behind one client replaces only
 * that client's discoveries; and those of strangers are replaced before those of known hosts.
 */
export class PendingTable<T extends Discovery> {
  readonly #peers = new Map<Peer, Queue<T>>();
  readonly #removed: (discovery: T) => void;
  #bytes = 0;
  #size = 0;

  /**
   * Makes an empty table.
   *
   * @param removed Called with each discovery that is removed
   */
  constructor(removed: (discovery: T) => void = () => {}) {
    this.#removed = removed;
  }

  /** The number of discoveries. */
  get size(): number {
    return this.#size;
  }

  /** The size of all discoveries in bytes. */
  get bytes(): number {
    return this.#bytes;
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
    return queue && use(queue, entryOf(queue, { hostMac, hostUniq, relaySessionId }), nowMs);
  }

  /** Restarts the timeout of a discovery, if it is still in the table. */
  keep({ peer, hostMac, hostUniq, relaySessionId }: T, nowMs: number): void {
    this.find(peer, hostMac, hostUniq, nowMs, relaySessionId);
  }

  /** Adds a discovery that `find` does not find. */
  add(discovery: T, nowMs: number): void {
    let queue = this.#peers.get(discovery.peer);
    if (queue === undefined) {
      queue = { strangers: new Map(), known: new Map(), marks: new Map(), bytes: 0 };
      this.#peers.set(discovery.peer, queue);
    }
    const key = keyOf(discovery);
    while (sizeOf(queue) >= DISCOVERIES_PER_PEER) this.#dropOldest(queue, undefined);
    const entry = { key, value: discovery, marks: undefined, bytes: 0, usedMs: nowMs };
    entriesWith(queue, discovery).set(key, entry);
    this.#size++;
    // The key has a copy of the Host-Uniq, and a server keeps up to two more.
    entry.bytes = 4 * key.length + DISCOVERY_BYTES;
    this.#charge(queue, entry.bytes);
    this.#makeRoom(queue, entry);
  }

  /**
   * Marks a discovery, if it is still in the table, with an additional key by which it can be found. A
   * discovery that had this mark before loses it.
   */
  mark(discovery: T, key: string): void {
    const queue = this.#peers.get(discovery.peer);
    const entry = queue && entryOf(queue, discovery);
    if (queue === undefined || entry?.value !== discovery) return;
    const before = queue.marks.get(key);
    if (before !== undefined && before !== entry) this.#unmark(queue, before, key);
    queue.marks.set(key, entry);
    if (before !== entry) {
      entry.marks ??= new Set();
      entry.marks.add(key);
      entry.bytes += markBytes(key);
      this.#charge(queue, markBytes(key));
      this.#makeRoom(queue, entry);
    }
  }

  /** Finds the discovery that is marked with a key, and restarts its timeout. */
  marked(peer: Peer, key: string, nowMs: number): T | undefined {
    const queue = this.#peers.get(peer);
    return queue && use(queue, queue.marks.get(key), nowMs);
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
      for (const entries of [queue.strangers, queue.known]) {
        for (const entry of entries.values()) {
          if (nowMs - entry.usedMs < DISCOVERY_TIMEOUT_MS) break;
          this.#drop(queue, entry);
        }
      }
      if (sizeOf(queue) === 0) this.#peers.delete(peer);
    }
  }

  /** Removes all discoveries of a peer. */
  removePeer(peer: Peer): void {
    const queue = this.#peers.get(peer);
    if (queue === undefined) return;
    this.#peers.delete(peer);
    this.#charge(queue, -queue.bytes);
    this.#size -= sizeOf(queue);
    for (const { value } of all(queue)) this.#removed(value);
  }

  /**
   * Checks that each discovery is found by its key and marks, and that the bytes add up.
   *
   * @throws {InvariantError} If one of these is not true
   */
  audit(): void {
    let [bytes, size] = [0, 0];
    for (const queue of this.#peers.values()) {
      let [taken, marked] = [0, 0];
      for (const entry of all(queue)) {
        assertInvariant(
          entryOf(queue, entry.value) === entry,
          "a key leads to another discovery",
        );
        for (const mark of entry.marks ?? []) {
          assertInvariant(queue.marks.get(mark) === entry, "a mark leads to another discovery");
        }
        taken += entry.bytes;
        marked += entry.marks?.size ?? 0;
      }
      assertInvariant(marked === queue.marks.size, "a mark leads to a discovery that is gone");
      assertInvariant(taken === queue.bytes, "the bytes of a peer's discoveries are miscounted");
      bytes += queue.bytes;
      size += sizeOf(queue);
    }
    assertInvariant(bytes === this.#bytes, "the bytes of all discoveries are miscounted");
    assertInvariant(size === this.#size, "the discoveries are miscounted");
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
    let largest: Queue<T> | undefined;
    for (const queue of this.#peers.values()) {
      if (largest === undefined || queue.bytes > largest.bytes) largest = queue;
    }
    return largest!;
  }

  #dropOldest(queue: Queue<T>, except: Entry<T> | undefined): boolean {
    for (const entry of all(queue)) {
      if (entry === except) continue;
      this.#drop(queue, entry);
      return true;
    }
    return false;
  }

  #unmark(queue: Queue<T>, entry: Entry<T>, key: string): void {
    queue.marks.delete(key);
    entry.marks!.delete(key);
    entry.bytes -= markBytes(key);
    this.#charge(queue, -markBytes(key));
  }

  #drop(queue: Queue<T>, entry: Entry<T>): void {
    entriesWith(queue, entry.value).delete(entry.key);
    this.#size--;
    for (const key of entry.marks ?? []) queue.marks.delete(key);
    this.#charge(queue, -entry.bytes);
    this.#removed(entry.value);
  }
}

function use<T extends Discovery>(
  queue: Queue<T>,
  entry: Entry<T> | undefined,
  nowMs: number,
): T | undefined {
  if (entry === undefined) return undefined;
  entry.usedMs = nowMs;
  const entries = entriesWith(queue, entry.value);
  entries.delete(entry.key);
  entries.set(entry.key, entry);
  return entry.value;
}

// Lists the entries in the order in which they give way.
function* all<T>({ strangers, known }: Queue<T>): Iterable<Entry<T>> {
  yield* strangers.values();
  yield* known.values();
}

function sizeOf({ strangers, known }: Queue<unknown>): number {
  return strangers.size + known.size;
}

function entriesWith<T>(queue: Queue<T>, { known }: Discovery): Map<string, Entry<T>> {
  return known ? queue.known : queue.strangers;
}

// The host may have become known since its discovery began, so it is looked for in both maps.
function entryOf<T>(queue: Queue<T>, of: Omit<Discovery, "peer">): Entry<T> | undefined {
  const key = keyOf(of);
  return queue.strangers.get(key) ?? queue.known.get(key);
}

// Returns the size of a key and of the values in it, which are also kept.
function markBytes(key: string): number {
  return 3 * key.length + MARK_BYTES;
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
