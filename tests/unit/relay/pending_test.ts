// The bounded table of discoveries.

import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  DISCOVERIES_PER_TUNNEL,
  type Discovery,
  DISCOVERY_TIMEOUT_MS,
  PendingTable,
} from "../../../src/relay/pending.ts";
import { bytes, HOST, HOST_2 } from "../../support/relays.ts";

function table() {
  const removed: Discovery[] = [];
  return { removed, pending: new PendingTable<Discovery>((discovery) => removed.push(discovery)) };
}

function discovery(tunnel: number, ...uniq: number[]): Discovery {
  return { tunnel, hostMac: HOST, hostUniq: bytes(...uniq) };
}

Deno.test("PendingTable.find() knows a discovery by tunnel, host and Host-Uniq", () => {
  const { pending } = table();
  const known = discovery(1, 0x2f, 0xff);
  pending.add(known, 0);
  assertStrictEquals(pending.find(1, HOST, bytes(0x2f, 0xff), 0), known);
  for (
    const [tunnel, host, uniq] of [
      [2, HOST, bytes(0x2f, 0xff)],
      [1, HOST_2, bytes(0x2f, 0xff)],
      [1, HOST, bytes(0x2f)],
      [1, HOST, bytes(0xff, 0x2f)],
      [1, HOST, bytes(0x2f, 0xff, 0)],
      [1, HOST, bytes()],
      [1, HOST, undefined],
    ] as const
  ) assertEquals(pending.find(tunnel, host, uniq, 0), undefined);
});

Deno.test("PendingTable.find() tells an absent Host-Uniq from an empty one", () => {
  const { pending } = table();
  const absent = { tunnel: 1, hostMac: HOST, hostUniq: undefined };
  const empty = { tunnel: 1, hostMac: HOST, hostUniq: bytes() };
  pending.add(absent, 0);
  assertEquals(pending.find(1, HOST, bytes(), 0), undefined);
  pending.add(empty, 0);
  assertStrictEquals(pending.find(1, HOST, undefined, 0), absent);
  assertStrictEquals(pending.find(1, HOST, bytes(), 0), empty);
});

Deno.test("PendingTable.expire() removes what was quiet for the time-out, and no more", () => {
  const { pending, removed } = table();
  const [first, second, third] = [1, 2, 3].map((uniq) => discovery(1, uniq));
  pending.add(first, 0);
  pending.add(second, 10);
  pending.add(third, 20);
  pending.find(1, HOST, first.hostUniq, 30);
  pending.expire(DISCOVERY_TIMEOUT_MS + 9);
  assertEquals(removed, []);
  pending.expire(DISCOVERY_TIMEOUT_MS + 10);
  assertEquals(removed, [second]);
  pending.expire(DISCOVERY_TIMEOUT_MS + 29);
  assertEquals(removed, [second, third]);
  assertStrictEquals(pending.find(1, HOST, first.hostUniq, 40), first);
  pending.expire(DISCOVERY_TIMEOUT_MS + 40);
  assertEquals(removed, [second, third, first]);
  assertEquals(pending.find(1, HOST, first.hostUniq, 50), undefined);
});

Deno.test("PendingTable.expire() looks at each tunnel", () => {
  const { pending, removed } = table();
  const [young, old] = [discovery(1, 1), discovery(2, 1)];
  pending.add(young, 10);
  pending.add(old, 0);
  pending.expire(DISCOVERY_TIMEOUT_MS);
  assertEquals(removed, [old]);
});

Deno.test("PendingTable.add() pushes out the one of the tunnel that was quiet the longest", () => {
  const { pending, removed } = table();
  const other = discovery(2, 0);
  pending.add(other, 0);
  const all = Array.from(
    { length: DISCOVERIES_PER_TUNNEL },
    (_, i) => discovery(1, i >> 8, i & 0xff),
  );
  for (const each of all) pending.add(each, 1);
  assertEquals(removed, []);
  pending.find(1, HOST, all[0].hostUniq, 2);
  pending.add(discovery(1, 1, 2, 3), 3);
  assertEquals(removed, [all[1]]);
  assertStrictEquals(pending.find(1, HOST, all[0].hostUniq, 3), all[0]);
  assertStrictEquals(pending.find(2, HOST, other.hostUniq, 3), other);
});

Deno.test("PendingTable.removeTunnel() removes all of that tunnel only", () => {
  const { pending, removed } = table();
  const [one, two, other] = [discovery(1, 1), discovery(1, 2), discovery(2, 1)];
  for (const each of [one, other, two]) pending.add(each, 0);
  pending.removeTunnel(1);
  assertEquals(removed, [one, two]);
  assertEquals(pending.find(1, HOST, one.hostUniq, 0), undefined);
  assertStrictEquals(pending.find(2, HOST, other.hostUniq, 0), other);
  pending.removeTunnel(3);
  assertEquals(removed.length, 2);
});

Deno.test("PendingTable takes a Host-Uniq as long as a frame can hold", () => {
  const { pending } = table();
  const hostUniq = new Uint8Array(1490).fill(0xff);
  const long = { tunnel: 1, hostMac: HOST, hostUniq };
  pending.add(long, 0);
  assertStrictEquals(pending.find(1, HOST, hostUniq.slice(), 0), long);
});
