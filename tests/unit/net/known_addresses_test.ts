// The order in which the addresses of a host are tried.

import { assertEquals } from "@std/assert";
import { ADDRESSES_MAX, KnownAddresses } from "../../../src/net/known_addresses.ts";

Deno.test("KnownAddresses takes the families by turns, the system's choice first", () => {
  const known = new KnownAddresses();
  assertEquals([known.isEmpty, known.inOrder], [true, []]);
  known.found(["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"]);
  assertEquals(known.isEmpty, false);
  const expected = ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"];
  assertEquals(known.inOrder, expected);
  known.found(["192.0.2.1", "2001:db8::1", "2001:db8::2"]);
  assertEquals(known.inOrder, ["192.0.2.1", "2001:db8::1", "2001:db8::2"]);
});

Deno.test("KnownAddresses puts the address that worked first, as long as the name has it", () => {
  const known = new KnownAddresses();
  known.found(["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
  known.worked("192.0.2.3");
  assertEquals(known.inOrder, ["192.0.2.3", "192.0.2.1", "192.0.2.2"]);
  known.found(["192.0.2.1", "192.0.2.2"]);
  assertEquals(known.inOrder, ["192.0.2.1", "192.0.2.2"]);
  known.found(["192.0.2.2", "192.0.2.3"]);
  assertEquals(known.inOrder, ["192.0.2.3", "192.0.2.2"]);
});

Deno.test("KnownAddresses remembers how long the last answer took", () => {
  const known = new KnownAddresses();
  assertEquals(known.answerMs, 0);
  for (const tookMs of [600, 20]) {
    known.answered(tookMs);
    assertEquals(known.answerMs, tookMs);
  }
});

Deno.test("KnownAddresses keeps the last addresses when a lookup finds none", () => {
  const known = new KnownAddresses();
  known.found(["192.0.2.1"]);
  known.found([]);
  assertEquals(known.inOrder, ["192.0.2.1"]);
});

Deno.test("KnownAddresses keeps each address once, and a bounded number of them", () => {
  const known = new KnownAddresses();
  const many = Array.from({ length: 200 }, (_, at) => `192.0.2.${at}`);
  known.found(many.flatMap((address) => [address, address]));
  assertEquals(known.inOrder, many.slice(0, ADDRESSES_MAX));
});
