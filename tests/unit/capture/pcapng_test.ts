// Blocks of pcapng, as bytes and as the reader of the tests sees them.

import { assertEquals } from "@std/assert";
import {
  BLOCK,
  blockLength,
  blockType,
  DIRECTION,
  emitInterface,
  emitSection,
  emitStatistics,
  PacketBlock,
} from "../../../src/capture/pcapng.ts";
import { readCapture } from "../../support/capture.ts";

const encoder = new TextEncoder();
const SECTION = emitSection({ hardware: "x86_64", os: "linux", application: "p/1", comment: "c" });
const LINK = emitInterface({ name: "eth1", description: "the link", snapLength: 65536 });

function join(...blocks: Uint8Array[]): Uint8Array {
  return Uint8Array.from(blocks.flatMap((block) => [...block]));
}

Deno.test("emitSection() begins a little-endian file of version 1.0 and unknown length", () => {
  assertEquals(SECTION.subarray(0, 4), Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a));
  assertEquals(SECTION.subarray(8, 12), Uint8Array.of(0x4d, 0x3c, 0x2b, 0x1a));
  assertEquals(
    SECTION.subarray(12, 24),
    Uint8Array.of(1, 0, 0, 0, ...new Uint8Array(8).fill(0xff)),
  );
  assertEquals(readCapture(SECTION).section, { 2: "x86_64", 3: "linux", 4: "p/1", 1: "c" });
});

Deno.test("PacketBlock writes frame, time, direction, comment and missing frames", () => {
  const block = new PacketBlock(100, 20);
  const frame = Uint8Array.of(1, 2, 3, 4, 5);
  const comment = encoder.encode("from link");
  block.begin(0, DIRECTION.OUT, 1_796_000_000_123.456, frame.length, 90);
  block.bytes.set(frame, block.frameAt);
  block.finish(comment, comment.length, 3);
  const bytes = block.bytes.slice(0, block.length);
  assertEquals([blockType(bytes, 0), blockLength(bytes, 0)], [BLOCK.PACKET, bytes.length]);
  assertEquals(readCapture(join(SECTION, LINK, bytes)).frames, [{
    on: "eth1",
    direction: "out",
    comment: "from link",
    bytes: frame,
    wireLength: 90,
    atMs: 1_796_000_000_123.456,
    missing: 3,
  }]);
});

Deno.test("PacketBlock pads with zeros, whatever it held before", () => {
  const block = new PacketBlock(8, 8);
  block.bytes.fill(0xee);
  for (let length = 0; length <= 8; length++) {
    block.begin(0, DIRECTION.IN, 0, length, length);
    block.finish(encoder.encode("abc"), 3, 0);
    const bytes = block.bytes.slice(0, block.length);
    const padding = bytes.subarray(28 + length, 28 + ((length + 3) & ~3));
    assertEquals(padding, new Uint8Array(padding.length));
    const [{ comment, missing }] = readCapture(join(SECTION, LINK, bytes)).frames;
    assertEquals([comment, missing], ["abc", 0]);
  }
});

Deno.test("PacketBlock leaves out the end of a comment that is too long", () => {
  const block = new PacketBlock(8, 4);
  block.begin(0, DIRECTION.IN, 0, 8, 8);
  block.finish(encoder.encode("abcdef"), 6, 2 ** 33);
  const bytes = block.bytes.slice(0, block.length);
  assertEquals(block.length, block.bytes.length);
  const [{ comment, missing }] = readCapture(join(SECTION, LINK, bytes)).frames;
  assertEquals([comment, missing], ["abcd", 2 ** 33]);
});

Deno.test("emitStatistics() has the numbers of frames that are there and that are missing", () => {
  const block = emitStatistics(0, 1000, { written: 42, leftOut: 7 });
  assertEquals(readCapture(join(SECTION, LINK, block)).statistics, [{ written: 42, leftOut: 7 }]);
});
