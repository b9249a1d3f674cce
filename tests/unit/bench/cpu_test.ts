import { assertEquals } from "@std/assert";
import { parseMachineTime, parseProcessSeconds } from "../../bench/cpu.ts";

Deno.test("parseMachineTime() reads the idle and stolen time of all CPUs", () => {
  const text = "cpu  100 0 200 1000 50 3 4 75 9 0\ncpu0 50 0 100 500 25 1 2 30 4 0\n";
  assertEquals(parseMachineTime(text), { idle: 10.5, steal: 0.75 });
});

Deno.test("parseProcessSeconds() accepts any program name", () => {
  const text = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 150 0 0 20 0 5 0 100 0 0";
  assertEquals(parseProcessSeconds(text), 4);
});
