// Tests of the plan of the task `test`: the files to run, and their order.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { argumentsOf, CALM, findTests, planRun } from "../../run/plan.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

Deno.test("argumentsOf() separates files and folders from flags", () => {
  assertEquals(argumentsOf(["tests/unit", "--filter", "PADT", "--fail-fast", "a_test.ts"]), {
    paths: ["tests/unit", "a_test.ts"],
    flags: ["--filter", "PADT", "--fail-fast"],
  });
});

Deno.test("findTests() finds the test files in a folder and in those below it", () => {
  const paths = findTests(ROOT, "tests/unit").map(({ path }) => path);
  assert(paths.includes("tests/unit/run/plan_test.ts"));
  assert(paths.every((path) => path.endsWith("_test.ts")));
  for (const same of ["./tests/unit", `${ROOT}tests/unit/`]) {
    assertEquals(findTests(ROOT, same).map(({ path }) => path), paths);
  }
  assertEquals(findTests(ROOT, paths[0]).map(({ path }) => path), paths.slice(0, 1));
});

Deno.test("findTests() names a folder that is not there", () => {
  const error = "Cannot find tests in tests/none: no such file or folder";
  assertThrows(() => findTests(ROOT, "tests/none"), Error, error);
});

Deno.test("planRun() gives each file a process, but unit tests one per folder", () => {
  const plan = planRun([
    { path: "tests/e2e/a_test.ts", bytes: 1 },
    { path: "tests/integration/b_test.ts", bytes: 3 },
    { path: "tests/integration/c_test.ts", bytes: 2 },
    { path: "tests/compile/d_test.ts", bytes: 1 },
    { path: "tests/unit/wire/d_test.ts", bytes: 2 },
    { path: "tests/unit/wire/e_test.ts", bytes: 2 },
    { path: CALM[0], bytes: 9 },
  ]);
  assertEquals(plan, {
    together: [
      { files: ["tests/e2e/a_test.ts"], urgent: true },
      { files: ["tests/compile/d_test.ts"], urgent: false },
      { files: ["tests/unit/wire/d_test.ts", "tests/unit/wire/e_test.ts"], urgent: false },
      { files: ["tests/integration/b_test.ts"], urgent: false },
      { files: ["tests/integration/c_test.ts"], urgent: false },
    ],
    calm: [{ files: [CALM[0]], urgent: true }],
  });
});

Deno.test("planRun() plans each file exactly once", () => {
  const files = findTests(ROOT, "tests");
  const { together, calm } = planRun(files);
  const planned = [...together, ...calm].flatMap(({ files }) => files);
  assertEquals(planned.sort(), files.map(({ path }) => path).sort());
  assertEquals(calm.flatMap(({ files }) => files).sort(), [...CALM].sort());
});
