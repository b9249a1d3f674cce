// Tests of what the process uses of the machine.

import { assertEquals } from "@std/assert";
import { parseProcessUsage } from "../../../src/observe/process_usage.ts";

const STAT =
  "7 (a (b) c) S 1 7 7 0 -1 4194560 9 0 0 0 120 30 0 0 20 0 11 0 55 1000000 250 18446744073709551615";

Deno.test("parseProcessUsage() reads the fields behind any name of a program", () => {
  assertEquals(parseProcessUsage(STAT), {
    cpuSeconds: 1.5,
    residentBytes: 250 * 4096,
    threads: 11,
  });
});

Deno.test("parseProcessUsage() returns undefined for another text", () => {
  for (const text of ["", "7 (a) S", "no"]) assertEquals(parseProcessUsage(text), undefined);
});
