// The command line of the benchmark.

import type { Flags } from "../../src/cli/flags.ts";
import { describeFlags, integer, readFlags, UsageError } from "../../src/cli/options.ts";
import { type Path, PATHS } from "./paths/mod.ts";

/** The measures in their order. */
export const MEASURES = ["rate", "latency", "saturation", "setup", "lossy"] as const;
/** One of {@linkcode MEASURES}. */
export type Measure = typeof MEASURES[number];

/** The options of a run. */
export interface BenchOptions {
  quick: boolean;
  rounds: number;
  paths: Path[];
  measures: Measure[];
  json?: string;
}

const NAMES = PATHS.map(({ name }) => name).join(",");
const FLAGS: Flags = {
  quick: { help: "One round, fewer combinations, shorter trials: under three minutes." },
  rounds: { value: "N", help: "Number of rounds per path (3). The medians are reported." },
  paths: { value: "LIST", help: `Paths to measure, separated by commas (${NAMES}).` },
  measures: {
    value: "LIST",
    help: `Measures, separated by commas (${MEASURES.join(",")}; with --quick all but setup).`,
  },
  setup: { help: "Measure the opening of sessions even with --quick." },
  json: {
    value: "FILE",
    help: "File for the results of all trials (a dated one in tests/bench/results/).",
  },
};

/** The help text. */
export const BENCH_HELP = `Usage: deno task bench [flags]

Measures pppoe-proxy and other ways to carry PPPoE, one after the other, in network namespaces of this
machine: the highest rate without loss, latency, CPU time, memory, the fate of control frames in a full
tunnel, the rate at which sessions open, and the share of frames that arrive over a path that loses
packets, with cubic as the default congestion control. Needs root, and ip and tc from iproute2.

${describeFlags(FLAGS)}
`;

/**
 * Parses the command line.
 *
 * @param args The command line
 * @returns The options, or undefined if the help was requested
 * @throws {UsageError} If the command line is wrong
 */
export function readOptions(args: string[]): BenchOptions | undefined {
  const given = readFlags(FLAGS, args);
  if (given.has("help") || given.has("version")) return undefined;
  const quick = given.has("quick");
  const measures = MEASURES.filter((measure) => !quick || measure !== "setup");
  const wanted = listed(given.value("measures"), "measures", MEASURES) ?? measures;
  if (given.has("setup") && !wanted.includes("setup")) wanted.push("setup");
  const names = listed(given.value("paths"), "paths", PATHS.map(({ name }) => name));
  return {
    quick,
    rounds: integer(given, "rounds", 1, 100) ?? (quick ? 1 : 3),
    paths: PATHS.filter(({ name }) => names?.includes(name) ?? true),
    measures: MEASURES.filter((measure) => wanted.includes(measure)),
    json: given.value("json"),
  };
}

function listed<T extends string>(
  text: string | undefined,
  flag: string,
  words: readonly T[],
): T[] | undefined {
  // The name of a path may contain a comma, with a space behind it.
  return text?.split(/,(?! )/).map((word) => {
    if (words.includes(word as T)) return word as T;
    throw new UsageError(`Unknown "${word}" in --${flag}; there are ${words.join(", ")}`);
  });
}
