// Tests of the words of problems.

import { assertEquals } from "@std/assert";
import { linkDown } from "../../src/problem.ts";
import { Problems } from "../../src/observe/problems.ts";

Deno.test("linkDown() replaces a missing interface by one that is down, and the other way around", () => {
  const problems = new Problems();
  const shown = () => problems.list(0).map(({ what }) => what);
  problems.begin(linkDown("eth1", true), 0, 0);
  assertEquals(shown(), ["Interface eth1 does not exist"]);
  problems.begin(linkDown("eth1", false, "plug it in"), 0, 0);
  assertEquals(shown(), ["Interface eth1 is down"]);
  assertEquals(problems.list(0)[0].advice, "plug it in");
  problems.begin(linkDown("eth1", true), 0, 0);
  assertEquals(shown(), ["Interface eth1 does not exist"]);
});
