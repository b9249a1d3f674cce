// Tests of the scales of the chart.

import { assertEquals } from "@std/assert";
import { rangeOf, rowsOf, topOf } from "../../../src/page/chart.js";

Deno.test("topOf() returns a round number that is not lower", () => {
  const cases: [number, number][] = [
    [0, 1000],
    [1000, 1000],
    [1001, 2000],
    [39e6, 40e6],
    [41e6, 50e6],
    [51e6, 80e6],
    [81e6, 100e6],
    [1e8, 1e8],
  ];
  for (const [value, top] of cases) assertEquals(topOf(value), top);
});

Deno.test("rangeOf() grows with the time that is known, up to five minutes", () => {
  assertEquals([0, 60_000, 60_001, 120_001, 1e9].map((ms) => rangeOf(ms).lengthMs), [
    60_000,
    60_000,
    120_000,
    300_000,
    300_000,
  ]);
});

Deno.test("rowsOf() averages half minutes, the newest first, and skips those without samples", () => {
  const sample = (atMs: number, a: number, b: number) => ({ atMs, values: [a, b] });
  const samples = [sample(0, 8, 80), sample(70_000, 2, 20), sample(71_000, 4, 40)];
  assertEquals(rowsOf(samples), [
    { agoMs: 0, values: [3, 30] },
    { agoMs: 60_000, values: [8, 80] },
  ]);
  assertEquals(rowsOf([]), []);
});
