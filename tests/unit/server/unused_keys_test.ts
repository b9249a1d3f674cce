// Tests of the keys that were never used.

import { assertEquals, assertMatch } from "@std/assert";
import { UNUSED_MS, unusedKeys } from "../../../src/server/unused_keys.ts";

const key = (name: string, lastUsedS: number | null) => ({
  name,
  id: "01234567",
  lastUsedS,
  tunnels: 0,
});

Deno.test("unusedKeys() names the keys that were never used, a few of them", () => {
  assertEquals(unusedKeys([key("a", 0), key("b", 90_000)], UNUSED_MS), undefined);
  assertMatch(
    unusedKeys([key("a", null), key("b", 0)], UNUSED_MS)!.what,
    /^The key of a has not .* 24 h/,
  );
  const many = [1, 2, 3, 4, 5, 6, 7].map((n) => key(`k${n}`, null));
  assertMatch(unusedKeys(many, UNUSED_MS)!.what, /^The keys of k1, k2, k3, k4, k5 and 2 more have/);
});
