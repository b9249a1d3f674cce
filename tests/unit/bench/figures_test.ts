import { assertEquals } from "@std/assert";
import { median, medianFigures } from "../../bench/figures.ts";

Deno.test("median() returns the middle value, or the mean of the middle two", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 3, 2]), 2.5);
  assertEquals(median([7]), 7);
});

Deno.test("medianFigures() returns each figure's median over the rounds that have it", () => {
  const medians = medianFigures([{ a: { value: 1 } }, { a: { value: 5 }, b: { value: 2 } }, {
    a: { value: 3 },
  }]);
  assertEquals(medians.a.value, 3);
  assertEquals(medians.b.value, 2);
});

Deno.test("medianFigures() keeps a mark that half of the rounds have", () => {
  const [calm, busy] = [{ a: { value: 1 } }, { a: { value: 5, unsure: true } }];
  assertEquals(medianFigures([calm, busy]).a, { value: 3, atLeast: false, unsure: true });
  assertEquals(medianFigures([calm, calm, busy]).a.unsure, false);
});
