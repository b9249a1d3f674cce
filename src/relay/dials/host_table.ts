// A bounded table of the hosts that dial.

import { assertInvariant } from "../../assert.ts";
import { readUint48 } from "../../wire/uint16.ts";
import type { Peer } from "../peer.ts";
import { HostDial } from "./host_dial.ts";

/** The maximum number of hosts of each peer; one more replaces the one that has been quiet for longest. */
export const HOSTS_PER_PEER = 2048;
/** The maximum number of hosts of all peers; one more replaces one of the peer with the most of them. */
export const HOSTS = 8192;

/** The hosts of one peer by their addresses, the one that has been quiet for longest first. */
interface Queue {
  readonly strangers: Map<number, HostDial>;
  readonly known: Map<number, HostDial>;
}

/** The hosts of each peer. Those of strangers are replaced before those that have had a session. */
export class HostTable {
  readonly #peers = new Map<Peer, Queue>();
  #size = 0;

  /** The number of hosts. */
  get size(): number {
    return this.#size;
  }

  /** Finds a host. */
  find(peer: Peer, hostMac: Uint8Array): HostDial | undefined {
    const queue = this.#peers.get(peer);
    if (queue === undefined) return undefined;
    const host = readUint48(hostMac, 0);
    return queue.known.get(host) ?? queue.strangers.get(host);
  }

  /**
   * Finds a host or adds it, and notes that something has happened.
   *
   * @param isKnown True if the host has had a session
   */
  use(peer: Peer, hostMac: Uint8Array, isKnown: boolean, nowMs: number): HostDial {
    const host = readUint48(hostMac, 0);
    const present = this.find(peer, hostMac);
    if (present !== undefined) this.#remove(present);
    else this.#makeRoom(peer);
    let queue = this.#peers.get(peer);
    if (queue === undefined) {
      this.#peers.set(peer, queue = { strangers: new Map(), known: new Map() });
    }
    const dial = present ?? new HostDial(peer, hostMac, nowMs);
    (isKnown ? queue.known : queue.strangers).set(host, dial);
    this.#size++;
    dial.usedMs = nowMs;
    return dial;
  }

  /** Removes all hosts of a peer. */
  removePeer(peer: Peer): void {
    const queue = this.#peers.get(peer);
    if (queue === undefined) return;
    this.#size -= sizeOf(queue);
    this.#peers.delete(peer);
  }

  /** Removes all hosts. */
  clear(): void {
    this.#peers.clear();
    this.#size = 0;
  }

  /** Removes the hosts to which nothing has happened for this long. */
  expire(nowMs: number, forMs: number): void {
    for (const { strangers, known } of [...this.#peers.values()]) {
      for (const queue of [strangers, known]) {
        for (const dial of queue.values()) {
          if (nowMs - dial.usedMs < forMs) break;
          this.#remove(dial);
        }
      }
    }
  }

  /** Lists all hosts. */
  *[Symbol.iterator](): Iterator<HostDial> {
    for (const { strangers, known } of this.#peers.values()) {
      yield* strangers.values();
      yield* known.values();
    }
  }

  /**
   * Checks the bounds.
   *
   * @throws {InvariantError} If something is wrong
   */
  audit(): void {
    let size = 0;
    for (const [peer, queue] of this.#peers) {
      const count = sizeOf(queue);
      assertInvariant(count > 0 && count <= HOSTS_PER_PEER, "a peer has too many dials, or none");
      size += count;
      for (const dial of [...queue.strangers.values(), ...queue.known.values()]) {
        assertInvariant(dial.peer === peer, "a dial is in the queue of another peer");
      }
    }
    assertInvariant(size === this.#size && size <= HOSTS, "the number of dials is wrong");
  }

  #remove({ peer, hostMac }: HostDial): void {
    const queue = this.#peers.get(peer);
    if (queue === undefined) return;
    const host = readUint48(hostMac, 0);
    if (queue.strangers.delete(host) || queue.known.delete(host)) this.#size--;
    if (sizeOf(queue) === 0) this.#peers.delete(peer);
  }

  #makeRoom(peer: Peer): void {
    const own = this.#peers.get(peer);
    if (own !== undefined && sizeOf(own) >= HOSTS_PER_PEER) return this.#forgetOne(own);
    if (this.#size < HOSTS) return;
    let most: Queue | undefined;
    for (const queue of this.#peers.values()) {
      if (most === undefined || sizeOf(queue) > sizeOf(most)) most = queue;
    }
    if (most !== undefined) this.#forgetOne(most);
  }

  #forgetOne({ strangers, known }: Queue): void {
    const [oldest] = (strangers.size > 0 ? strangers : known).values();
    this.#remove(oldest);
  }
}

function sizeOf({ strangers, known }: Queue): number {
  return strangers.size + known.size;
}
