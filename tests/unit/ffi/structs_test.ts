// The bytes here are those of a C compiler for the same structures on x86-64; arm64 has the same
// layout.

import { assertEquals } from "@std/assert";
import { Pinned, writeAddress } from "../../../ffi/pinned.ts";
import {
  cString,
  int,
  packetMreq,
  sockaddrLl,
  sockaddrNl,
  sockaddrUn,
  sockFprog,
  tpacketReq,
  writeSockFilter,
} from "../../../ffi/structs.ts";

function hex(bytes: Uint8Array): string {
  return bytes.toHex();
}

Deno.test("sockaddrLl() lays out struct sockaddr_ll", () => {
  assertEquals(hex(sockaddrLl(0x0003, 0x01020304)), "1100000304030201" + "00".repeat(12));
});

Deno.test("sockaddrNl() lays out struct sockaddr_nl", () => {
  assertEquals(hex(sockaddrNl(1)), "100000000000000001000000");
});

Deno.test("sockaddrUn() lays out struct sockaddr_un with an abstract name", () => {
  assertEquals(hex(sockaddrUn("a/b")), "0100" + "00" + "612f62");
});

Deno.test("packetMreq() lays out struct packet_mreq", () => {
  assertEquals(hex(packetMreq(0x01020304, 1)), "0403020101000000" + "00".repeat(8));
});

Deno.test("tpacketReq() lays out struct tpacket_req", () => {
  assertEquals(
    hex(tpacketReq(65536, 64, 2048, 2048)),
    "00000100" + "40000000" + "0008000000080000",
  );
});

Deno.test("writeSockFilter() lays out struct sock_filter at an offset", () => {
  const bytes = new Uint8Array(24);
  writeSockFilter(bytes, 8, 0x15, 1, 2, 0x8863);
  assertEquals(hex(bytes), "00".repeat(8) + "1500010263880000" + "00".repeat(8));
});

Deno.test("sockFprog() points at its copy of the program", () => {
  const program = new Uint8Array(24).fill(7);
  const fprog = sockFprog(program);
  assertEquals(fprog.length, 16);
  const view = new DataView(fprog.buffer, fprog.byteOffset);
  assertEquals(view.getBigUint64(0, true), 3n);
  const pointer = Deno.UnsafePointer.create(view.getBigUint64(8, true))!;
  assertEquals(new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, 24)), program);
});

Deno.test("int() and cString() make values that the kernel can read", () => {
  assertEquals(hex(int(-2)), "feffffff");
  assertEquals(hex(cString("lo")), "6c6f00");
});

Deno.test("writeAddress() writes every bit of an address", () => {
  const words = new Uint32Array(4);
  writeAddress(words, 1, 0x7f12_3456_89ab);
  assertEquals([...words], [0, 0x3456_89ab, 0x7f12, 0]);
  writeAddress(words, 1, 0xf_ffff_ffff_ffff);
  assertEquals([...words], [0, 0xffff_ffff, 0xf_ffff, 0]);
});

Deno.test("Pinned.address is that of the bytes, also for small arrays and subarrays", () => {
  const whole = new Uint8Array(64);
  for (const bytes of [new Uint8Array(8), whole.subarray(16, 32)]) {
    const pinned = new Pinned(bytes);
    bytes.fill(9);
    const pointer = Deno.UnsafePointer.create(BigInt(pinned.address))!;
    const seen = Deno.UnsafePointerView.getArrayBuffer(pointer, bytes.length);
    assertEquals(new Uint8Array(seen), bytes);
    assertEquals(pinned.bytes, bytes);
  }
});
