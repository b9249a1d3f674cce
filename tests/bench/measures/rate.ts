// The highest rate without loss.

import { memoryOf } from "../cpu.ts";
import type { Trial, TrialResult } from "../load/load.ts";
import { searchRate } from "../rate_search.ts";
import type { Subject } from "./measure.ts";

/** Share of lost frames below which a rate counts as free of loss. */
const LOSS_LIMIT = 0.001;
const OVERLOAD_RATE = 300_000;
const LEAST_RATE = 1000;
const RESOLUTION = 0.03;
const MOST_RATE = 1_000_000;

type Combination = Pick<Trial, "frameBytes" | "sessions" | "direction">;

const QUICK: Combination[] = [
  { frameBytes: 1514, sessions: 1, direction: "up" },
  { frameBytes: 1514, sessions: 100, direction: "up" },
  { frameBytes: 1514, sessions: 1, direction: "both" },
  { frameBytes: 100, sessions: 1, direction: "up" },
];

const FULL: Combination[] = (["up", "both"] as const).flatMap((direction) =>
  [1514, 100].flatMap((frameBytes) =>
    [1, 100].map((sessions) => ({ frameBytes, sessions, direction }))
  )
);

/** Measures the rates, and then the memory use. */
export async function measureRates(subject: Subject): Promise<void> {
  for (const combination of subject.quick ? QUICK : FULL) {
    const { frameBytes, sessions, direction } = combination;
    const name = `rate.${frameBytes}.${sessions}.${direction}`;
    await subject.measure(name, async () => ({ [name]: await search(subject, name, combination) }));
  }
  const { pids } = subject.running;
  if (pids.length === 0) return;
  const { rss, highest } = memoryOf(pids);
  subject.figures["memory.rss"] = { value: rss };
  subject.figures["memory.highest"] = { value: highest };
}

async function search(subject: Subject, name: string, combination: Combination) {
  const { quick } = subject;
  const seconds = quick ? 0.4 : 1;
  const ways = combination.direction === "both" ? 2 : 1;
  const run = (rate: number) => subject.trial(name, { ...combination, rate, seconds });
  // An overload warms up the path and gives a first estimate of the rate.
  const overload = await run(OVERLOAD_RATE / ways);
  const carried = arrived(overload) / seconds / ways;
  const { rate, atLeast } = await searchRate(async (asked) => {
    const result = await run(asked);
    return { offered: offered(result) / ways, passed: loss(result) < LOSS_LIMIT };
  }, {
    start: carried * 0.9,
    least: LEAST_RATE,
    most: MOST_RATE / ways,
    resolution: RESOLUTION,
  });
  return { value: rate * ways, atLeast };
}

function arrived({ up, down }: TrialResult): number {
  return up.received.frames + down.received.frames;
}

function offered({ up, down }: TrialResult): number {
  return up.rate + down.rate;
}

function loss({ up, down }: TrialResult): number {
  return Math.max(up.loss, down.loss);
}
