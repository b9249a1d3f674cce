// The pings of one tunnel.

import { assertEquals } from "@std/assert";
import { DEAD, Keepalive, PING_DUE, QUIET } from "../../../src/tunnel/keepalive.ts";

const PING_MS = 5000;
const DEAD_MS = 15_000;

/** Checks a keepalive, and sends a ping if one is due. */
function check(keepalive: Keepalive, nowMs: number): number {
  const result = keepalive.check(nowMs, PING_MS, DEAD_MS);
  if (result === PING_DUE) keepalive.pinged(nowMs, true);
  return result;
}

Deno.test("Keepalive sends another ping if the first one is not answered for two intervals", () => {
  const keepalive = new Keepalive(0);
  assertEquals(check(keepalive, 0), PING_DUE);
  // Data of the peer arrives, but its pong is behind more of it.
  for (let nowMs = 1000; nowMs < 10_000; nowMs += 1000) {
    keepalive.heard(nowMs);
    assertEquals(check(keepalive, nowMs), QUIET, `${nowMs}`);
  }
  keepalive.heard(10_000);
  assertEquals(check(keepalive, 10_000), PING_DUE);
});

Deno.test("Keepalive ends a silent tunnel in the same time, whatever it has sent", () => {
  const keepalive = new Keepalive(0);
  for (let nowMs = 0; nowMs < DEAD_MS; nowMs += 1000) check(keepalive, nowMs);
  assertEquals(check(keepalive, DEAD_MS - 1), QUIET);
  assertEquals(check(keepalive, DEAD_MS), DEAD);
});

Deno.test("Keepalive measures from the ping that a pong answers, also if several are under way", () => {
  const keepalive = new Keepalive(0);
  const lateMs = 17_000;
  const pongs: number[] = [];
  for (let nowMs = 0; nowMs < 300_000; nowMs += 500) {
    keepalive.heard(nowMs);
    if (pongs[0] === nowMs) {
      pongs.shift();
      keepalive.ponged(nowMs);
    }
    if (check(keepalive, nowMs) === PING_DUE) pongs.push(nowMs + lateMs);
  }
  assertEquals(keepalive.rttMs, lateMs);
});
