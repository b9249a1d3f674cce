// Tests of the wall clock.

import { assertEquals, assertMatch } from "@std/assert";
import { ClockWatch, STEP_MS } from "../../../src/health/clock.ts";

const NOON_MS = Date.UTC(2026, 10, 28, 12);

Deno.test("ClockWatch tells a clock that was set forward or back by a minute or more", () => {
  for (
    const [stepMs, words] of [[STEP_MS, /forward by 60 s/], [
      -3 * STEP_MS,
      /back by 180 s/,
    ]] as const
  ) {
    const watch = new ClockWatch();
    assertEquals(watch.look(NOON_MS, 1000), { unset: undefined, step: undefined });
    assertEquals(watch.look(NOON_MS + 3000, 4000).step, undefined);
    assertMatch(watch.look(NOON_MS + 6000 + stepMs, 7000).step!.what, words);
    assertEquals(watch.look(NOON_MS + 9000 + stepMs, 10_000).step, undefined);
  }
});

Deno.test("ClockWatch does not mind a smaller change, or a machine that was suspended", () => {
  const watch = new ClockWatch();
  watch.look(NOON_MS, 1000);
  assertEquals(watch.look(NOON_MS + STEP_MS - 1, 1000).step, undefined);
  assertEquals(watch.look(NOON_MS + 2 * STEP_MS, 1000 + STEP_MS).step, undefined);
});

Deno.test("ClockWatch tells a clock that is not set, which is over when it is", () => {
  const watch = new ClockWatch();
  assertMatch(watch.look(5000, 5000).unset!.what, /shows the year 1970/);
  assertEquals(watch.look(NOON_MS, 8000), { unset: undefined, step: undefined });
});
