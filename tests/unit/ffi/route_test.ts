// The bytes here are the kernel's answers on x86-64.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { getRoute, parseRoute, routeTo } from "../../../ffi/route.ts";

const IPV4 =
  "7000000018000000000000005b11000002200000fe0000010002000008000f00fe000000080001000808080808000400" +
  "0400000008000700c000020208000500c0000201080019000000000024000c000300000029b823000000000000000000000000" +
  "00000000000000000000000000";
const IPV6 =
  "b000000018000000000000005b1100000a808000fe0300010000000008000f00fe0000001400010020010000000000000000" +
  "000000000001140002000000000000000000000000000000000014000700fd000000000000000000000000000002080006000004" +
  "000014000500fd000000000000000000000000000001080004000400000024000c00020000008eb9230000000000000000000000" +
  "00000000000000000000000000000500140000000000";
const LOCAL =
  "6800000018000000000000005b11000002200000fe0000020002008008000f00fe000000080001007f000001080004000100" +
  "0000080007007f000001080019000000000024000c0002000000aeba2300000000000000000000000000000000000000000000" +
  "000000";

Deno.test("getRoute() lays out an RTM_GETROUTE request for each family", () => {
  const header = (length: string) => `${length}0000001a000100${"00".repeat(8)}`;
  assertEquals(
    getRoute("192.0.2.1")?.toHex(),
    header("24") + "02200000" + "00".repeat(8) + "08000100c0000201",
  );
  const ipv6 = "0a800000" + "00".repeat(8) + "14000100" + "20010db8000000000000000000000001";
  assertEquals(getRoute("2001:db8::1")?.toHex(), header("30") + ipv6);
  assertEquals(getRoute("2001:db8::1%eth0")?.toHex(), header("30") + ipv6);
  assertEquals(getRoute("vpn.example"), undefined);
});

Deno.test("parseRoute() reads the router, the interface and the source", () => {
  const route = { isLocal: false, interfaceIndex: 4 };
  const ipv4 = { ...route, gateway: "c0000201", source: "c0000202" };
  assertEquals(parseRoute(Uint8Array.fromHex(IPV4)), ipv4);
  const end = (last: string) => `fd${"00".repeat(14)}${last}`;
  const ipv6 = { ...route, gateway: end("01"), source: end("02") };
  assertEquals(parseRoute(Uint8Array.fromHex(IPV6)), ipv6);
  const local = { isLocal: true, interfaceIndex: 1, gateway: "", source: "7f000001" };
  assertEquals(parseRoute(Uint8Array.fromHex(LOCAL)), local);
});

Deno.test("parseRoute() finds no route in an error, a prohibition, or a truncated message", () => {
  // NLMSG_ERROR with -ENETUNREACH.
  const error = `3400000002000000000000005b1100009bffffff${"00".repeat(32)}`;
  assertEquals(parseRoute(Uint8Array.fromHex(error)), undefined);
  const blackhole = Uint8Array.fromHex(IPV4);
  blackhole[23] = 6;
  assertEquals(parseRoute(blackhole), undefined);
  const bytes = Uint8Array.fromHex(IPV4);
  for (let length = 0; length < bytes.length; length++) {
    assertEquals(parseRoute(bytes.subarray(0, length)), undefined);
  }
});

Deno.test("parseRoute() reads any bytes without throwing", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    parseRoute(bytes);
    const shaped = Uint8Array.fromHex(IPV4);
    shaped.set(bytes.subarray(0, shaped.length - 28), 28);
    parseRoute(shaped);
  }));
});

Deno.test("routeTo() recognizes an address of this machine", () => {
  assertEquals(routeTo("127.0.0.1")?.isLocal, true);
  assertEquals(routeTo("no address"), undefined);
});
