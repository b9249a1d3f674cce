// pppoe-proxy itself, started in a network namespace as a user would start it.
import { patient } from "./patience.ts";

/** How long a program may take to end once asked to. */
const STOP_MS = patient(3000);
const LINES_KEPT = 100;

/** What a child needs of our environment: to find programs, and Deno its cache. */
const ENVIRONMENT = ["PATH", "HOME", "DENO_DIR", "XDG_CACHE_HOME", "TMPDIR", "NO_COLOR"];

/** Options of {@linkcode Program.start}. */
export interface ProgramOptions {
  /** Name of the namespace (not its path). */
  namespace: string;
  /** Subcommand and flags. */
  args: string[];
  /** A command that becomes the program, such as unshare(1) or setpriv(1) with its flags. */
  before?: string[];
  /** What they are given to: a Deno program other than pppoe-proxy itself. */
  main?: URL;
  /** Told of each line that it writes to standard error. */
  onLine?: (line: string) => void;
}

/** A running pppoe-proxy. */
export class Program {
  /** Resolves when it is gone; `code` is its exit status. */
  readonly status: Promise<Deno.CommandStatus>;
  /** The latest lines that it wrote to standard error. */
  readonly lines: string[] = [];

  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;

  private constructor(options: ProgramOptions) {
    const { namespace, before = [], args, main, onLine } = options;
    // `ip netns exec` becomes the program, so the process that we hold is the program itself.
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
   * Starts one.
   *
   * @param options What and where.
   * @returns It, not necessarily ready yet.
   */
  static start(options: ProgramOptions): Program {
    return new Program(options);
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Sends it a signal; one that is gone already is left alone. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // TypeError: Deno knows already that it is gone.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Ends it: asks with SIGTERM, and after 3 s does not ask any more. */
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
