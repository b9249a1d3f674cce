// Tests of the problems that the status shows.

import { assertEquals } from "@std/assert";
import { Problems, SHOWN_MS, SHOWN_OF_A_KIND } from "../../../src/observe/problems.ts";

const LOOP = { id: "loop", what: "A PADI came back", advice: "separate the segments" };
const OTHER = { id: "other", what: "Something else", advice: "mend it" };
const NOON_MS = Date.UTC(2026, 10, 28, 12);

Deno.test("Problems.list() returns each problem once with the time of its start, oldest first", () => {
  const problems = new Problems();
  assertEquals(problems.list(0), []);
  problems.meet(OTHER, 0, NOON_MS);
  problems.meet(LOOP, 1000, NOON_MS + 1000);
  problems.meet(OTHER, 5000, NOON_MS + 5000);
  problems.meet({ ...OTHER, what: "Another station" }, 5000, NOON_MS + 5000);
  assertEquals(problems.list(6000), [
    { ...OTHER, since: "2026-11-28T12:00:00.000Z" },
    { ...LOOP, since: "2026-11-28T12:00:01.000Z" },
    { ...OTHER, what: "Another station", since: "2026-11-28T12:00:05.000Z" },
  ]);
});

Deno.test("Problems keeps the latest few of one kind, and those of other kinds", () => {
  const problems = new Problems();
  problems.meet(LOOP, 0, NOON_MS);
  for (let n = 0; n < 100; n++) problems.meet({ ...OTHER, what: `station ${n}` }, n, NOON_MS);
  const shown = problems.list(100).map(({ what }) => what);
  assertEquals(shown.length, 1 + SHOWN_OF_A_KIND);
  assertEquals([shown[0], shown.at(-1)], [LOOP.what, "station 99"]);
});

Deno.test("Problems.list() drops a problem after two minutes, and starts over if it returns", () => {
  const problems = new Problems();
  problems.meet(LOOP, 0, NOON_MS);
  // The wall clock was set back by a day, and forward again.
  problems.meet(LOOP, 1000, NOON_MS - 24 * 3600_000);
  assertEquals(problems.list(1000 + SHOWN_MS - 1), [{
    ...LOOP,
    since: "2026-11-28T12:00:00.000Z",
  }]);
  assertEquals(problems.list(1000 + SHOWN_MS), []);
  problems.meet(LOOP, 2 * SHOWN_MS, NOON_MS + 2 * SHOWN_MS);
  assertEquals(problems.list(2 * SHOWN_MS).map(({ since }) => since), ["2026-11-28T12:04:00.000Z"]);
});
