// deno task soak: runs random schedules of relays, tunnels, hosts and ACs until the time is up or one fails.

import type { Flags } from "../../src/cli/flags.ts";
import { describeFlags, integer, readFlags, UsageError } from "../../src/cli/options.ts";
import { Progress } from "../../src/progress.ts";
import { runSchedule, type ScheduleOptions, shorten } from "./schedule.ts";

const FLAGS: Flags = {
  seed: { value: "N", help: "The seed of all schedules (random, and printed)." },
  minutes: { value: "M", help: "The time to run, in minutes (1)." },
  schedules: { value: "N", help: "The number of schedules to run, however long that takes." },
  schedule: { value: "K", help: "Run only this schedule, and print its last events if it fails." },
  "keep-going": { help: "Only list failed schedules, and keep going." },
  "cut-ms": { value: "MS", help: "End the active part of each schedule after this time." },
};

const HELP = `Usage: deno task soak [flags]

Simulates clients, servers, hosts and ACs, and everything that can go wrong between them, in random
schedules that a seed determines. Checks that each frame reaches its owner, that each session ends
properly, and that no session ends that could continue.

${describeFlags(FLAGS)}

Exit status: 0 if all schedules passed, 1 if one failed, 2 if the command line is wrong.
`;

const MOST = 2 ** 31;

const progress = new Progress();

function print(text: string): void {
  progress.clear();
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

function report(options: ScheduleOptions): void {
  const { failure } = runSchedule(options);
  const { seed, schedule, cutMs } = options;
  const cut = cutMs === undefined ? "" : ` --cut-ms ${cutMs}`;
  for (const line of failure!.last) print(line);
  print(`FAILED after ${failure!.atMs} ms: ${failure!.what}`);
  print(`Repeat it with: deno task soak --seed ${seed} --schedule ${schedule}${cut}`);
}

function soak(args: string[]): number {
  const given = readFlags(FLAGS, args);
  if (given.has("help")) {
    print(HELP);
    return 0;
  }
  const [drawn] = crypto.getRandomValues(new Uint32Array(1));
  const seed = integer(given, "seed", 0, MOST * 2) ?? drawn;
  const only = integer(given, "schedule", 0, MOST);
  const most = integer(given, "schedules", 1, MOST);
  const cutMs = integer(given, "cut-ms", 0, MOST);
  const minutes = integer(given, "minutes", 1, 100_000) ?? 1;
  if (only !== undefined) {
    const options = { seed, schedule: only, cutMs };
    const { failure, events } = runSchedule(options);
    if (failure !== undefined) report(options);
    else print(`Schedule ${only} of seed ${seed} passed, with ${events} events`);
    return failure === undefined ? 0 : 1;
  }
  print(`Seed ${seed}`);
  const counts = new Map<string, number>();
  const beganMs = performance.now();
  const spentMs = () => performance.now() - beganMs;
  let events = 0;
  let schedule = 0;
  let failed = 0;
  for (; most === undefined ? spentMs() < minutes * 60_000 : schedule < most; schedule++) {
    const bad = failed === 0 ? "" : `, ${failed} failed`;
    progress.show(`Schedule ${schedule} of seed ${seed}, ${events} events${bad}`);
    const options = { seed, schedule, cutMs };
    const outcome = runSchedule(options);
    events += outcome.events;
    for (const [what, count] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    if (outcome.failure === undefined) continue;
    print(`Schedule ${schedule} failed: ${outcome.failure.what}`);
    failed++;
    if (given.has("keep-going")) continue;
    progress.show("Shortening the schedule");
    report(shorten(options, outcome));
    return 1;
  }
  progress.end();
  const seconds = spentMs() / 1000;
  for (const [what, count] of [...counts].sort()) print(`${String(count).padStart(10)}  ${what}`);
  print(
    `${schedule - failed} of ${schedule} schedules passed: ${events} events in ${
      seconds.toFixed(1)
    } s, ` +
      `${Math.round(schedule / seconds * 60)} schedules per minute`,
  );
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exitCode = soak(Deno.args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    print(error.message);
    Deno.exitCode = 2;
  }
}
