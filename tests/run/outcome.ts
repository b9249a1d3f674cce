// Parses the output of `deno test`, and adds up several outcomes.

/** The numbers in the closing line. */
export interface Counts {
  passed: number;
  steps: number;
  failed: number;
  ignored: number;
  filteredOut: number;
}

/** The numbers before any test has run. */
export const NO_COUNTS: Readonly<Counts> = {
  passed: 0,
  steps: 0,
  failed: 0,
  ignored: 0,
  filteredOut: 0,
};

/** The outcome of one run of `deno test`. */
export interface Outcome {
  counts: Counts;
  /** The list of tests, without the errors and the closing line; empty if none ran. */
  list: string;
  /** The failed tests and their errors; empty if none failed. */
  errors: string;
}

const CLOSING = /^(ok|FAILED) \| \d+ passed.*$/m;
const ERRORS = /^ ERRORS $/m;
const FAILURES = /^ FAILURES $/m;

/**
 * Parses the output of a run. A run that failed without a failed test, for example because a file could not be
 * loaded, counts as one failure, with the whole output as its error.
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

/** Adds up numbers. */
export function sum(counts: readonly Counts[]): Counts {
  const total = { ...NO_COUNTS };
  for (const each of counts) {
    for (const name of Object.keys(total) as (keyof Counts)[]) total[name] += each[name];
  }
  return total;
}

/** Formats the closing line as `deno test` does. */
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
