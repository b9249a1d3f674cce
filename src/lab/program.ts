// A pppoe-proxy process in a network namespace, started as a user would start it.

import { patient } from "./patience.ts";

/** Time that a program has to end after SIGTERM. */
const STOP_MS = patient(3000);
const LINES_KEPT = 100;

/** Environment variables that a child needs to find programs and Deno's cache. */
const ENVIRONMENT = ["PATH", "HOME", "DENO_DIR", "XDG_CACHE_HOME", "TMPDIR", "NO_COLOR"];

/** Options of {@linkcode Program.start}. */
export interface ProgramOptions {
  /** Name of the namespace, not its path. */
  namespace: string;
  /** Subcommand and flags. */
  args: string[];
  /** Command that executes the program, such as unshare(1) or setpriv(1) with flags. */
  before?: string[];
  /** Deno program to run instead of pppoe-proxy. */
  main?: URL;
  /** Called with each line that the program writes to standard error. */
  onLine?: (line: string) => void;
}

/** A running pppoe-proxy. */
export class Program {
  /** Resolves when the program has ended; `code` is the exit status. */
  readonly status: Promise<Deno.CommandStatus>;
  /** The latest lines that the program wrote to standard error. */
  readonly lines: string[] = [];

  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;

  private constructor(options: ProgramOptions) {
    const { namespace, before = [], args, main, onLine } = options;
    // `ip netns exec` replaces itself with the program, so the child process is the program.
    this.#child = new Deno.Command("ip", {
      args: ["netns", "exec", namespace, ...before, ...command(main), ...args],
      clearEnv: true,
      env: environment(),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.status = this.#child.status;
    this.#reading = this.#read(onLine);
  }

  /**
   * Starts a program.
   *
   * @param options The program and its namespace
   * @returns The program, which may not be ready yet
   */
  static start(options: ProgramOptions): Program {
    return new Program(options);
  }

  /** The process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Sends the program a signal, unless it has already ended. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // Deno throws a TypeError when it already knows that the child has ended.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Ends the program with SIGTERM, and after 3 s with SIGKILL. */
  async stop(): Promise<Deno.CommandStatus> {
    this.kill("SIGTERM");
    const timer = setTimeout(() => this.kill("SIGKILL"), STOP_MS);
    const status = await this.status;
    clearTimeout(timer);
    await this.#reading;
    return status;
  }

  async #read(onLine?: (line: string) => void): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        this.lines.push(line);
        if (this.lines.length > LINES_KEPT) this.lines.shift();
        onLine?.(line);
      }
    }
  }
}

function command(main?: URL): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  main ??= new URL("../../main.ts", import.meta.url);
  return [Deno.execPath(), "run", "--quiet", "-A", main.href];
}

function environment(): Record<string, string> {
  const kept = ENVIRONMENT.map((name) => [name, Deno.env.get(name)]);
  return {
    ...Object.fromEntries(kept.filter(([, value]) => value !== undefined)),
    DENO_NO_UPDATE_CHECK: "1",
  };
}
