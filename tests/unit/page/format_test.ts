// Tests of the numbers and times on the page.

import { assertEquals } from "@std/assert";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatNumberOf,
  formatRate,
  formatRoundRate,
} from "../../../src/page/format.js";

Deno.test("formatRate() writes three digits and a unit", () => {
  const cases: [number, string][] = [
    [0, "0 bit/s"],
    [999, "999 bit/s"],
    [999.6, "1.00 kbit/s"],
    [1000, "1.00 kbit/s"],
    [9994, "9.99 kbit/s"],
    [9996, "10.0 kbit/s"],
    [12_345_678, "12.3 Mbit/s"],
    [99_960_000, "100 Mbit/s"],
    [999_600_000, "1.00 Gbit/s"],
    [2e12, "2.00 Tbit/s"],
    [5e15, "5000 Tbit/s"],
  ];
  for (const [rate, text] of cases) assertEquals(formatRate(rate), text);
});

Deno.test("formatRoundRate() leaves out zeros at the end", () => {
  const cases: [number, string][] = [
    [1000, "1 kbit/s"],
    [500, "500 bit/s"],
    [2_500_000, "2.5 Mbit/s"],
    [20_000_000, "20 Mbit/s"],
    [100_000_000, "100 Mbit/s"],
    [1_250_000, "1.25 Mbit/s"],
  ];
  for (const [rate, text] of cases) assertEquals(formatRoundRate(rate), text);
});

Deno.test("formatCount() and formatNumberOf() group digits, and use the singular for one", () => {
  assertEquals(formatCount(999), "999");
  assertEquals(formatCount(1234567), "1\u202f234\u202f567");
  assertEquals(formatNumberOf(1, "session"), "1 session");
  assertEquals(formatNumberOf(0, "session"), "0 sessions");
  assertEquals(formatNumberOf(16384, "session"), "16\u202f384 sessions");
});

Deno.test("formatDuration() writes the two largest units", () => {
  const cases: [number, string][] = [
    [-3, "0 s"],
    [59.9, "59 s"],
    [60, "1 min 0 s"],
    [599, "9 min 59 s"],
    [600, "10 min"],
    [3599, "59 min"],
    [3600, "1 h 0 min"],
    [90_061, "1 d 1 h"],
  ];
  for (const [seconds, text] of cases) assertEquals(formatDuration(seconds), text);
});

Deno.test("formatMs() and formatBytes() write what a person needs", () => {
  assertEquals([null, 0.123, 8.24, 42.4, 1234].map(formatMs), [
    "–",
    "0.12 ms",
    "8.2 ms",
    "42 ms",
    "1234 ms",
  ]);
  assertEquals([0, 1023, 65_536, 3 * 2 ** 20].map(formatBytes), [
    "0 B",
    "1023 B",
    "64 KiB",
    "3.0 MiB",
  ]);
});
