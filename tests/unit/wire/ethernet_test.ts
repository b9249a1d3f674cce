import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  copyMac,
  ETH_ALEN,
  ETH_BROADCAST,
  ETH_P_PPP_DISC,
  ETH_P_PPP_SES,
  ETHERNET,
  formatMac,
  isUnicastMac,
  parseMac,
  readEtherType,
  sameMac,
} from "../../../src/wire/ethernet.ts";
import { mac } from "./arbitraries.ts";
import { ECHO_REQUEST, hex, PADO } from "./captures.ts";

Deno.test("parseMac() reads colons, hyphens and either case", () => {
  const expected = hex("00163eaabbcc");
  assertEquals(parseMac("00:16:3e:aa:bb:cc"), expected);
  assertEquals(parseMac("00-16-3E-AA-BB-CC"), expected);
});

Deno.test("parseMac() throws for text that is not an address", () => {
  const wrong = [
    "",
    "00:16:3e:aa:bb",
    "00:16:3e:aa:bb:cc:dd",
    "00:16-3e:aa:bb:cc",
    "00163eaabbcc",
    "0:16:3e:aa:bb:cc",
    "00:16:3e:aa:bb:cg",
    " 00:16:3e:aa:bb:cc",
    "00:16:3e:aa:bb:cc\n",
  ];
  for (const text of wrong) {
    assertThrows(() => parseMac(text), TypeError, "Cannot parse MAC address");
  }
});

Deno.test("formatMac() writes the address at an offset", () => {
  assertEquals(formatMac(PADO, ETHERNET.destination[0]), "00:16:3e:11:22:33");
  assertEquals(formatMac(PADO, ETHERNET.source[0]), "00:16:3e:aa:bb:cc");
});

Deno.test("formatMac() writes 00 for missing bytes", () => {
  assertEquals(formatMac(hex("aabb")), "aa:bb:00:00:00:00");
});

Deno.test("parseMac() reads what formatMac() writes", () => {
  fc.assert(fc.property(mac(), (address) => {
    assertEquals(parseMac(formatMac(address)), new Uint8Array(address));
  }));
});

Deno.test("sameMac() returns false when any one byte differs", () => {
  for (let i = 0; i < ETH_ALEN; i++) {
    const other = PADO.slice();
    other[ETHERNET.source[0] + i] ^= 1;
    assertFalse(sameMac(PADO, ETHERNET.source[0], other, ETHERNET.source[0]));
    assert(sameMac(PADO, ETHERNET.destination[0], other, ETHERNET.destination[0]));
  }
});

Deno.test("copyMac() copies six bytes and no more", () => {
  const to = new Uint8Array(8).fill(0x55);
  copyMac(PADO, ETHERNET.source[0], to, 1);
  assertEquals(to, hex("55 00163eaabbcc 55"));
});

Deno.test("sameMac() returns true for an address that copyMac() copied", () => {
  fc.assert(fc.property(mac(), fc.nat({ max: 20 }), (address, offset) => {
    const to = new Uint8Array(32);
    copyMac(address, 0, to, offset);
    assert(sameMac(address, 0, to, offset));
  }));
});

Deno.test("isUnicastMac() returns false for broadcast, multicast and zero", () => {
  assertFalse(isUnicastMac(ETH_BROADCAST));
  assertFalse(isUnicastMac(hex("01005e000001")));
  assertFalse(isUnicastMac(hex("000000000000")));
});

Deno.test("isUnicastMac() returns true for an address of a station", () => {
  assert(isUnicastMac(PADO, ETHERNET.source[0]));
  assert(isUnicastMac(hex("000000000001")));
});

Deno.test("readEtherType() reads the field at an offset", () => {
  assertEquals(readEtherType(PADO), ETH_P_PPP_DISC);
  assertEquals(readEtherType(ECHO_REQUEST), ETH_P_PPP_SES);
  assertEquals(readEtherType(hex("ffff" + "00".repeat(12) + "8863"), 2), ETH_P_PPP_DISC);
});

Deno.test("readEtherType() returns 0 when the bytes are missing", () => {
  assertEquals(readEtherType(new Uint8Array(0)), 0);
});
