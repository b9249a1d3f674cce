// deno task test: all tests, or those in the files and folders that are named, several files at a time. Flags are
// passed to `deno test`.

import { closingLine, type Counts, readOutcome, sum } from "./outcome.ts";
import { type Job, planRun, type TestFile } from "./plan.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const ALL = ["tests"];
/** Flags of `deno test` whose value is the next argument. */
const WITH_VALUE = ["--filter"];
const TEST_FILE = /_test\.ts$/;
/** Most tests wait more than they compute. */
const AT_ONCE_PER_CPU = 4;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const encoder = new TextEncoder();
const running = new Set<Deno.ChildProcess>();

function print(text: string): void {
  const bytes = encoder.encode(`${text}\n`);
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

/** Tells files and folders from flags. */
function readArguments(args: string[]): { paths: string[]; flags: string[] } {
  const paths: string[] = [];
  const flags: string[] = [];
  for (let at = 0; at < args.length; at++) {
    if (!args[at].startsWith("-")) paths.push(args[at]);
    else {
      flags.push(args[at]);
      if (WITH_VALUE.includes(args[at]) && at + 1 < args.length) flags.push(args[++at]);
    }
  }
  return { paths, flags };
}

/** The files of tests at a path, from the project's folder. */
function find(path: string): TestFile[] {
  const full = path.startsWith("/") ? path : `${ROOT}${path}`;
  const { isDirectory, size } = Deno.statSync(full);
  if (!isDirectory) return [{ path: full.replace(ROOT, ""), bytes: size }];
  return [...Deno.readDirSync(full)].flatMap((entry) => {
    const inside = `${full.replace(/\/$/, "")}/${entry.name}`;
    return entry.isDirectory || TEST_FILE.test(entry.name) ? find(inside) : [];
  });
}

async function readAll(stream: ReadableStream<Uint8Array>, pieces: string[]): Promise<void> {
  const text = stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>);
  for await (const piece of text) pieces.push(piece);
}

async function deno(args: string[]): Promise<{ output: string; code: number }> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  running.add(child);
  try {
    // In the order in which it comes, as far as two pipes can tell.
    const pieces: string[] = [];
    await Promise.all([readAll(child.stdout, pieces), readAll(child.stderr, pieces)]);
    const { code } = await child.status;
    return { output: pieces.join(""), code };
  } finally {
    running.delete(child);
  }
}

async function main(args: string[]): Promise<number> {
  const startMs = performance.now();
  const { paths, flags } = readArguments(args);
  const files = (paths.length === 0 ? ALL : paths).flatMap(find);
  const { together, alone } = planRun(files);
  const atOnce = AT_ONCE_PER_CPU * navigator.hardwareConcurrency;
  const cpus = navigator.hardwareConcurrency;
  if (paths.length === 0) {
    print(
      `${files.length} files of tests, ${atOnce} at a time: about 2 minutes on two CPUs (${cpus} here)`,
    );
  }
  const counts: Counts[] = [];
  const errors: string[] = [];
  const run = async ({ name, files }: Job) => {
    const since = performance.now();
    const { output, code } = await deno(["test", "-A", "--no-check", ...flags, ...files]);
    const outcome = readOutcome(output, code);
    counts.push(outcome.counts);
    if (outcome.errors !== "") errors.push(outcome.errors);
    print(outcome.list);
    print(
      `# ${name} ${Math.round(performance.now() - since)} ms, ended at ${
        Math.round(performance.now() - startMs)
      }`,
    );
  };
  const types = deno(["test", "--no-run", ...files.map(({ path }) => path)]).then(
    ({ output, code }) => {
      print(`# types ended at ${Math.round(performance.now() - startMs)}`);
      if (code === 0) return;
      counts.push({ ...sum([]), failed: 1 });
      errors.push(output.trim());
    },
  );
  const waiting = together.values();
  const lanes = Array.from({ length: atOnce }, async () => {
    for (const job of waiting) await run(job);
  });
  await Promise.all([types, ...lanes]);
  for (const job of alone) await run(job);
  const total = sum(counts);
  if (errors.length > 0) print(`\n ERRORS \n\n${errors.join("\n\n")}`);
  print(`\n${closingLine(total, performance.now() - startMs)}`);
  return total.failed === 0 ? 0 : 1;
}

for (const signal of SIGNALS) {
  Deno.addSignalListener(signal, () => {
    for (const child of running) child.kill("SIGTERM");
    Deno.exit(130);
  });
}
Deno.exit(await main(Deno.args));
