// The addresses of networks.

import { assertEquals } from "@std/assert";
import { networkOf } from "../../../src/net/network.ts";

const CASES: [address: string, prefix: number, network: string | undefined][] = [
  ["198.51.100.7", 24, "198.51.100.0"],
  ["198.51.100.0", 24, undefined],
  ["198.51.100.7", 32, undefined],
  ["198.51.100.7", 31, "198.51.100.6"],
  ["198.51.100.7", 0, "0.0.0.0"],
  ["0.0.0.0", 0, undefined],
  ["255.255.255.255", 1, "128.0.0.0"],
  ["10.1.2.3", 12, "10.0.0.0"],
  ["2001:db8::7", 64, "2001:db8::"],
  ["2001:db8::", 64, undefined],
  ["2001:db8::7", 128, undefined],
  ["2001:db8:ffff::", 33, "2001:db8:8000::"],
  ["fe80::1", 0, "::"],
  ["::", 0, undefined],
  ["::1", 127, "::"],
  ["1:2:3:4:5:6:7:8", 100, "1:2:3:4:5:6::"],
  ["::ffff:192.0.2.7", 120, "::ffff:c000:200"],
];

for (const [address, prefix, network] of CASES) {
  Deno.test(`networkOf() returns ${network} for ${address}/${prefix}`, () => {
    assertEquals(networkOf(address, prefix), network);
  });
}
