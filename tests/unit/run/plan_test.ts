// The plan of the task `test`: which files run, and which of them side by side.

import { assert, assertEquals } from "@std/assert";
import { ALONE, argumentsOf, findTests, planRun } from "../../run/plan.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

Deno.test("argumentsOf() tells files and folders from flags", () => {
  assertEquals(argumentsOf(["tests/unit", "--filter", "PADT", "--fail-fast", "a_test.ts"]), {
    paths: ["tests/unit", "a_test.ts"],
    flags: ["--filter", "PADT", "--fail-fast"],
  });
});

Deno.test("findTests() finds the files of tests in a folder and those below", () => {
  const paths = findTests(ROOT, "tests/unit").map(({ path }) => path);
  assert(paths.includes("tests/unit/run/plan_test.ts"));
  assert(paths.every((path) => path.endsWith("_test.ts")));
  for (const same of ["./tests/unit", `${ROOT}tests/unit/`]) {
    assertEquals(findTests(ROOT, same).map(({ path }) => path), paths);
  }
  assertEquals(findTests(ROOT, paths[0]).map(({ path }) => path), paths.slice(0, 1));
});

Deno.test("planRun() gives each file a process, and each folder of unit tests", () => {
  const plan = planRun([
    { path: "tests/e2e/a_test.ts", bytes: 1 },
    { path: "tests/integration/b_test.ts", bytes: 3 },
    { path: "tests/integration/c_test.ts", bytes: 2 },
    { path: "tests/compile/d_test.ts", bytes: 1 },
    { path: "tests/unit/wire/d_test.ts", bytes: 2 },
    { path: "tests/unit/wire/e_test.ts", bytes: 2 },
    { path: ALONE[0], bytes: 9 },
  ]);
  assertEquals(plan, {
    together: [
      { files: ["tests/e2e/a_test.ts"], real: true },
      { files: ["tests/compile/d_test.ts"], real: false },
      { files: ["tests/unit/wire/d_test.ts", "tests/unit/wire/e_test.ts"], real: false },
      { files: ["tests/integration/b_test.ts"], real: false },
      { files: ["tests/integration/c_test.ts"], real: false },
    ],
    alone: [{ files: [ALONE[0]], real: false }],
  });
});

Deno.test("planRun() leaves no file out and takes none twice", () => {
  const files = findTests(ROOT, "tests");
  const { together, alone } = planRun(files);
  const planned = [...together, ...alone].flatMap(({ files }) => files);
  assertEquals(planned.sort(), files.map(({ path }) => path).sort());
  assertEquals(alone.flatMap(({ files }) => files).sort(), [...ALONE].sort());
});
