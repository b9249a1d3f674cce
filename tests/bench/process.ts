// A process of a path in a namespace.

const STOP_MS = 2000;
const LINES_KEPT = 50;

/** A running program. `ip netns exec` replaces itself with it, so the process id is the program's. */
export class Process {
  readonly #child: Deno.ChildProcess;
  readonly #name: string;
  readonly #lines: string[] = [];
  readonly #watchers = new Set<(line: string) => void>();

  private constructor(namespace: string, command: string[]) {
    this.#name = command[0];
    this.#child = new Deno.Command("ip", {
      args: ["netns", "exec", namespace, ...command],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#read(this.#child.stdout);
    this.#read(this.#child.stderr);
  }

  static start(namespace: string, command: string[]): Process {
    return new Process(namespace, command);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Waits until the program writes a line.
   *
   * @param text A part of the line
   * @param withinMs The time to wait
   * @throws {Error} If the program ends first or the time is over, with its last line
   */
  async untilLine(text: string, withinMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const watch = (line: string) => line.includes(text) && resolve();
    const fail = () => reject(new Error(`Cannot use ${this.#name}: ${this.#lines.at(-1) ?? ""}`));
    const timer = setTimeout(fail, withinMs);
    this.#watchers.add(watch);
    this.#lines.forEach(watch);
    this.#child.status.then(fail);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(watch);
    }
  }

  /** Ends the program. */
  async stop(): Promise<void> {
    const kill = (signal: Deno.Signal) => {
      try {
        this.#child.kill(signal);
      } catch {
        // The program has already ended.
      }
    };
    kill("SIGTERM");
    const timer = setTimeout(() => kill("SIGKILL"), STOP_MS);
    await this.#child.status;
    clearTimeout(timer);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        this.#lines.push(line);
        if (this.#lines.length > LINES_KEPT) this.#lines.shift();
        for (const watch of this.#watchers) watch(line);
      }
    }
  }
}

/** Returns an explanation if a program is not installed, otherwise undefined. */
export function missing(program: string): string | undefined {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":").concat("/usr/sbin", "/sbin")) {
    try {
      if (Deno.statSync(`${folder}/${program}`).isFile) return undefined;
    } catch {
      // The program is not in this directory.
    }
  }
  return `${program} is not installed`;
}
