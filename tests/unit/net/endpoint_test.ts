// Endpoints in the form HOST:PORT.

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type Endpoint,
  formatEndpoint,
  isLoopback,
  isUnspecified,
  parseEndpoint,
} from "../../../src/net/endpoint.ts";

const GOOD: [text: string, endpoint: Endpoint][] = [
  ["192.0.2.1:8000", { hostname: "192.0.2.1", port: 8000 }],
  ["0.0.0.0:0", { hostname: "0.0.0.0", port: 0 }],
  ["vpn.example:65535", { hostname: "vpn.example", port: 65535 }],
  ["localhost:1", { hostname: "localhost", port: 1 }],
  ["[::1]:8000", { hostname: "::1", port: 8000 }],
  ["[2001:db8::1]:8000", { hostname: "2001:db8::1", port: 8000 }],
  ["[2001:DB8::1]:8000", { hostname: "2001:DB8::1", port: 8000 }],
  ["[::ffff:192.0.2.1]:8000", { hostname: "::ffff:192.0.2.1", port: 8000 }],
  ["[fe80::1%eth0.7]:8000", { hostname: "fe80::1%eth0.7", port: 8000 }],
];

for (const [text, endpoint] of GOOD) {
  Deno.test(`parseEndpoint() and formatEndpoint() convert ${text}`, () => {
    assertEquals(parseEndpoint(text), endpoint);
    assertEquals(formatEndpoint(endpoint), text);
  });
}

const FORM = "is not HOST:PORT, such as 192.0.2.1:8000";
const BRACKETS = "needs brackets around the IPv6 address:";
const PORT = "must have one number as its port, such as 8000";
const BAD: [text: string, message: string][] = [
  ["", FORM],
  ["8000", FORM],
  [":8000", FORM],
  ["host", FORM],
  ["host:", FORM],
  ["host:port", PORT],
  ["host:-1", PORT],
  ["host:8000x", PORT],
  ["host:8e3", PORT],
  [" host:8000", FORM],
  ["host:8000\n", FORM],
  ["a host:8000", FORM],
  ["http://host:8000", "is a URL; give only HOST:PORT, such as 192.0.2.1:8000"],
  ["[::1]", FORM],
  ["[]:8000", FORM],
  ["[::1:8000", FORM],
  ["[host]:8000", FORM],
  ["[::1]8000", FORM],
  ["host:123456", "has a port over 65535"],
  ["::1", `${BRACKETS} [::1]:8000`],
  ["::", `${BRACKETS} [::]:8000`],
  [":::80", `${BRACKETS} [::]:80`],
  ["fe80::1%eth1:80", `${BRACKETS} [fe80::1%eth1]:80`],
  ["2001:db8::1:8000", `${BRACKETS} [2001:db8::1]:8000`],
  ["host:65536", "has a port over 65535"],
  ["[::1]:http", PORT],
  ["host:8000-8010", PORT],
  ["host:8000/", PORT],
  ["[192.0.2.1]:80", "needs no brackets: 192.0.2.1:80"],
  ["*:8000", "has no address; 0.0.0.0 and [::] stand for all of them"],
  ["[::1]:99999", "has a port over 65535"],
];

for (const [text, message] of BAD) {
  Deno.test(`parseEndpoint() refuses ${JSON.stringify(text)}`, () => {
    assertEquals(
      assertThrows(() => parseEndpoint(text), TypeError).message,
      `"${text}" ${message}`,
    );
  });
}

Deno.test("parseEndpoint() refuses what can be neither an IPv4 address nor a host name", () => {
  for (
    const host of [
      ..."192.0.2.256 192.0.2 192.0.02.1 1 192.0.2.1/24 user@host -192.0.2.1 -a .. a..b . a,b"
        .split(" "),
      "'host",
      '"192.0.2.1',
      "$SERVER",
    ]
  ) {
    assertEquals(
      assertThrows(() => parseEndpoint(`${host}:8000`), TypeError).message,
      `"${host}" is not an IPv4 address or a host name`,
    );
  }
  for (const host of ["a", "a.", "b\u00fccher.example", "a_b.1-c", "4you.7a", "xn--a.example"]) {
    assertEquals(parseEndpoint(`${host}:1`), { hostname: host, port: 1 });
  }
});

Deno.test("isUnspecified() knows the addresses that stand for all of a machine", () => {
  for (const address of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"]) {
    assertEquals(isUnspecified(address), true, address);
  }
  for (const address of ["0.0.0.1", "::1", "10.0.0.0", "fe80::"]) {
    assertEquals(isUnspecified(address), false, address);
  }
});

Deno.test("parseEndpoint() reads what formatEndpoint() writes", () => {
  const hostname = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
  fc.assert(fc.property(hostname, fc.nat(65535), (hostname, port) => {
    const endpoint = { hostname, port };
    assertEquals(parseEndpoint(formatEndpoint(endpoint)), endpoint);
  }));
});

Deno.test("parseEndpoint() reads any text or throws a TypeError", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."019af:.[]% h\n") }), (text) => {
    try {
      const { port } = parseEndpoint(text);
      assertEquals(port, Number(text.slice(text.lastIndexOf(":") + 1)));
    } catch (error) {
      assertEquals(error instanceof TypeError, true);
    }
  }));
});

Deno.test("isLoopback() knows the addresses that only their own machine reaches", () => {
  for (const address of ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"]) {
    assertEquals(isLoopback(address), true, address);
  }
  for (const address of ["0.0.0.0", "::", "128.0.0.1", "10.127.0.1", "fe80::1", "::11"]) {
    assertEquals(isLoopback(address), false, address);
  }
});
