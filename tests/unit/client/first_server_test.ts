// The pauses between looks at the first server.

import { assertEquals } from "@std/assert";
import { FirstServer, LOOK_MAX_MS, LOOK_MS } from "../../../src/client/first_server.ts";

Deno.test("FirstServer pauses for 30 s by default", () => {
  assertEquals([new FirstServer().pauseMs, new FirstServer(300).pauseMs], [LOOK_MS, 300]);
});

Deno.test("FirstServer.judge() doubles the pause, up to an hour, while returns do not last", () => {
  const first = new FirstServer();
  const pauses = Array.from({ length: 9 }, () => {
    first.judge(2 * LOOK_MS - 1);
    return first.pauseMs / LOOK_MS;
  });
  assertEquals(pauses, [2, 4, 8, 16, 32, 64, 120, 120, 120]);
  assertEquals(first.pauseMs, LOOK_MAX_MS);
});

Deno.test("FirstServer.judge() makes the pause short again after a return that lasts", () => {
  const first = new FirstServer();
  first.judge(0);
  first.judge(2 * LOOK_MS);
  assertEquals(first.pauseMs, LOOK_MS);
});
