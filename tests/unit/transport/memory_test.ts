// A connection in memory, which must behave like one over TCP.

import { assertEquals } from "@std/assert";
import { Pinned, POLLHUP, POLLIN, POLLOUT } from "../../../ffi/mod.ts";
import { MemoryDescriptors } from "../../../src/poll/memory.ts";
import { type MemoryPath, MemoryTransport } from "../../../src/transport/memory.ts";
import { AGAIN, BROKEN, type Transport } from "../../../src/transport/transport.ts";

/** Both ends of a connection, and their clock. */
function connect(path: Partial<MemoryPath> = {}) {
  const clock = { nowMs: 0 };
  const [near, far] = MemoryTransport.pair(new MemoryDescriptors(), {
    now: () => clock.nowMs,
    ...path,
  });
  return { clock, near, far };
}

function send(transport: Transport, ...bytes: number[]): number {
  transport.add(new Pinned(Uint8Array.from(bytes)), 0, bytes.length);
  return transport.send();
}

function receive(transport: Transport, most = 100): number[] | number {
  const into = new Uint8Array(most);
  const count = transport.receive(into);
  return count > 0 ? [...into.subarray(0, count)] : count;
}

Deno.test("MemoryTransport carries bytes in order, in pieces of any size", () => {
  const { near, far } = connect();
  assertEquals([send(near, 1, 2, 3), send(near, 4)], [3, 1]);
  assertEquals([receive(far, 2), receive(far, 2), receive(far)], [[1, 2], [3, 4], AGAIN]);
});

Deno.test("MemoryTransport delays bytes, and keeps them in order", () => {
  const delays = [50, 10];
  const { clock, near, far } = connect({ delayMs: () => delays.shift()! });
  send(near, 1);
  send(near, 2);
  clock.nowMs = 49;
  assertEquals([receive(far), far.ready() & POLLIN], [AGAIN, 0]);
  clock.nowMs = 50;
  assertEquals([far.ready() & POLLIN, receive(far)], [POLLIN, [1, 2]]);
});

Deno.test("MemoryTransport takes no more bytes than it has room for until the other end has read", () => {
  const { near, far } = connect({ roomBytes: 3 });
  assertEquals([send(near, 1, 2, 3, 4), send(near, 4)], [3, AGAIN]);
  assertEquals(near.ready() & POLLOUT, 0);
  assertEquals(receive(far), [1, 2, 3]);
  assertEquals([near.ready() & POLLOUT, send(near, 4)], [POLLOUT, 1]);
});

Deno.test("MemoryTransport takes a part of a write if its path does", () => {
  const { near, far } = connect({ takes: () => 2 });
  assertEquals([send(near, 1, 2, 3), receive(far)], [2, [1, 2]]);
});

Deno.test("MemoryTransport.shutdown() ends the stream after the sent bytes, and leaves the other direction open", () => {
  const { near, far } = connect();
  send(near, 1);
  near.shutdown();
  assertEquals([receive(far), receive(far), receive(far)], [[1], 0, 0]);
  send(far, 2);
  assertEquals(receive(near), [2]);
});

Deno.test("MemoryTransport.reset() breaks the other end at once, and loses bytes under way", () => {
  const { near, far } = connect({ delayMs: () => 10 });
  send(near, 1);
  near.reset();
  assertEquals([far.ready() & POLLHUP, receive(far), send(near, 2)], [POLLHUP, BROKEN, BROKEN]);
});

Deno.test("MemoryTransport.cut() silently loses bytes that would arrive later", () => {
  const { clock, near, far } = connect({ delayMs: () => 10 });
  send(near, 1);
  near.cut(10);
  clock.nowMs = 5;
  send(near, 2);
  clock.nowMs = 1000;
  assertEquals([receive(far), receive(far)], [[1], AGAIN]);
});

Deno.test("MemoryTransport is broken for an end that sends to a closed one", () => {
  const { near, far } = connect();
  far.close();
  assertEquals(receive(near), 0);
  assertEquals(send(near, 1), 1);
  const broken = near.ready();
  assertEquals(broken & POLLIN, POLLIN);
});
