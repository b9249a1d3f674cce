// The problems that the status shows.

import { assertEquals } from "@std/assert";
import { Problems, SHOWN_MS } from "../../../src/observe/problems.ts";

const LOOP = { id: "loop", what: "A PADI came back", advice: "separate the segments" };
const OTHER = { id: "other", what: "Something else", advice: "mend it" };
const NOW_MS = Date.UTC(2026, 10, 28, 12);

Deno.test("Problems.list() tells each problem once, since when, the oldest first", () => {
  const problems = new Problems();
  assertEquals(problems.list(NOW_MS), []);
  problems.meet(OTHER, NOW_MS);
  problems.meet(LOOP, NOW_MS - 1000);
  problems.meet({ ...OTHER, what: "Something else again" }, NOW_MS + 5000);
  assertEquals(problems.list(NOW_MS + 6000), [
    { ...LOOP, since: "2026-11-28T11:59:59.000Z" },
    { ...OTHER, what: "Something else again", since: "2026-11-28T12:00:00.000Z" },
  ]);
});

Deno.test("Problems.list() forgets what was not met for two minutes, and begins anew then", () => {
  const problems = new Problems();
  problems.meet(LOOP, NOW_MS);
  problems.meet(LOOP, NOW_MS + 1000);
  assertEquals(problems.list(NOW_MS + 1000 + SHOWN_MS - 1).length, 1);
  assertEquals(problems.list(NOW_MS + 1000 + SHOWN_MS), []);
  const laterMs = NOW_MS + 2 * SHOWN_MS;
  problems.meet(LOOP, laterMs);
  assertEquals(problems.list(laterMs).map(({ since }) => since), ["2026-11-28T12:04:00.000Z"]);
  // The clock was set back by a day.
  assertEquals(problems.list(laterMs - 24 * 3600_000), []);
});
