// Lists of addresses.

import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type AddressList, allowList, proxyList } from "../../../src/net/address_list.ts";

function assertContains(entries: string[], inside: string[], outside: string[]) {
  const list = allowList(entries);
  for (const address of inside) assert(list.contains(address), `${list} lacks ${address}`);
  for (const address of outside) assertFalse(list.contains(address), `${list} has ${address}`);
}

Deno.test("allowList() contains loopback only when no entry is given", () => {
  assertContains(
    [],
    ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"],
    ["128.0.0.1", "126.255.255.255", "10.0.0.1", "::2", "::", "0.0.0.0", "fe80::1"],
  );
  assertEquals(String(allowList([])), "127.0.0.0/8,::1");
});

Deno.test("proxyList() is empty when no entry is given, and names its own flag", () => {
  assertEquals([proxyList([]).isEmpty, proxyList(["10.0.0.1"]).isEmpty], [true, false]);
  assertFalse(proxyList([]).contains("127.0.0.1"));
  assertEquals(["::", "0.0.0.0", "127.0.0.1"].some((at) => proxyList([]).canReach(at)), false);
  assertThrows(() => proxyList([""]), Error, 'Cannot read --proxy-protocol "": ');
});

Deno.test("AddressList contains single addresses", () => {
  assertContains(
    ["192.0.2.7", "2001:DB8::7"],
    ["192.0.2.7", "2001:db8::7", "2001:db8:0:0:0:0:0:7"],
    ["192.0.2.6", "192.0.2.8", "2001:db8::8", "127.0.0.1", "::1"],
  );
});

Deno.test("AddressList contains networks", () => {
  assertContains(
    ["10.0.0.0/8", "2001:db8::/32"],
    ["10.0.0.0", "10.255.255.255", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["9.255.255.255", "11.0.0.0", "2001:db7:ffff::", "2001:db9::"],
  );
  assertContains(["192.0.2.7/32"], ["192.0.2.7"], ["192.0.2.6", "192.0.2.8"]);
  assertContains(["::7/128"], ["::7"], ["::6", "::8"]);
  assertContains(["192.0.2.6/31"], ["192.0.2.6", "192.0.2.7"], ["192.0.2.5", "192.0.2.8"]);
});

Deno.test("AddressList treats a network with prefix length 0 as every address of its own family only", () => {
  assertContains(["0.0.0.0/0"], ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], [
    "::1",
    "2001::",
  ]);
  assertContains(["::/0"], ["::", "2001::", "fe80::1"], ["1.2.3.4", "127.0.0.1"]);
});

Deno.test("AddressList accepts several entries in a string, and blanks around them", () => {
  const list = allowList([" 10.0.0.1 , 10.0.0.2", "\t10.0.0.3\n"]);
  for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) assert(list.contains(address));
  assertFalse(list.contains("10.0.0.4"));
  assertEquals(list.toString(), "10.0.0.1,10.0.0.2,10.0.0.3");
});

Deno.test("AddressList treats an IPv4-mapped address as the IPv4 address", () => {
  assertContains(
    ["10.0.0.0/8"],
    ["::ffff:10.0.0.1", "::FFFF:10.0.0.1", "::ffff:a00:1", "0:0:0:0:0:ffff:a00:1"],
    ["::ffff:11.0.0.1", "::10.0.0.1", "::fffe:10.0.0.1"],
  );
  assertContains(
    ["::ffff:10.0.0.1", "::ffff:192.0.2.0/120"],
    ["10.0.0.1", "::ffff:10.0.0.1", "192.0.2.255", "::ffff:192.0.2.1"],
    ["10.0.0.2", "192.0.3.0", "::ffff:192.0.3.0"],
  );
});

Deno.test("AddressList ignores scope ids", () => {
  assertContains(["fe80::1%eth0"], ["fe80::1", "fe80::1%eth0", "fe80::1%7"], ["fe80::2%eth0"]);
  assertContains(["fe80::%eth0/64"], ["fe80::2%eth0.100", "fe80::3"], ["fe80:0:0:1::"]);
});

Deno.test("AddressList contains only valid addresses", () => {
  assertContains(
    ["0.0.0.0/0", "::/0"],
    [],
    [
      "",
      "localhost",
      "10.0.0",
      "10.0.0.256",
      "010.0.0.1",
      " 10.0.0.1",
      "10.0.0.1%eth0",
      "::1%",
      "/run/socket",
    ],
  );
});

