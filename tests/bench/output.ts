// The output of a run: the printed report and the JSON file.

import { medianFigures } from "./figures.ts";
import { type KeptTrial, LIMIT, type Subject } from "./measures/mod.ts";
import { Progress } from "../../src/progress.ts";
import { systemCongestionControl } from "../../ffi/mod.ts";
import type { BenchOptions } from "./options.ts";
import type { Path } from "./paths/mod.ts";
import { ratioLines, ratios, table } from "./report.ts";

const encoder = new TextEncoder();
const alive = new Progress();

/** Writes a line to standard output. */
export function print(line = ""): void {
  alive.end();
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}

/** Writes a line about the progress to standard error. */
export function progress(line: string): void {
  alive.clear();
  Deno.stderr.writeSync(encoder.encode(`${line}\n`));
}

/** Shows on a terminal what is being measured, and since when. */
export function measuring(text: string): void {
  alive.show(text);
}

/** Writes a line to standard error at the end of the run. */
export function complain(line: string): void {
  alive.end();
  Deno.stderr.writeSync(encoder.encode(`${line}\n`));
}

/** Erases what a terminal shows of the progress. */
export function endProgress(): void {
  alive.end();
}

/** The result of a path in a round. */
export interface PathRun {
  round: number;
  path: Path;
  subject: Subject;
}

/** Prints the table with explanations, and writes the JSON file. */
export async function report(
  runs: PathRun[],
  skipped: Record<string, string>,
  options: BenchOptions,
  totals: { stealShare: number; seconds: number; startedAt: Date },
): Promise<void> {
  const columns = options.paths.flatMap((path) => {
    const figures = runs.filter((run) => run.path === path).map(({ subject }) => subject.figures);
    return figures.length === 0
      ? []
      : [{ name: path.name, note: path.note, figures: medianFigures(figures) }];
  });
  const versions = await readVersions();
  const cpus = navigator.hardwareConcurrency;

  print(
    `pppoe-proxy bench: ${cpus} CPUs, Linux ${versions.kernel}, Deno ${versions.deno}, ` +
      `OpenVPN ${versions.openvpn}, TCP congestion control ${versions.congestion} by default; ` +
      `${options.rounds} round${options.rounds === 1 ? "" : "s"}, ` +
      `${Math.round(totals.seconds)} s`,
  );
  print();
  print(table(columns));
  print();
  for (const { name, note } of columns) print(`${name}: ${note}`);
  for (const [name, reason] of Object.entries(skipped)) print(`${name}: skipped: ${reason}`);
  print("≥: the generator reached its limit; the path may carry more.");
  print(
    "CPU: paths in the kernel have no processes, and the sender (the bench) does much of their work; compare them by the CPU time of the whole machine.",
  );
  print(ratioLines(columns) && `\n${ratioLines(columns)}\n`);
  for (const line of remarks(runs)) print(line);
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  print(`CPU time stolen from this machine during the run: ${percent(totals.stealShare)}`);
  const unsure = columns.some(({ figures }) => Object.values(figures).some((f) => f.unsure));
  if (unsure) {
    print(
      `?: unsure. In at least half of the rounds more than ${
        percent(LIMIT.steal)
      } of the CPU time was ` +
        `stolen, or more than ${percent(LIMIT.foreign)} was used by something else.`,
    );
  }

  const file = options.json ?? await defaultFile(totals.startedAt);
  const json = {
    date: totals.startedAt.toISOString(),
    versions,
    cpus,
    options: { ...options, paths: options.paths.map(({ name }) => name) },
    seconds: totals.seconds,
    stealShare: totals.stealShare,
    skipped,
    medians: Object.fromEntries(columns.map(({ name, figures }) => [name, figures])),
    ratios: ratios(columns),
    runs: runs.map(({ round, path, subject }) => ({
      round,
      path: path.name,
      figures: subject.figures,
      raw: subject.raw,
      remarks: subject.remarks,
      trials: subject.trials,
    })),
  };
  await Deno.writeTextFile(file, JSON.stringify(json, null, 1) + "\n");
  print(`All trials: ${file}`);
}

function remarks(runs: PathRun[]): string[] {
  const lines: string[] = [];
  for (const { round, path, subject } of runs) {
    const add = (text: string) => lines.push(`round ${round}, ${path.name}: ${text}`);
    subject.remarks.forEach(add);
    const faults = faultsOf(subject.trials);
    if (faults) add(`in all trials together: ${faults}`);
    const drops = Object.entries((subject.raw.drops ?? {}) as Record<string, number>);
    if (drops.length > 0) {
      add(`drops counted by the path: ${drops.map(([reason, n]) => `${reason} ${n}`).join(", ")}`);
    }
  }
  return lines;
}

/** Describes the faults that no path should have under any load. */
function faultsOf(trials: KeptTrial[]): string {
  const sums = { duplicates: 0, reordered: 0, wrong: 0, misdelivered: 0 };
  const names = Object.keys(sums) as (keyof typeof sums)[];
  for (const { up, down, controlUp, controlDown } of trials) {
    for (const { received } of [up, down, controlUp, controlDown]) {
      for (const name of names) sums[name] += received[name];
    }
  }
  return names.filter((name) => sums[name] > 0).map((name) => `${sums[name]} ${name}`).join(", ");
}

async function defaultFile(date: Date): Promise<string> {
  const folder = new URL("./results", import.meta.url).pathname;
  await Deno.mkdir(folder, { recursive: true });
  return `${folder}/${date.toISOString().replaceAll(":", "-").slice(0, 19)}.json`;
}

async function readVersions() {
  const openvpn = await new Deno.Command("openvpn", { args: ["--version"] }).output()
    .then(({ stdout }) => new TextDecoder().decode(stdout).split(" ")[1])
    .catch(() => "none");
  const congestion = systemCongestionControl();
  return { deno: Deno.version.deno, kernel: Deno.osRelease(), openvpn, congestion };
}
