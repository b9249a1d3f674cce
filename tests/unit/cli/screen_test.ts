// Fitting lines to a screen.

import { assertEquals } from "@std/assert";
import { fitLines } from "../../../src/cli/screen.ts";

Deno.test("fitLines() says how many lines a screen has no room for", () => {
  const lines = ["a", "b", "c", "d"];
  assertEquals(fitLines(lines, 4), lines);
  assertEquals(fitLines(lines, 3), ["a", "b", "... and 2 more lines"]);
  assertEquals(fitLines(lines, 1), ["... and 4 more lines"]);
  assertEquals(fitLines(lines, 0), []);
});
