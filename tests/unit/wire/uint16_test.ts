// Integers in network byte order.

import { assertEquals } from "@std/assert";
import {
  readUint16,
  readUint32,
  readUint48,
  writeUint16,
  writeUint32,
} from "../../../src/wire/uint16.ts";

Deno.test("readUint48() reads a MAC address as a number, also with the highest bit set", () => {
  assertEquals(readUint48(Uint8Array.of(0, 2, 0, 0, 0, 0, 1), 1), 0x0200_0000_0001);
  assertEquals(readUint48(new Uint8Array(6).fill(0xff), 0), 2 ** 48 - 1);
  assertEquals(readUint48(Uint8Array.of(0x80, 1, 0x82, 3, 0x84, 5), 0), 0x8001_8203_8405);
});

Deno.test("writeUint16() and writeUint32() write what readUint16() and readUint32() read", () => {
  const bytes = new Uint8Array(7);
  writeUint16(bytes, 0, 0xfedc);
  writeUint32(bytes, 3, 0xfedc_ba98);
  assertEquals([...bytes], [0xfe, 0xdc, 0, 0xfe, 0xdc, 0xba, 0x98]);
  assertEquals([readUint16(bytes, 0), readUint32(bytes, 3)], [0xfedc, 0xfedc_ba98]);
});
