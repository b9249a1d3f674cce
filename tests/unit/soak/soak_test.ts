// A short soak, and a check that a schedule can be repeated.

import { assertEquals } from "@std/assert";
import { runSchedule } from "../../soak/schedule.ts";

const SCHEDULES = 400;
const SEED = 1;
const [drawn] = crypto.getRandomValues(new Uint32Array(1));

for (const seed of [SEED, drawn]) {
  Deno.test(`${SCHEDULES} schedules of relays and tunnels pass with seed ${seed}`, () => {
    for (let schedule = 0; schedule < SCHEDULES; schedule++) {
      const { failure } = runSchedule({ seed, schedule });
      const told = failure && [
        ...failure.last,
        failure.what,
        `deno task soak --seed ${seed} --schedule ${schedule}`,
      ].join("\n");
      assertEquals(told, undefined);
    }
  });
}

Deno.test("A schedule has the same outcome each time", () => {
  for (let schedule = 0; schedule < 20; schedule++) {
    assertEquals(runSchedule({ seed: drawn, schedule }), runSchedule({ seed: drawn, schedule }));
  }
});
