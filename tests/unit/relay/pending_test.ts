// The bounded table of discoveries.

import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  BYTES,
  DISCOVERIES_PER_PEER,
  type Discovery,
  DISCOVERY_TIMEOUT_MS,
  PendingTable,
} from "../../../src/relay/discovery/pending.ts";
import { Peer } from "../../../src/relay/peer.ts";
import { bytes, HOST, HOST_2 } from "../../support/relays.ts";

const [ONE, TWO, THREE] = ["one", "two", "three"].map((name) => new Peer(name, name, 0));

function table() {
  const removed: Discovery[] = [];
  return { removed, pending: new PendingTable<Discovery>((discovery) => removed.push(discovery)) };
}

function discovery(peer: Peer, ...uniq: number[]): Discovery {
  return { peer, hostMac: HOST, hostUniq: bytes(...uniq) };
}

Deno.test("PendingTable.find() finds a discovery by peer, host and Host-Uniq", () => {
  const { pending } = table();
  const known = discovery(ONE, 0x2f, 0xff);
  pending.add(known, 0);
  assertStrictEquals(pending.find(ONE, HOST, bytes(0x2f, 0xff), 0), known);
  for (
    const [peer, host, uniq] of [
      [TWO, HOST, bytes(0x2f, 0xff)],
      [ONE, HOST_2, bytes(0x2f, 0xff)],
      [ONE, HOST, bytes(0x2f)],
      [ONE, HOST, bytes(0xff, 0x2f)],
      [ONE, HOST, bytes(0x2f, 0xff, 0)],
      [ONE, HOST, bytes()],
      [ONE, HOST, undefined],
    ] as const
  ) assertEquals(pending.find(peer, host, uniq, 0), undefined);
});

Deno.test("PendingTable.find() distinguishes an absent Host-Uniq from an empty one", () => {
  const { pending } = table();
  const absent = { peer: ONE, hostMac: HOST, hostUniq: undefined };
  const empty = { peer: ONE, hostMac: HOST, hostUniq: bytes() };
  pending.add(absent, 0);
  assertEquals(pending.find(ONE, HOST, bytes(), 0), undefined);
  pending.add(empty, 0);
  assertStrictEquals(pending.find(ONE, HOST, undefined, 0), absent);
  assertStrictEquals(pending.find(ONE, HOST, bytes(), 0), empty);
});

Deno.test("PendingTable.expire() removes only discoveries that were quiet for the timeout", () => {
  const { pending, removed } = table();
  const [first, second, third] = [1, 2, 3].map((uniq) => discovery(ONE, uniq));
  pending.add(first, 0);
  pending.add(second, 10);
  pending.add(third, 20);
  pending.find(ONE, HOST, first.hostUniq, 30);
  pending.expire(DISCOVERY_TIMEOUT_MS + 9);
  assertEquals(removed, []);
  pending.expire(DISCOVERY_TIMEOUT_MS + 10);
  assertEquals(removed, [second]);
  pending.expire(DISCOVERY_TIMEOUT_MS + 29);
  assertEquals(removed, [second, third]);
  assertStrictEquals(pending.find(ONE, HOST, first.hostUniq, 40), first);
  pending.expire(DISCOVERY_TIMEOUT_MS + 40);
  assertEquals(removed, [second, third, first]);
  assertEquals(pending.find(ONE, HOST, first.hostUniq, 50), undefined);
});

Deno.test("PendingTable.expire() checks every peer", () => {
  const { pending, removed } = table();
  const [young, old] = [discovery(ONE, 1), discovery(TWO, 1)];
  pending.add(young, 10);
  pending.add(old, 0);
  pending.expire(DISCOVERY_TIMEOUT_MS);
  assertEquals(removed, [old]);
});

Deno.test("PendingTable.add() replaces the peer's discovery that has been quiet for longest", () => {
  const { pending, removed } = table();
  const other = discovery(TWO, 0);
  pending.add(other, 0);
  const all = Array.from(
    { length: DISCOVERIES_PER_PEER },
    (_, i) => discovery(ONE, i >> 8, i & 0xff),
  );
  for (const each of all) pending.add(each, 1);
  assertEquals(removed, []);
  pending.find(ONE, HOST, all[0].hostUniq, 2);
  pending.add(discovery(ONE, 1, 2, 3), 3);
  assertEquals(removed, [all[1]]);
  assertStrictEquals(pending.find(ONE, HOST, all[0].hostUniq, 3), all[0]);
  assertStrictEquals(pending.find(TWO, HOST, other.hostUniq, 3), other);
});

Deno.test("PendingTable.removePeer() removes only the discoveries of that peer", () => {
  const { pending, removed } = table();
  const [one, two, other] = [discovery(ONE, 1), discovery(ONE, 2), discovery(TWO, 1)];
  for (const each of [one, other, two]) pending.add(each, 0);
  assertEquals([ONE, TWO, THREE].map((peer) => pending.has(peer)), [true, true, false]);
  pending.removePeer(ONE);
  assertEquals([ONE, TWO].map((peer) => pending.has(peer)), [false, true]);
  assertEquals(removed, [one, two]);
  assertEquals(pending.find(ONE, HOST, one.hostUniq, 0), undefined);
  assertStrictEquals(pending.find(TWO, HOST, other.hostUniq, 0), other);
  pending.removePeer(THREE);
  assertEquals(removed.length, 2);
});

Deno.test("PendingTable accepts the longest Host-Uniq that fits into a frame", () => {
  const { pending } = table();
  const hostUniq = new Uint8Array(1490).fill(0xff);
  const long = { peer: ONE, hostMac: HOST, hostUniq };
  pending.add(long, 0);
  assertStrictEquals(pending.find(ONE, HOST, hostUniq.slice(), 0), long);
});

