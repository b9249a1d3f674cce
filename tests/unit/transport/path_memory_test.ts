import { assertEquals } from "@std/assert";
import { PathMemory } from "../../../src/transport/path_memory.ts";

const FRAGMENTS = { packetBytes: 1500, remedy: "fragments", fragmentsLost: false } as const;
const SMALL = { packetBytes: 1500, remedy: "small-packets", fragmentsLost: true } as const;
const DAY_MS = 24 * 60 * 60 * 1000;

Deno.test("PathMemory.recall() returns the last fault of the peer's address alone", () => {
  const memory = new PathMemory(() => 0);
  memory.remember("192.0.2.1", FRAGMENTS);
  memory.remember("192.0.2.1", SMALL);
  assertEquals(memory.recall("192.0.2.1"), SMALL);
  assertEquals(memory.recall("192.0.2.2"), undefined);
});

Deno.test("PathMemory.recall() returns nothing after a day, so that a repaired path is tried anew", () => {
  let nowMs = 0;
  const memory = new PathMemory(() => nowMs);
  memory.remember("192.0.2.1", SMALL);
  nowMs = DAY_MS - 1;
  assertEquals(memory.recall("192.0.2.1"), SMALL);
  nowMs = DAY_MS;
  assertEquals(memory.recall("192.0.2.1"), undefined);
});

Deno.test("PathMemory.remember() forgets the oldest of more than 1024 paths", () => {
  const memory = new PathMemory(() => 0);
  for (let n = 0; n < 1024; n++) memory.remember(`path ${n}`, SMALL);
  memory.remember("path 0", FRAGMENTS);
  memory.remember("path 1024", SMALL);
  assertEquals(memory.recall("path 0"), FRAGMENTS);
  assertEquals(memory.recall("path 1"), undefined);
  assertEquals(memory.recall("path 2"), SMALL);
  assertEquals(memory.recall("path 1024"), SMALL);
});
