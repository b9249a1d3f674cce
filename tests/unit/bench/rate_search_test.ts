import { assert, assertEquals } from "@std/assert";
import { searchRate } from "../../bench/rate_search.ts";

const OPTIONS = { start: 50_000, least: 1000, most: 400_000, resolution: 0.03 };

/** Makes a trial of a path with a maximum rate, by a generator with a maximum rate. */
function path(carries: number, generates = Infinity) {
  const asked: number[] = [];
  const attempt = (rate: number) => {
    asked.push(rate);
    const offered = Math.min(rate, generates);
    return Promise.resolve({ offered, passed: offered <= carries });
  };
  return { asked, attempt };
}

for (const carries of [1500, 20_000, 49_000, 51_000, 180_000]) {
  Deno.test(`searchRate() finds the rate within its resolution for a path that carries ${carries}`, async () => {
    const { attempt } = path(carries);
    const { rate, atLeast } = await searchRate(attempt, OPTIONS);
    assert(rate <= carries && rate >= carries / 1.03, String(rate));
    assertEquals(atLeast, false);
  });
}

Deno.test("searchRate() sets atLeast when the generator reaches its limit first", async () => {
  const { attempt } = path(300_000, 120_000);
  assertEquals(await searchRate(attempt, OPTIONS), { rate: 120_000, atLeast: true });
});

Deno.test("searchRate() sets atLeast when it reaches the highest rate allowed", async () => {
  const { attempt } = path(Infinity);
  assertEquals(await searchRate(attempt, OPTIONS), { rate: 400_000, atLeast: true });
});

Deno.test("searchRate() returns 0 when nothing passes", async () => {
  const { attempt } = path(0);
  assertEquals(await searchRate(attempt, OPTIONS), { rate: 0, atLeast: false });
});

Deno.test("searchRate() tries a failed rate a second time", async () => {
  const { attempt, asked } = path(100_000);
  let trials = 0;
  const { rate } = await searchRate(async (rate) => {
    const outcome = await attempt(rate);
    return { ...outcome, passed: outcome.passed && trials++ % 2 === 1 };
  }, OPTIONS);
  assert(rate <= 100_000 && rate >= 97_000, String(rate));
  assertEquals(asked.slice(0, 2), [50_000, 50_000]);
});

Deno.test("searchRate() stays within its bounds when it starts outside them", async () => {
  const { attempt, asked } = path(20_000);
  await searchRate(attempt, { ...OPTIONS, start: 0 });
  await searchRate(attempt, { ...OPTIONS, start: 1e9 });
  assert(asked.every((rate) => rate >= OPTIONS.least && rate <= OPTIONS.most));
});
