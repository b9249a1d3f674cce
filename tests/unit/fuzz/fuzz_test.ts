// A short fuzz, and checks that it can be repeated and finds what it is meant to find.

import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { readCorpus } from "../../fuzz/corpus.ts";
import { Fuzzer, SLOW_MS } from "../../fuzz/fuzzer.ts";
import { OWN_PARTS } from "../../fuzz/parts.ts";
import { compareWithTshark, missingTshark } from "../../fuzz/tshark.ts";
import type { Target } from "../../fuzz/target.ts";
import { makeTargets } from "../../fuzz/targets.ts";
import { testUnless } from "../../support/skip.ts";

const [drawn] = crypto.getRandomValues(new Uint32Array(1));
/** The numbers of runs of a target that is slow, and of others. */
const RUNS = { slow: 60, others: 400 };
const CORPUS_MAX = 200_000;

/** Makes a target that only does what it is told. */
function targetOf(run: Target["run"]): Target {
  return { name: "test", maxBytes: 40, generate: (random) => random.bytes(random.below(30)), run };
}

for (const target of makeTargets(OWN_PARTS)) {
  const { name, share = 1 } = target;

  const title =
    `Everything holds for the corpus of ${name} and for random input, with seed ${drawn}`;
  // The first use of OpenSSL loads its library, which stays.
  Deno.test({ name: title, sanitizeResources: false }, async () => {
    const corpus = readCorpus(name);
    assertGreater(corpus.length, 0);
    const fuzzer = new Fuzzer(target, drawn, corpus);
    const runs = corpus.length + (share > 1 ? RUNS.slow : RUNS.others);
    try {
      while (fuzzer.runs < runs) {
        const finding = await fuzzer.step();
        const told = finding && `${finding.what}\ndeno task fuzz --seed ${drawn} --target ${name}`;
        assertEquals(told, undefined);
      }
    } finally {
      target.dispose?.();
    }
  });
}

Deno.test("The corpus is small, and each of its files belongs to a target", () => {
  const folder = new URL("../../fuzz/corpus/", import.meta.url);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  const expected = makeTargets(OWN_PARTS).map(({ name }) => `${name}.hex`);
  assertEquals(names.sort(), expected.sort());
  const sizes = names.map((name) => Deno.statSync(new URL(name, folder)).size);
  assert(sizes.reduce((sum, size) => sum + size, 0) < CORPUS_MAX);
});

Deno.test("Fuzzer has the same inputs and outcomes each time, whatever else runs", async () => {
  const inputsOf = async (seed: number) => {
    const [target] = makeTargets(OWN_PARTS);
    const inputs: string[] = [];
    const fuzzer = new Fuzzer(target, seed, [], (input) => inputs.push(input.toHex()));
    while (fuzzer.runs < 300) await fuzzer.step();
    return { inputs, outcomes: [...fuzzer.outcomes] };
  };
  const first = await inputsOf(drawn);
  assertEquals(await inputsOf(drawn), first);
  assert((await inputsOf(drawn + 1)).inputs.join() !== first.inputs.join());
});

Deno.test("Fuzzer goes on from inputs with new outcomes to those that only their changes reach", async () => {
  const fuzzer = new Fuzzer(
    targetOf((input) => {
      const word = "PPPoE";
      let right = 0;
      while (right < word.length && input[right] === word.charCodeAt(right)) right++;
      if (right === word.length) throw new Error("all of it");
      return `${right}`;
    }),
    1,
    [],
  );
  // By chance alone, it would take 2^40 runs.
  let finding;
  while (finding === undefined && fuzzer.runs < 200_000) finding = await fuzzer.step();
  assertStringIncludes(finding?.what ?? "", "all of it");
});

Deno.test("Fuzzer shortens an input as long as the same does not hold", async () => {
  const target = targetOf((input) => {
    if (input.includes(0x21)) throw new Error(`found in ${input.length} bytes`);
    if (input.length < 3) throw new Error("another one");
    return "";
  });
  const fuzzer = new Fuzzer(target, 1, []);
  const input = Uint8Array.from({ length: 30 }, (_, at) => at + 10);
  const finding = { target: "test", input, what: (await fuzzer.check(input))!, run: 1 };
  const shortened = await fuzzer.shorten(finding);
  assertEquals(shortened.input, Uint8Array.of(0x21));
  assertStringIncludes(shortened.what, "found in 1 bytes");
});

Deno.test("Fuzzer takes an input for a finding if it is slow again and again, but not once", async () => {
  let nowMs = 0;
  let slow = 1;
  const target = targetOf(() => {
    if (slow-- > 0) nowMs += SLOW_MS + 1;
    return "";
  });
  const fuzzer = new Fuzzer(target, 1, [], () => {}, () => nowMs, () => nowMs);
  assertEquals(await fuzzer.step(), undefined);
  slow = 3;
  assertEquals((await fuzzer.step())?.what, `It takes ${SLOW_MS + 1} ms`);
});

testUnless(missingTshark(), "tshark reads frames as this program does", async () => {
  for (const seed of [1, drawn]) {
    const { differences, explained } = await compareWithTshark(seed, 1000);
    assertEquals(differences, [], `deno task fuzz --tshark --seed ${seed}`);
    assertGreater(explained.size, 3);
  }
});
