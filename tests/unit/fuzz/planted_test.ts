// Planted faults, which the fuzzer must find.

import { assert, assertEquals } from "@std/assert";
import { parseDiscovery } from "../../../src/wire/mod.ts";
import { type Finding, Fuzzer } from "../../fuzz/fuzzer.ts";
import { ENDLESS, PLANTED } from "../../fuzz/planted.ts";
import { Watched } from "../../fuzz/messages.ts";
import { makeTargets } from "../../fuzz/targets.ts";
import { carryOut } from "../../fuzz/watch.ts";

const SEED = 1;
/** The maximum number of runs that a rare fault takes. */
const RUNS = 20_000;

for (const [fault, { targets, plant }] of Object.entries(PLANTED)) {
  if (fault === ENDLESS) continue;
  for (const name of targets) {
    Deno.test(`A fuzz of ${name} finds ${fault}`, async () => {
      const make = () => makeTargets(plant()).find((target) => target.name === name)!;
      const fuzzer = new Fuzzer(make(), SEED, []);
      let finding: Finding | undefined;
      while (finding === undefined) {
        assert(fuzzer.runs < RUNS, `${RUNS} runs have found nothing`);
        finding = await fuzzer.step();
      }
      const shortened = await fuzzer.shorten(finding);
      assert(shortened.input.length <= finding.input.length);
      // A new fuzzer finds the same, with the input alone.
      const [first] = shortened.what.split("\n");
      const repeated = await new Fuzzer(make(), SEED + 1, []).check(shortened.input);
      assertEquals(repeated?.split("\n")[0], first);
      const told = `found by run ${finding.run}: ${first}\n`;
      Deno.stderr.writeSync(new TextEncoder().encode(told));
    });
  }
}

Deno.test(`A fuzz finds ${ENDLESS}, with the input, and can stop it`, async () => {
  const watched = new Watched();
  const { targets } = PLANTED[ENDLESS];
  const order = {
    seed: SEED,
    targets,
    planted: ENDLESS,
    seconds: Infinity,
    runs: RUNS,
    input: undefined,
    save: false,
    watched: watched.buffer,
  };
  const report = await carryOut(order, watched, () => {}, 1000);
  assert(report.type === "finding");
  const { target, what, input } = report.finding;
  assertEquals([target, what], ["discovery-frames", "It does not end in 1 s"]);
  assertEquals(parseDiscovery(input)?.tags.length, 3);
});