Deno.test("AddressList.canReach() knows a list whose addresses cannot reach the server", () => {
  for (
    const [entries, listening, reaches] of [
      ["198.51.100.7", "0.0.0.0", true],
      ["198.51.100.7", "192.0.2.1", true],
      ["198.51.100.7", "::", true],
      ["2001:db8::1", "2001:db8::2", true],
      ["::ffff:10.0.0.1", "0.0.0.0", true],
      ["198.51.100.7,127.0.0.1", "127.0.0.1", true],
      ["0.0.0.0/0", "127.0.0.1", true],
      ["127.0.0.9", "127.0.0.1", true],
      ["198.51.100.7", "127.0.0.1", false],
      ["::1", "127.0.0.1", false],
      ["127.0.0.1", "::1", false],
      ["198.51.100.7", "::1", false],
      ["2001:db8::1", "0.0.0.0", false],
      ["198.51.100.7", "2001:db8::2", false],
    ] as const
  ) {
    assertEquals(
      allowList([entries]).canReach(listening),
      reaches,
      `${entries} ${listening}`,
    );
  }
});

const PREFIX = "the prefix length must be 0 to";
const FORM = "give an IPv4 or IPv6 address, alone or with a prefix length, like 192.0.2.0/24";
const NAMES = "names are not looked up; give an IPv4 or IPv6 address";
const NETWORK = "give a network with a prefix length, like 192.0.2.0/24";
const UNSPECIFIED = "it is not the address of a client; for anyone give";
const hostBits = (entry: string, network: string, address: string) =>
  `Cannot read --allow "${entry}": it has host bits set; give ${network}, or ` +
  `${address} alone`;
const BAD: [string, string][] = [
  ["10.0.0.0/33", `Cannot read --allow "10.0.0.0/33": ${PREFIX} 32`],
  ["10.0.0.0/-1", `Cannot read --allow "10.0.0.0/-1": ${PREFIX} 32`],
  ["10.0.0.0/", `Cannot read --allow "10.0.0.0/": ${PREFIX} 32`],
  ["10.0.0.0/8/8", `Cannot read --allow "10.0.0.0/8/8": ${PREFIX} 32`],
  [
    "10.0.0.0/255.0.0.0",
    `Cannot read --allow "10.0.0.0/255.0.0.0": give 10.0.0.0/8, without a mask`,
  ],
  ["10.0.0.0/ 8", `Cannot read --allow "10.0.0.0/ 8": ${PREFIX} 32`],
  ["10.0.0.0/0x8", `Cannot read --allow "10.0.0.0/0x8": ${PREFIX} 32`],
  ["::/129", `Cannot read --allow "::/129": ${PREFIX} 128`],
  ["10.0.0.1,bad", `Cannot read --allow "bad": ${NAMES}`],
  ["10.0.0.256", `Cannot read --allow "10.0.0.256": ${FORM}`],
  ["10.1/16", `Cannot read --allow "10.1/16": ${FORM}`],
  ["010.0.0.1", `Cannot read --allow "010.0.0.1": ${FORM}`],
  ["[::1]", `Cannot read --allow "[::1]": leave the brackets out`],
  ["10.0.0.1:80", `Cannot read --allow "10.0.0.1:80": leave the port out`],
  ["[::1]:80", `Cannot read --allow "[::1]:80": leave the port out`],
  ["localhost", `Cannot read --allow "localhost": ${NAMES}`],
  ["home.example", `Cannot read --allow "home.example": ${NAMES}`],
  ["Any", `Cannot read --allow "Any": for anyone give 0.0.0.0/0,::/0`],
  ["10.0.0.1 10.0.0.2", `Cannot read --allow "10.0.0.1 10.0.0.2": separate the entries by commas`],
  ["10.0.0.*", `Cannot read --allow "10.0.0.*": ${NETWORK}`],
  ["10.0.0.1-10.0.0.9", `Cannot read --allow "10.0.0.1-10.0.0.9": ${NETWORK}`],
  [
    "10.0.0.9/255.255.0.0",
    `Cannot read --allow "10.0.0.9/255.255.0.0": give 10.0.0.0/16, without a mask`,
  ],
  ["10.0.0.0/255.0.255.0", `Cannot read --allow "10.0.0.0/255.0.255.0": ${PREFIX} 32`],
  ["0.0.0.0", `Cannot read --allow "0.0.0.0": ${UNSPECIFIED} 0.0.0.0/0`],
  ["::1,::", `Cannot read --allow "::": ${UNSPECIFIED} ::/0`],
  ["198.51.100.7/24", hostBits("198.51.100.7/24", "198.51.100.0/24", "198.51.100.7")],
  ["10.0.0.0/8, 10.1.2.3/16", hostBits("10.1.2.3/16", "10.1.0.0/16", "10.1.2.3")],
  ["10.0.0.1/0", hostBits("10.0.0.1/0", "0.0.0.0/0", "10.0.0.1")],
  ["2001:db8::7/64", hostBits("2001:db8::7/64", "2001:db8::/64", "2001:db8::7")],
  ["fe80::1%eth0/64", hostBits("fe80::1%eth0/64", "fe80::/64", "fe80::1")],
  ["", 'Cannot read --allow "": give an address or a network, like 192.0.2.0/24'],
  ["  ", 'Cannot read --allow "  ": give an address or a network, like 192.0.2.0/24'],
  [
    "10.0.0.1,",
    'Cannot read --allow "10.0.0.1,": an entry is empty; remove the extra comma',
  ],
  [
    "10.0.0.1,,10.0.0.2",
    'Cannot read --allow "10.0.0.1,,10.0.0.2": an entry is empty; remove the extra comma',
  ],
];

