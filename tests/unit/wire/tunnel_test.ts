import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  encodeFrame,
  FAULT_LEB128,
  FAULT_TOO_LONG,
  FRAME,
  headerLength,
  MAX_HEADER,
  MAX_LEB128,
  MAX_PAYLOAD,
  readHeader,
  writeHeader,
} from "../../../src/wire/tunnel.ts";
import { bytes, uint16 } from "./arbitraries.ts";
import { hex } from "./captures.ts";

/** Headers and their bytes. */
const HEADERS: [name: string, header: Uint8Array, type: number, length: number][] = [
  ["a ping of no bytes", hex("0000 00"), FRAME.PING, 0],
  ["the longest of one byte", hex("0001 7f"), FRAME.PONG, 127],
  ["the shortest of two bytes", hex("0002 8001"), FRAME.DISCOVERY, 128],
  ["a full Ethernet frame", hex("0003 ea0b"), FRAME.SESSION, 1514],
  ["the longest of two bytes", hex("0003 ff7f"), FRAME.SESSION, 16383],
  ["the shortest of three bytes", hex("0003 808001"), FRAME.SESSION, 16384],
  ["the longest payload", hex("0012 808004"), FRAME.GOODBYE, MAX_PAYLOAD],
  ["a type that nobody knows", hex("fffe 01"), 0xfffe, 1],
];

for (const [name, bytes, type, length] of HEADERS) {
  Deno.test(`readHeader() reads ${name}`, () => {
    const header = { type: -1, length: -1 };
    assertEquals(readHeader(bytes, 0, bytes.length, header), bytes.length);
    assertEquals(header, { type, length });
  });

  Deno.test(`writeHeader() writes ${name}`, () => {
    const into = new Uint8Array(MAX_HEADER + 2).fill(0x55);
    assertEquals(writeHeader(into, 1, type, length), bytes.length);
    assertEquals(into.subarray(1, 1 + bytes.length), bytes);
    assertEquals(into[0], 0x55);
    assertEquals(into[1 + bytes.length], 0x55);
    assertEquals(headerLength(length), bytes.length);
  });

  Deno.test(`readHeader() needs more bytes for ${name} cut anywhere, and leaves the header`, () => {
    const header = { type: -1, length: -1 };
    for (let end = 0; end < bytes.length; end++) {
      assertEquals(readHeader(bytes, 0, end, header), 0);
    }
    assertEquals(header, { type: -1, length: -1 });
  });
}

Deno.test("readHeader() reads between offset and end only", () => {
  const buffer = hex("ffff 0003 ea0b ffff");
  const header = { type: 0, length: 0 };
  assertEquals(readHeader(buffer, 2, buffer.length, header), 4);
  assertEquals(header, { type: FRAME.SESSION, length: 1514 });
  assertEquals(readHeader(buffer, 2, 5, header), 0);
});

Deno.test("readHeader() accepts a length field that is longer than necessary", () => {
  const header = { type: 0, length: 0 };
  assertEquals(readHeader(hex("0000 858000"), 0, 5, header), 5);
  assertEquals(header.length, 5);
});

Deno.test("readHeader() names the fault of a length field that is too long", () => {
  const header = { type: 0, length: 0 };
  for (const digits of ["0003 808080", "0003 ffffff", "0003 ffffffffffffffffff01"]) {
    const buffer = hex(digits);
    assertEquals(readHeader(buffer, 0, buffer.length, header), FAULT_LEB128);
  }
  // The fault is known after the third byte, without waiting for more.
  assertEquals(readHeader(hex("0003 ffffff"), 0, 2 + MAX_LEB128, header), FAULT_LEB128);
});

Deno.test("readHeader() names the fault of a length above the maximum", () => {
  const header = { type: 0, length: 0 };
  assertEquals(readHeader(hex("0003 818004"), 0, 5, header), FAULT_TOO_LONG);
  assertEquals(header, { type: FRAME.SESSION, length: MAX_PAYLOAD + 1 });
  assertEquals(readHeader(hex("0003 ffff7f"), 0, 5, header), FAULT_TOO_LONG);
});

Deno.test("readHeader() returns a fault, 0, or a header within the given bytes", () => {
  const header = { type: 0, length: 0 };
  fc.assert(fc.property(bytes(0, 8), (buffer) => {
    const size = readHeader(buffer, 0, buffer.length, header);
    if (size > 0) {
      assertEquals(size >= 3 && size <= Math.min(MAX_HEADER, buffer.length), true);
      assertEquals(header.length >= 0 && header.length <= MAX_PAYLOAD, true);
    } else {
      assertEquals([0, FAULT_LEB128, FAULT_TOO_LONG].includes(size), true);
    }
  }));
});

Deno.test("readHeader() reads what writeHeader() writes", () => {
  const into = new Uint8Array(64);
  const header = { type: 0, length: 0 };
  const lengths = fc.integer({ min: 0, max: MAX_PAYLOAD });
  fc.assert(fc.property(uint16(), lengths, fc.nat({ max: 50 }), (type, length, offset) => {
    const written = writeHeader(into, offset, type, length);
    assertEquals(written, headerLength(length));
    assertEquals(readHeader(into, offset, offset + written, header), written);
    assertEquals(header, { type, length });
  }));
});

Deno.test("writeHeader() throws when the length exceeds the maximum", () => {
  assertThrows(
    () => writeHeader(new Uint8Array(8), 0, FRAME.SESSION, MAX_PAYLOAD + 1),
    RangeError,
    "65537 bytes of payload exceed the maximum of 65536",
  );
});

Deno.test("encodeFrame() puts the header in front of a copy of the payload", () => {
  const payload = hex("aabb");
  const frame = encodeFrame(FRAME.PONG, payload);
  payload.fill(0);
  assertEquals(frame, hex("0001 02 aabb"));
});

Deno.test("encodeFrame() throws when the payload exceeds the maximum", () => {
  assertEquals(encodeFrame(FRAME.SESSION, new Uint8Array(MAX_PAYLOAD)).length, 65541);
  assertThrows(() => encodeFrame(FRAME.SESSION, new Uint8Array(MAX_PAYLOAD + 1)), RangeError);
});

Deno.test("readHeader() splits a stream into frames", () => {
  const frames = fc.array(fc.record({ type: uint16(), payload: bytes(0, 300) }));
  fc.assert(fc.property(frames, (expected) => {
    const stream = Uint8Array.from(
      expected.flatMap(({ type, payload }) => [...encodeFrame(type, payload)]),
    );
    const header = { type: 0, length: 0 };
    const actual = [];
    for (let offset = 0; offset < stream.length;) {
      const start = offset + readHeader(stream, offset, stream.length, header);
      offset = start + header.length;
      actual.push({ type: header.type, payload: stream.slice(start, offset) });
    }
    assertEquals(actual, expected);
  }));
});
