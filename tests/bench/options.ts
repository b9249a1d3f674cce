// The bench's command line.
import {
  describeFlags,
  type Flags,
  integer,
  readFlags,
  UsageError,
} from "../../src/cli/options.ts";
import { type Path, PATHS } from "./paths/mod.ts";

/** What can be measured, in the order in which it is. */
export const MEASURES = ["rate", "latency", "saturation", "setup", "lossy"] as const;
/** One of {@linkcode MEASURES}. */
export type Measure = typeof MEASURES[number];

/** What was asked for. */
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
  rounds: { value: "N", help: "How often to measure each path (3); the medians are reported." },
  paths: { value: "LIST", help: `Which paths, by comma (${NAMES}).` },
  measures: {
    value: "LIST",
    help: `Which measures, by comma (${MEASURES.join(",")}; with --quick all but setup).`,
  },
  setup: { help: "Measure the opening of sessions too, also with --quick." },
  json: {
    value: "FILE",
    help: "Where to write every trial's result (tests/bench/results/, dated).",
  },
};

/** The help. */
export const BENCH_HELP = `Usage: deno task bench [flags]

Measures pppoe-proxy and other ways to carry PPPoE, in network namespaces of this machine, one after
the other: the highest rate without loss, latency, CPU, memory, what happens to control frames when
the tunnel is full, how fast sessions open, and how much arrives over a path that loses packets, where
the default congestion control is cubic. Needs root, and ip and tc from iproute2.

${describeFlags(FLAGS)}
`;

/**
 * Reads it.
 *
 * @returns What was asked for; undefined when it was for help.
 * @throws {UsageError} If it can't be understood.
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
  return text?.split(",").map((word) => {
    if (words.includes(word as T)) return word as T;
    throw new UsageError(`--${flag} knows ${words.join(", ")}, not "${word}"`);
  });
}
