// The thread that fuzzes: gives each target a short time in turn.

import { readCorpus, writeCorpus } from "./corpus.ts";
import { type Finding, Fuzzer } from "./fuzzer.ts";
import { type Order, type Report, type TargetReport, Watched } from "./messages.ts";
import { OWN_PARTS } from "./parts.ts";
import { PLANTED } from "./planted.ts";
import { makeTargets } from "./targets.ts";

/** The time of a target before it is the next one's turn. */
const TURN_MS = 100;

declare const self: {
  onmessage: (event: MessageEvent<Order>) => void;
  postMessage(message: Report): void;
  close(): void;
};

/** Runs all targets until the time is over, or something does not hold. */
async function fuzz(order: Order): Promise<Report> {
  const { seed, planted, seconds, runs } = order;
  const watched = new Watched(order.watched);
  const parts = planted === undefined ? OWN_PARTS : PLANTED[planted].plant();
  const targets = makeTargets(parts).filter(({ name }) => order.targets.includes(name));
  const spentMs = new Map<Fuzzer, number>();
  const fuzzers = targets.map((target, at) =>
    new Fuzzer(target, seed, readCorpus(target.name), (input) => watched.begin(at, input))
  );
  try {
    if (order.input !== undefined) return await runOnce(fuzzers[0], order.input);
    const endMs = performance.now() + seconds * 1000;
    for (let left = fuzzers; left.length > 0 && performance.now() < endMs;) {
      for (const fuzzer of left) {
        const began = performance.now();
        const turnMs = TURN_MS * (fuzzer.target.share ?? 1);
        while (performance.now() < began + turnMs && fuzzer.runs < runs) {
          const finding = await fuzzer.step();
          if (finding !== undefined) return await told(fuzzer, finding);
        }
        spentMs.set(fuzzer, (spentMs.get(fuzzer) ?? 0) + performance.now() - began);
      }
      left = left.filter((fuzzer) => fuzzer.runs < runs);
    }
    if (order.save) { for (const { target, kept } of fuzzers) writeCorpus(target.name, kept); }
    const report = (fuzzer: Fuzzer): TargetReport => ({
      name: fuzzer.target.name,
      runs: fuzzer.runs,
      outcomes: fuzzer.outcomes.size,
      kept: fuzzer.kept.length,
      seconds: (spentMs.get(fuzzer) ?? 0) / 1000,
    });
    return { type: "done", targets: fuzzers.map(report) };
  } finally {
    for (const target of targets) target.dispose?.();
  }
}

async function runOnce(fuzzer: Fuzzer, input: Uint8Array): Promise<Report> {
  const target = fuzzer.target.name;
  const what = await fuzzer.check(input);
  if (what === undefined) {
    const report = { name: target, runs: 1, outcomes: 1, kept: 1, seconds: 0 };
    return { type: "done", targets: [report] };
  }
  return { type: "finding", finding: { target, input, what, run: 0 }, wholeInput: input.length };
}

async function told(fuzzer: Fuzzer, finding: Finding): Promise<Report> {
  const shortened = await fuzzer.shorten(finding);
  return { type: "finding", finding: shortened, wholeInput: finding.input.length };
}

self.onmessage = async ({ data }) => {
  self.postMessage(await fuzz(data));
  self.close();
};
