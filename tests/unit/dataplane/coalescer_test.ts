import { assert, assertFalse } from "@std/assert";
import { Coalescer } from "../../../src/dataplane/coalescer.ts";

Deno.test("Coalescer is not due while turns are far apart", () => {
  const gathering = new Coalescer();
  for (let nowMs = 0; nowMs < 10; nowMs += 0.2) {
    gathering.took(1, nowMs);
    assertFalse(gathering.due);
  }
});

Deno.test("Coalescer is due once turns follow closely, and as long as they find several frames", () => {
  const gathering = new Coalescer();
  gathering.took(1, 5);
  assertFalse(gathering.due);
  gathering.took(1, 5.05);
  assert(gathering.due);
  gathering.took(3, 5.2);
  assert(gathering.due, "a turn that waited comes later, and counts by its frames");
  gathering.took(2, 5.35);
  assert(gathering.due);
});

Deno.test("Coalescer is no longer due after a wait that finds only one frame", () => {
  for (const found of [0, 1]) {
    const gathering = new Coalescer();
    gathering.took(1, 5);
    gathering.took(1, 5.05);
    gathering.took(found, 5.2);
    assertFalse(gathering.due);
  }
});
