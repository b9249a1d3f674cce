// The soak finds faults.

import { assert, assertEquals } from "@std/assert";
import { PLANTED } from "../../soak/planted.ts";
import { runSchedule, shorten } from "../../soak/schedule.ts";

const SEED = 1;
/** A fault that shows rarely takes so many schedules at most. */
const SCHEDULES = 2000;

for (const [fault, plant] of Object.entries(PLANTED)) {
  Deno.test(`A soak finds a relay that ${fault}`, () => {
    let failed = 0;
    while (
      runSchedule({ seed: SEED, schedule: failed, makeRelay: plant() }).failure === undefined
    ) {
      failed++;
      assert(failed < SCHEDULES, `${SCHEDULES} schedules held`);
    }
    const { failure } = runSchedule({ seed: SEED, schedule: failed, makeRelay: plant() });
    Deno.stderr.writeSync(
      new TextEncoder().encode(`found by schedule ${failed + 1}: ${failure!.what}\n`),
    );
  });
}

Deno.test("A schedule that fails can be shortened, and still fails", () => {
  const makeRelay = PLANTED["never ends the grace"]();
  let schedule = 0;
  let outcome = runSchedule({ seed: SEED, schedule, makeRelay });
  while (outcome.failure === undefined) {
    outcome = runSchedule({ seed: SEED, schedule: ++schedule, makeRelay });
  }
  const short = shorten({ seed: SEED, schedule, makeRelay }, outcome);
  const shortened = runSchedule(short);
  assert(shortened.failure !== undefined);
  assert(shortened.activeMs <= outcome.activeMs);
  assertEquals(runSchedule(short), shortened);
});
