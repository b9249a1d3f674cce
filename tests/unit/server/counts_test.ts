// Numbers by key.

import { assertEquals } from "@std/assert";
import { Counts } from "../../../src/server/counts.ts";

Deno.test("Counts counts keys, and forgets those whose count is 0", () => {
  const counts = new Counts();
  counts.add("a");
  counts.add("a");
  counts.remove("a");
  assertEquals([counts.of("a"), counts.of("b")], [1, 0]);
  counts.remove("a");
  counts.remove("a");
  assertEquals(counts.of("a"), 0);
});
