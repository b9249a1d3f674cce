// Tests of how the task `test` parses the output of `deno test` and adds it up.

import { assertEquals } from "@std/assert";
import { closingLine, NO_COUNTS, readOutcome, sum } from "../../run/outcome.ts";

const WELL = `running 2 tests from ./tests/a_test.ts
a ... ok (1ms)
b (skipped: not root) ... ignored (0ms)

ok | 1 passed (12 steps) | 0 failed | 1 ignored (3ms)

`;

const BROKEN = `running 2 tests from ./tests/b_test.ts
a ... ok (1ms)
b ... FAILED (2ms)

 ERRORS 

b => ./tests/b_test.ts:7:1
error: Error: no

 FAILURES 

b => ./tests/b_test.ts:7:1

FAILED | 1 passed | 1 failed (4ms)

error: Test failed
`;

Deno.test("readOutcome() reads the closing line, and leaves it out of the list", () => {
  assertEquals(readOutcome(WELL, 0), {
    counts: { passed: 1, steps: 12, failed: 0, ignored: 1, filteredOut: 0 },
    list: "running 2 tests from ./tests/a_test.ts\n" +
      "a ... ok (1ms)\nb (skipped: not root) ... ignored (0ms)",
    errors: "",
  });
});

Deno.test("readOutcome() separates the errors from the list", () => {
  assertEquals(readOutcome(BROKEN, 1), {
    counts: { ...NO_COUNTS, passed: 1, failed: 1 },
    list: "running 2 tests from ./tests/b_test.ts\na ... ok (1ms)\nb ... FAILED (2ms)",
    errors: "b => ./tests/b_test.ts:7:1\nerror: Error: no",
  });
});

Deno.test("readOutcome() returns an empty list when nothing ran", () => {
  const output = `running 0 tests from ./tests/a_test.ts

ok | 0 passed | 0 failed | 3 filtered out (1ms)
`;
  assertEquals(readOutcome(output, 0), {
    counts: { ...NO_COUNTS, filteredOut: 3 },
    list: "",
    errors: "",
  });
});

Deno.test("readOutcome() counts a run without a closing line as a failure", () => {
  const output = "error: Module not found\n";
  assertEquals(readOutcome(output, 1), {
    counts: { ...NO_COUNTS, failed: 1 },
    list: "",
    errors: "error: Module not found",
  });
});

Deno.test("readOutcome() counts a run that fails after its tests have passed as a failure", () => {
  const output = `${WELL}\nerror: Uncaught (in worker)\n`;
  const { counts, errors } = readOutcome(output, 1);
  assertEquals(counts.failed, 1);
  assertEquals(errors, output.trim());
});

Deno.test("closingLine() formats the line as deno test does", () => {
  const counts = sum([readOutcome(WELL, 0).counts, readOutcome(WELL, 0).counts]);
  assertEquals(
    closingLine(counts, 151_700),
    "ok | 2 passed (24 steps) | 0 failed | 2 ignored (2m32s)",
  );
  assertEquals(
    closingLine({ ...NO_COUNTS, passed: 1, steps: 1, failed: 2, filteredOut: 3 }, 4000),
    "FAILED | 1 passed (1 step) | 2 failed | 3 filtered out (4s)",
  );
});
