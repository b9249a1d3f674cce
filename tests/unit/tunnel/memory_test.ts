// The memory of tunnels: buffers that they share, and queues that grow with their use.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Pinned } from "../../../ffi/mod.ts";
import { Flight } from "../../../src/tunnel/flight.ts";
import { FrameQueue, LARGEST_FRAME } from "../../../src/tunnel/frame_queue.ts";
import { FOUND, FrameReader, NONE } from "../../../src/tunnel/frame_reader.ts";
import { QueueRoom } from "../../../src/tunnel/queue_room.ts";
import { ReadBuffers } from "../../../src/tunnel/read_buffers.ts";
import type { Transport } from "../../../src/transport/transport.ts";
import { encodeFrame, FRAME } from "../../../src/wire/mod.ts";

/** A transport from which these pieces can be read, one by one. */
function readable(...pieces: Uint8Array[]): Transport {
  return {
    receive(into: Uint8Array) {
      const piece = pieces.shift();
      if (piece === undefined) return -1;
      into.set(piece);
      return piece.length;
    },
  } as Transport;
}

Deno.test("ReadBuffers lends 64 buffers of full size, and small ones beyond", () => {
  const buffers = new ReadBuffers(100_000);
  const lent = Array.from({ length: 70 }, () => buffers.take(0));
  const sizes = lent.map(({ readInto }) => readInto.length);
  assertEquals(sizes, [...Array(64).fill(100_000), ...Array(6).fill(24_576)]);
  // A small one has enough room for whatever is left.
  assertEquals(buffers.take(LARGEST_FRAME).start, LARGEST_FRAME);
});

Deno.test("ReadBuffers lends a small buffer to one that asks for it, again and again", () => {
  const buffers = new ReadBuffers(100_000);
  const small = buffers.take(4096, true);
  assertEquals([small.readInto.length, buffers.unused], [24_576, 0]);
  buffers.give(small);
  assertStrictEquals(buffers.take(0, true), small);
  // A large frame gets one of full size, because a small one with more room could not be lent again.
  const full = buffers.take(4097, true);
  assertEquals(full.readInto.length, 100_000);
  buffers.give(full);
  assertStrictEquals(buffers.take(4097, true), full);
});

Deno.test("ReadBuffers lends a buffer again, and trim() gives up most of the unused ones", () => {
  const buffers = new ReadBuffers(100_000);
  const first = buffers.take(0);
  buffers.give(first);
  assertStrictEquals(buffers.take(0), first);
  const lent = [first, ...Array.from({ length: 199 }, () => buffers.take(0))];
  for (const each of lent) buffers.give(each);
  assertEquals(buffers.unused, 200);
  for (let second = 0; second < 10; second++) buffers.trim();
  assertEquals(buffers.unused, 8);
});

Deno.test("FrameReader gives its buffer back, and keeps only the start of an incomplete frame", () => {
  const buffers = new ReadBuffers(4096);
  const payload = Uint8Array.from({ length: 300 }, (_, i) => i);
  const frame = encodeFrame(FRAME.SESSION, payload);
  const both = new Uint8Array(2 * frame.length);
  both.set(frame);
  both.set(frame, frame.length);
  const transport = readable(both.slice(0, frame.length + 100), both.slice(frame.length + 100));
  const reader = new FrameReader(buffers, new Uint8Array(0));
  for (const left of [100, 0]) {
    reader.read(transport);
    assertEquals([buffers.unused, reader.next()], [0, FOUND]);
    const { offset, length, memory } = reader;
    assertEquals(memory.bytes.slice(offset, offset + length), payload);
    assertEquals(reader.next(), NONE);
    reader.compact();
    assertEquals([buffers.unused, reader.unread.length], [1, left]);
  }
});

Deno.test("QueueRoom lets a queue take no more than is left for the others", () => {
  const room = new QueueRoom(100);
  assertEquals([room.grow(0, 51), room.grow(0, 50), room.takenBytes], [false, true, 50]);
  assertEquals([room.grow(0, 26), room.grow(0, 25), room.takenBytes], [false, true, 75]);
  room.shrink(50, 10);
  assertEquals([room.takenBytes, room.grow(0, 32)], [35, true]);
});

Deno.test("FrameQueue grows with its frames, keeps them, and gives its memory back", () => {
  const room = new QueueRoom();
  const queue = new FrameQueue(256 * 1024, 4096, new Flight(), room);
  const small = queue.sizeBytes;
  let pushed = 0;
  while (queue.push(FRAME.SESSION, new Uint8Array(100).fill(pushed), 100, pushed)) pushed++;
  assert(pushed > 2400, `${pushed} frames`);
  assertEquals(room.takenBytes, queue.sizeBytes - small);
  const taken: number[] = [];
  const batch = {
    bytes: 0,
    add(memory: Pinned, start: number, end: number) {
      taken.push(memory.bytes[end - 1]);
      this.bytes += end - start;
      return true;
    },
  };
  queue.gather(batch, Infinity, 0);
  assertEquals(taken, Array.from({ length: pushed }, (_, i) => i & 0xff));
  queue.dropBefore(Infinity);
  for (let second = 0; second < 20; second++) queue.trim();
  assertEquals([queue.sizeBytes, room.takenBytes], [small, 0]);
});

Deno.test("FrameQueue.push() refuses a frame if all queues together are full, and another queue has some", () => {
  const room = new QueueRoom(64 * 1024);
  const [one, two] = [1, 2].map(() => new FrameQueue(256 * 1024, 4096, new Flight(), room));
  const fill = (queue: FrameQueue) => {
    while (queue.push(FRAME.SESSION, new Uint8Array(1000), 1000, 0));
    return queue.sizeBytes;
  };
  const [first, second] = [fill(one), fill(two)];
  assert(first <= 48 * 1024 && second >= 8192, `${first} and ${second}`);
  one.dropBefore(Infinity);
  one.release();
  assert(fill(two) > second);
});

Deno.test("Flight grows with the frames under way, and gives its memory back", () => {
  const room = new QueueRoom();
  const flight = new Flight(room);
  for (let i = 0; i < 3000; i++) flight.whole(100 << 2 | FRAME.SESSION, undefined, 100);
  assertEquals(flight.count(FRAME.SESSION), 3000);
  flight.settle(100 * 100);
  assertEquals([flight.count(FRAME.SESSION), flight.carried.sessionFrames], [100, 2900]);
  flight.settle(0);
  assert(room.takenBytes > 0);
  for (let second = 0; second < 20; second++) flight.trim();
  assertEquals(room.takenBytes, 0);
});
