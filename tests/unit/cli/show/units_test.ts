// Numbers in units.

import { assertEquals } from "@std/assert";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatRate,
} from "../../../../src/cli/show/units.ts";

Deno.test("formatBytes() shows up to three digits before the point", () => {
  const cases: [bytes: number, text: string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [12_345, "12.3 kB"],
    [99_949, "99.9 kB"],
    [99_950, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [1.5e9, "1.5 GB"],
    [2e15, "2.0 PB"],
    [2e19, "20000 PB"],
  ];
  for (const [bytes, text] of cases) assertEquals(formatBytes(bytes), text);
});

Deno.test("formatRate() shows bytes per second in bits", () => {
  assertEquals(formatRate(0), "0 bit/s");
  assertEquals(formatRate(150_000), "1.2 Mbit/s");
  assertEquals(formatRate(1.25e9), "10.0 Gbit/s");
});

Deno.test("formatCount() separates thousands", () => {
  assertEquals([0, 999, 1000, 1_234_567].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
});

Deno.test("formatDuration() shows the two largest units", () => {
  const cases: [seconds: number, text: string][] = [
    [-5, "0 s"],
    [0, "0 s"],
    [59.9, "59 s"],
    [60, "1 min"],
    [61, "1 min 1 s"],
    [3600, "1 h"],
    [3 * 3600 + 59, "3 h"],
    [86_400 * 3 + 3600 * 4 + 59, "3 d 4 h"],
    [86_400 * 400, "400 d"],
  ];
  for (const [seconds, text] of cases) assertEquals(formatDuration(seconds), text);
});

Deno.test("formatMs() shows tenths of short times only", () => {
  assertEquals([0, 12.34, 99.94, 1234].map(formatMs), ["0.0 ms", "12.3 ms", "99.9 ms", "1,234 ms"]);
});
