// The pauses between two checks of the first server.

import { assertEquals } from "@std/assert";
import { CHECK_MAX_MS, CHECK_MS, FirstServer } from "../../../src/client/first_server.ts";

Deno.test("FirstServer pauses for 30 s by default", () => {
  assertEquals([new FirstServer().pauseMs, new FirstServer(300).pauseMs], [CHECK_MS, 300]);
});

Deno.test("FirstServer.judge() doubles the pause, up to an hour, while returns do not last", () => {
  const first = new FirstServer();
  const pauses = Array.from({ length: 9 }, () => {
    first.judge(2 * CHECK_MS - 1);
    return first.pauseMs / CHECK_MS;
  });
  assertEquals(pauses, [2, 4, 8, 16, 32, 64, 120, 120, 120]);
  assertEquals(first.pauseMs, CHECK_MAX_MS);
});

Deno.test("FirstServer.judge() makes the pause short again after a return that lasts", () => {
  const first = new FirstServer();
  first.judge(0);
  first.judge(2 * CHECK_MS);
  assertEquals(first.pauseMs, CHECK_MS);
});
