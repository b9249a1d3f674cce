// Planted faults, which the fuzzer must find.

import { assert, assertEquals } from "@std/assert";
import { type Finding, Fuzzer } from "../../fuzz/fuzzer.ts";
import { PLANTED } from "../../fuzz/planted.ts";
import { makeTargets } from "../../fuzz/targets.ts";

const SEED = 1;
/** The maximum number of runs that a rare fault takes. */
const RUNS = 20_000;

for (const [fault, { targets, plant }] of Object.entries(PLANTED)) {
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
