// Tests of the last use of each key.

import { assertEquals } from "@std/assert";
import { KeyRing } from "../../../src/keys/key_ring.ts";
import { KeyUse } from "../../../src/server/key_use.ts";

const id = (digit: string) => digit.repeat(32);
const key = (name: string, digit: string) => ({ name, id: id(digit), secret: new Uint8Array(32) });
const keys = new KeyRing([key("osaka", "a"), key("osaka", "b"), key("kobe", "c")]);

Deno.test("KeyUse shows the time since each key was last used, and 0 while a tunnel uses it", () => {
  const use = new KeyUse();
  const seen = (nowMs: number) =>
    use.statuses(keys, nowMs).map(({ lastUsedS, tunnels }) => [lastUsedS, tunnels]);
  assertEquals(use.statuses(keys, 0)[2], {
    name: "kobe",
    id: "cccccccc",
    lastUsedS: null,
    tunnels: 0,
  });
  use.proved(id("a"), 1000);
  assertEquals(seen(3500), [[2, 0], [null, 0], [null, 0]]);
  use.entered(id("a"));
  use.entered(id("b"));
  assertEquals(seen(90_000), [[0, 1], [0, 1], [null, 0]]);
  // A newer tunnel replaces an older one, so that there are two for a moment.
  use.entered(id("a"));
  assertEquals(seen(90_000)[0], [0, 2]);
  use.left(id("a"), 91_000);
  assertEquals(seen(99_000)[0], [0, 1]);
  use.left(id("a"), 100_000);
  assertEquals(seen(160_000), [[60, 0], [0, 1], [null, 0]]);
});

Deno.test("KeyUse forgets a key that is gone, once no tunnel uses it", () => {
  const use = new KeyUse();
  use.entered(id("a"));
  use.keep(new KeyRing([]));
  use.left(id("a"), 5000);
  use.keep(new KeyRing([]));
  assertEquals(use.statuses(keys, 6000)[0].lastUsedS, null);
});
