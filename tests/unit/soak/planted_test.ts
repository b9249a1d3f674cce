// Planted faults, which the soak must find.

import { assert, assertEquals } from "@std/assert";
import { PLANTED } from "../../soak/planted.ts";
import { runSchedule, shorten } from "../../soak/schedule.ts";

const SEED = 1;
/** The maximum number of schedules that a rare fault takes. */
const SCHEDULES = 2000;

for (const [fault, plant] of Object.entries(PLANTED)) {
  Deno.test(`A soak finds ${fault}`, () => {
    let failed = 0;
    while (
      runSchedule({ seed: SEED, schedule: failed, faults: plant() }).failure === undefined
    ) {
      failed++;
      assert(failed < SCHEDULES, `${SCHEDULES} schedules passed`);
    }
    const { failure } = runSchedule({ seed: SEED, schedule: failed, faults: plant() });
    Deno.stderr.writeSync(
      new TextEncoder().encode(`found by schedule ${failed + 1}: ${failure!.what}\n`),
    );
  });
}

Deno.test("A failing schedule can be shortened and still fails", () => {
  const faults = PLANTED["a relay that never ends the grace time"]();
  let schedule = 0;
  let outcome = runSchedule({ seed: SEED, schedule, faults });
  while (outcome.failure === undefined) {
    outcome = runSchedule({ seed: SEED, schedule: ++schedule, faults });
  }
  const short = shorten({ seed: SEED, schedule, faults }, outcome);
  const shortened = runSchedule(short);
  assert(shortened.failure !== undefined);
  assert(shortened.activeMs <= outcome.activeMs);
  assertEquals(runSchedule(short), shortened);
});
