import { assert, assertEquals } from "@std/assert";
import { Histogram } from "../../bench/load/histogram.ts";

Deno.test("Histogram returns quantiles with a precision of one percent", () => {
  const histogram = new Histogram();
  for (let us = 1; us <= 10_000; us++) histogram.addNs(us * 1000);
  for (const share of [0.01, 0.5, 0.9, 0.99]) {
    const quantile = histogram.quantileUs(share);
    assert(Math.abs(quantile / (share * 10_000) - 1) < 0.01, `${share}: ${quantile}`);
  }
  assertEquals(histogram.count, 10_000);
  assertEquals(histogram.maxUs, 10_000);
});

Deno.test("Histogram accepts times below and above its range", () => {
  const histogram = new Histogram();
  histogram.addNs(-5);
  histogram.addNs(1e13);
  assertEquals(histogram.maxUs, 1e10);
  assert(histogram.quantileUs(0.5) < 0.1);
  assert(histogram.quantileUs(1) > 400e6);
});

Deno.test("Histogram returns NaN when it is empty, also after clear()", () => {
  const histogram = new Histogram();
  assertEquals(histogram.quantileUs(0.5), NaN);
  histogram.addNs(1000);
  histogram.clear();
  assertEquals(histogram.quantileUs(0.5), NaN);
  assertEquals(histogram.maxUs, 0);
});