Deno.test("PendingTable.marked() finds the discovery that was last marked, until it is removed", () => {
  const { pending, removed } = table();
  const [one, two] = [discovery(ONE, 1), discovery(ONE, 2)];
  for (const each of [one, two]) pending.add(each, 0);
  pending.mark(one, "a");
  pending.mark(one, "b");
  pending.mark(two, "a");
  assertStrictEquals(pending.marked(ONE, "a", 0), two);
  assertEquals([pending.marked(TWO, "a", 0), pending.marked(ONE, "c", 0)], [undefined, undefined]);
  // A mark can only be removed from the discovery that has it.
  pending.unmark(one, "a");
  assertStrictEquals(pending.marked(ONE, "a", 0), two);
  pending.unmark(two, "a");
  assertEquals(pending.marked(ONE, "a", 0), undefined);
  // Finding a mark restarts the timeout of its discovery.
  assertStrictEquals(pending.marked(ONE, "b", 30), one);
  pending.expire(DISCOVERY_TIMEOUT_MS + 10);
  assertEquals(removed, [two]);
  pending.expire(DISCOVERY_TIMEOUT_MS + 30);
  assertEquals([removed, pending.marked(ONE, "b", 0)], [[two, one], undefined]);
  // A removed discovery cannot be marked.
  pending.mark(one, "a");
  assertEquals(pending.marked(ONE, "a", 0), undefined);
});

Deno.test("PendingTable removes the oldest discovery if marks are too large, and never the newest", () => {
  const { pending, removed } = table();
  const other = discovery(TWO, 0);
  pending.add(other, 0);
  const all = Array.from({ length: 40 }, (_, i) => discovery(ONE, i));
  for (const each of all) {
    pending.add(each, 0);
    // Each takes 615 KiB of the 16 MiB that a peer may have.
    for (let i = 0; i < 20; i++) pending.mark(each, `${each.hostUniq} ${i} ${"x".repeat(10_240)}`);
  }
  const left = all.filter((each) => !removed.includes(each));
  assertEquals(left, all.slice(-left.length));
  assertEquals(left.length >= 25 && left.length <= 26, true, `${left.length} left`);
  for (let i = 0; i < 1000; i++) pending.mark(all[39], `more ${i} ${"x".repeat(10_240)}`);
  assertEquals(all.filter((each) => !removed.includes(each)), [all[39]]);
  assertStrictEquals(pending.find(TWO, HOST, other.hostUniq, 0), other);
});

Deno.test("PendingTable removes discoveries of the largest peer if all peers together are too large", () => {
  const { pending, removed } = table();
  const peers = Array.from({ length: 40 }, (_, i) => new Peer(`${i}`, `${i}`, 0));
  const small = discovery(peers[0], 0);
  pending.add(small, 0);
  for (const peer of peers.slice(1)) {
    for (let n = 0; n < 10; n++) {
      const each = discovery(peer, n);
      pending.add(each, 0);
      for (let i = 0; i < 20; i++) pending.mark(each, `${n} ${i} ${"x".repeat(9000)}`);
    }
  }
  // 39 times 5.5 MB were added, and the maximum is 24 MiB.
  assertEquals(removed.length > 340 && removed.length < 350, true, `${removed.length} removed`);
  assertEquals(removed.includes(small), false);
});

Deno.test("PendingTable.add() replaces strangers' discoveries before those of known hosts", () => {
  const { pending, removed } = table();
  const known = { ...discovery(ONE, 1), known: true };
  pending.add(known, 0);
  pending.mark(known, "a");
  const strangers = Array.from(
    { length: 2 * DISCOVERIES_PER_PEER },
    (_, i) => discovery(ONE, 2, i >> 8, i & 0xff),
  );
  for (const each of strangers) pending.add(each, 1);
  assertEquals(removed.length, DISCOVERIES_PER_PEER + 1);
  assertEquals(removed.includes(known), false);
  assertStrictEquals(pending.find(ONE, HOST, known.hostUniq, 2), known);
  assertStrictEquals(pending.marked(ONE, "a", 2), known);
  pending.audit();
  pending.expire(DISCOVERY_TIMEOUT_MS + 2);
  assertEquals([pending.size, pending.bytes, pending.has(ONE)], [0, 0, false]);
});

Deno.test("PendingTable bounds the discoveries of all peers, and a peer with one keeps it", () => {
  const { pending, removed } = table();
  const peers = Array.from({ length: 500 }, (_, i) => new Peer(`${i}`, `${i}`, 0));
  const good = discovery(ONE, 1);
  pending.add(good, 0);
  for (let n = 0; n < 200; n++) {
    for (const peer of peers) pending.add(discovery(peer, n >> 8, n & 0xff), 1);
  }
  assertEquals(pending.size + removed.length, 100_001);
  assertEquals(pending.bytes <= BYTES && pending.bytes > BYTES - 4096, true, `${pending.bytes}`);
  // The peer with the most gives way, so all of them have as many in the end.
  const counts = new Map<Peer, number>(peers.map((peer) => [peer, 200]));
  for (const { peer } of removed) counts.set(peer, counts.get(peer)! - 1);
  assertEquals(Math.max(...counts.values()) - Math.min(...counts.values()) <= 1, true);
  assertStrictEquals(pending.find(ONE, HOST, good.hostUniq, 2), good);
  for (const peer of [...peers, ONE]) pending.removePeer(peer);
  assertEquals([pending.size, pending.bytes], [0, 0]);
});
