// Output of one `deno test`, taken apart, and the sum of several.

/** Numbers of the closing line. */
export interface Counts {
  passed: number;
  steps: number;
  failed: number;
  ignored: number;
  filteredOut: number;
}

/** Nothing at all. */
export const NO_COUNTS: Readonly<Counts> = {
  passed: 0,
  steps: 0,
  failed: 0,
  ignored: 0,
  filteredOut: 0,
};

/** What one run of `deno test` said. */
export interface Outcome {
  counts: Counts;
  /** The list of tests, without what comes behind it; empty where none ran. */
  list: string;
  /** What failed and why; empty where nothing did. */
  errors: string;
}

const CLOSING = /^(ok|FAILED) \| \d+ passed.*$/m;
const ERRORS = /^ ERRORS $/m;
const FAILURES = /^ FAILURES $/m;

/**
 * Takes the output apart. A run that failed without a failed test, such as one whose file can't be loaded, counts as
 * one failure with its whole output.
 *
 * @param output Standard output and standard error, without colours
 * @param code The exit status
 */
export function readOutcome(output: string, code: number): Outcome {
  const closing = CLOSING.exec(output);
  const line = closing?.[0] ?? "";
  const number = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(line)?.[1] ?? 0);
  const counts = {
    passed: number("passed"),
    steps: number("steps?"),
    failed: number("failed"),
    ignored: number("ignored"),
    filteredOut: number("filtered out"),
  };
  if (code !== 0 && counts.failed === 0) {
    return { counts: { ...counts, failed: 1 }, list: "", errors: output.trim() };
  }
  const said = output.slice(0, closing?.index);
  const at = ERRORS.exec(said)?.index ?? said.length;
  const end = FAILURES.exec(said)?.index ?? said.length;
  const errors = said.slice(at, end).replace(ERRORS, "").trim();
  const ran = counts.passed + counts.failed + counts.ignored > 0;
  return { counts, list: ran ? said.slice(0, at).trim() : "", errors };
}

/** Adds numbers up. */
export function sum(counts: readonly Counts[]): Counts {
  const total = { ...NO_COUNTS };
  for (const each of counts) {
    for (const name of Object.keys(total) as (keyof Counts)[]) total[name] += each[name];
  }
  return total;
}

/** The closing line in the form that `deno test` gives it. */
export function closingLine(counts: Counts, ms: number): string {
  const { passed, steps, failed, ignored, filteredOut } = counts;
  const parts = [
    failed === 0 ? "ok" : "FAILED",
    `${passed} passed${steps === 0 ? "" : ` (${steps} step${steps === 1 ? "" : "s"})`}`,
    `${failed} failed`,
  ];
  if (ignored > 0) parts.push(`${ignored} ignored`);
  if (filteredOut > 0) parts.push(`${filteredOut} filtered out`);
  return `${parts.join(" | ")} (${time(ms)})`;
}

function time(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