for (const [entry, message] of BAD) {
  Deno.test(`AddressList.parse() refuses ${JSON.stringify(entry)}`, () => {
    assertEquals(assertThrows(() => allowList([entry]), Error).message, message);
  });
}

const ipv4 = fc.integer({ min: 0, max: 0xffffffff });
function ipv4Text(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");
}

const ipv6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
function ipv6Text(address: bigint): string {
  return address.toString(16).padStart(32, "0").match(/.{4}/g)!.join(":");
}

// Shares some leading bits with another address, so that both results occur.
function near(address: bigint, noise: bigint, bits: number, shared: number): bigint {
  const mask = (1n << BigInt(bits - shared)) - 1n;
  return (address & ~mask) | (noise & mask);
}

Deno.test("AddressList agrees with a comparison of the leading bits of IPv4 addresses", () => {
  const length = fc.integer({ min: 0, max: 32 });
  fc.assert(fc.property(ipv4, ipv4, length, length, (network, noise, prefix, shared) => {
    const address = near(BigInt(network), BigInt(noise), 32, shared);
    const expected = BigInt(network) >> BigInt(32 - prefix) === address >> BigInt(32 - prefix);
    const text = ipv4Text(Number(address));
    const base = near(BigInt(network), 0n, 32, prefix);
    const list = allowList([`${ipv4Text(Number(base))}/${prefix}`]);
    assertEquals(list.contains(text), expected);
    assertEquals(list.contains(`::ffff:${text}`), expected);
  }));
});

Deno.test("AddressList agrees with a comparison of the leading bits of IPv6 addresses", () => {
  const length = fc.integer({ min: 0, max: 128 });
  fc.assert(fc.property(ipv6, ipv6, length, length, (network, noise, prefix, shared) => {
    const address = near(network, noise, 128, shared);
    const expected = network >> BigInt(128 - prefix) === address >> BigInt(128 - prefix);
    const list = allowList([`${ipv6Text(near(network, 0n, 128, prefix))}/${prefix}`]);
    assertEquals(list.contains(ipv6Text(address)), expected);
  }));
});

Deno.test("AddressList.parse() refuses a network exactly if host bits are set", () => {
  const length = fc.integer({ min: 0, max: 128 });
  fc.assert(fc.property(ipv6, length, length, (noise, prefix, shared) => {
    const address = near(noise, 0n, 128, shared);
    const network = near(address, 0n, 128, prefix);
    const parse = () => allowList([`${ipv6Text(address)}/${prefix}`]);
    if (network === address) return parse().toString() !== "";
    const { message } = assertThrows(parse, Error);
    const [, offered] = /host bits set; give (\S+),/.exec(message)!;
    assertEquals(allowList([offered]).contains(ipv6Text(address)), true);
  }));
});

Deno.test("AddressList.parse() refuses an address with two scope ids", () => {
  assertThrows(() => allowList(["::%0%0"]), Error, 'Cannot read --allow "::%0%0": ');
});

Deno.test("AddressList.parse() reads or refuses any text, and reads its own output", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."012589abf.:/%, ") }), (text) => {
    let list: AddressList;
    try {
      list = allowList([text]);
    } catch (error) {
      assert(error instanceof Error && error.message.startsWith("Cannot read --allow "));
      return;
    }
    assertEquals(allowList([list.toString()]).toString(), list.toString());
  }));
});
