// IP addresses as text, and the form in which they are counted.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  countedAs,
  formatIp,
  groupsOf,
  parseIp,
  unmapped,
  withoutScope,
} from "../../../src/net/ip.ts";

const ADDRESSES: [text: string, parts: number[] | undefined][] = [
  ["192.0.2.1", [192, 0, 2, 1]],
  ["::ffff:192.0.2.1", [192, 0, 2, 1]],
  ["::FFFF:c000:201", [192, 0, 2, 1]],
  ["::", [0, 0, 0, 0, 0, 0, 0, 0]],
  ["::1", [0, 0, 0, 0, 0, 0, 0, 1]],
  ["2001:db8::", [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]],
  ["2001:DB8:1:2:3:4:5:6", [0x2001, 0xdb8, 1, 2, 3, 4, 5, 6]],
  ["64:ff9b::192.0.2.1", [0x64, 0xff9b, 0, 0, 0, 0, 0xc000, 0x201]],
  ["1:2:3:4:5:6:192.0.2.1", [1, 2, 3, 4, 5, 6, 0xc000, 0x201]],
  ["::fffe:192.0.2.1", [0, 0, 0, 0, 0, 0xfffe, 0xc000, 0x201]],
  ["fe80::1%eth0", [0xfe80, 0, 0, 0, 0, 0, 0, 1]],
  ["", undefined],
  ["localhost", undefined],
  ["192.0.2.256", undefined],
  ["2001:db8", undefined],
  ["[::1]", undefined],
];

for (const [text, parts] of ADDRESSES) {
  Deno.test(`parseIp() ${parts ? `reads "${text}"` : `returns undefined for "${text}"`}`, () => {
    assertEquals(parseIp(text), parts);
  });
}

Deno.test("groupsOf() keeps the IPv6 form of an IPv4 address, which unmapped() resolves", () => {
  const groups = [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x201];
  assertEquals(groupsOf("::ffff:192.0.2.1"), groups);
  assertEquals(unmapped(groups), [192, 0, 2, 1]);
  assertEquals(groupsOf("192.0.2.1"), undefined);
});

Deno.test("formatIp() and parseIp() are inverses", () => {
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
  const eight = fc.array(group, { minLength: 8, maxLength: 8 });
  fc.assert(fc.property(eight, (groups) => {
    assertEquals(groupsOf(formatIp(groups)), groups);
  }));
  const byte = fc.integer({ min: 0, max: 255 });
  fc.assert(fc.property(fc.array(byte, { minLength: 4, maxLength: 4 }), (bytes) => {
    assertEquals(parseIp(formatIp(bytes)), bytes);
  }));
});

Deno.test("formatIp() has the short form", () => {
  assertEquals(formatIp([0x2001, 0xdb8, 0, 0, 1, 0, 0, 0]), "2001:db8:0:0:1::");
  assertEquals(formatIp([192, 0, 2, 1]), "192.0.2.1");
});

Deno.test("withoutScope() removes only the scope id of an IPv6 address", () => {
  assertEquals(withoutScope("fe80::1%eth0"), "fe80::1");
  assertEquals(withoutScope("2001:db8::1"), "2001:db8::1");
  assertEquals(withoutScope("192.0.2.1"), "192.0.2.1");
});

const COUNTED: [address: string, as: string][] = [
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::ffff:c000:201", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8::/64"],
  ["fe80::1%eth0", "fe80::/64"],
  ["::1", "::/64"],
  ["", ""],
  ["osaka", "osaka"],
];

for (const [address, as] of COUNTED) {
  Deno.test(`countedAs() counts "${address}" as "${as}"`, () => {
    assertEquals(countedAs(address), as);
  });
}

Deno.test("countedAs() counts all addresses of a /64 as one, and those of two as two", () => {
  const groups = (length: number) =>
    fc.array(fc.integer({ min: 0x1000, max: 0xffff }), { minLength: length, maxLength: length });
  fc.assert(fc.property(groups(4), groups(4), groups(4), (network, one, other) => {
    assertEquals(
      countedAs(formatIp([...network, ...one])),
      countedAs(formatIp([...network, ...other])),
    );
    const neighbour = [...network.slice(0, 3), network[3] ^ 1];
    assertEquals(
      countedAs(formatIp([...network, ...one])) === countedAs(formatIp([...neighbour, ...one])),
      false,
    );
  }));
});
