import { assert, assertEquals } from "@std/assert";
import { Schedule } from "../../bench/wan/schedule.ts";

Deno.test("Schedule delays a frame by its time on the narrow part and the delay", () => {
  const schedule = new Schedule({ delayMs: 10, lossPercent: 0, mbit: 10 });
  assertEquals(schedule.accept(1000, 1250), 1000 + 1000 + 10_000);
});

Deno.test("Schedule lets frames that arrive together leave one after the other at the rate", () => {
  const schedule = new Schedule({ delayMs: 5, lossPercent: 0, mbit: 100 });
  const leave = Array.from({ length: 4 }, () => schedule.accept(0, 1250));
  assertEquals(leave, [5100, 5200, 5300, 5400]);
  assertEquals(schedule.accept(1000, 1250), 6100);
});

Deno.test("Schedule drops a frame that would wait longer than 50 ms for the narrow part", () => {
  const schedule = new Schedule({ delayMs: 0, lossPercent: 0, mbit: 1 });
  const fates = Array.from({ length: 10 }, () => schedule.accept(0, 1250));
  assertEquals(fates, [10_000, 20_000, 30_000, 40_000, 50_000, 60_000, -2, -2, -2, -2]);
  assertEquals(schedule.accept(10_000, 1250), 70_000);
});

Deno.test("Schedule loses the given share, spread over the frames, and the same frames each time", () => {
  const fates = () => {
    const schedule = new Schedule({ delayMs: 0, lossPercent: 1, mbit: 1000 });
    return Array.from({ length: 100_000 }, (_, n) => schedule.accept(n * 100, 1000) === -1);
  };
  const lost = fates();
  const share = (part: boolean[]) => part.filter((was) => was).length / part.length;
  assert(Math.abs(share(lost) - 0.01) < 0.001, `${share(lost)}`);
  for (let at = 0; at < lost.length; at += 10_000) {
    const part = share(lost.slice(at, at + 10_000));
    assert(part > 0.006 && part < 0.014, `${part}`);
  }
  const pairs = lost.filter((was, at) => was && lost[at + 1]).length;
  assert(pairs < 30, `${pairs} times the next one too`);
  assertEquals(fates(), lost);
});
