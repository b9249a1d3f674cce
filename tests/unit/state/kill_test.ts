// Tests with a process that is killed while it writes.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import { Fixture, serials } from "./fixture.ts";

/** A process that writes to a state directory until it is killed. */
class Writer {
  /** The lines that it printed. */
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(path: string) {
    const program = new URL("./writer.ts", import.meta.url).pathname;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", program, path],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Reads until the process has printed `count` lines, or to the end. */
  async read(count = Infinity): Promise<void> {
    while (this.lines.length < count) {
      const { value, done } = await this.#output.read();
      if (done) return;
      const parts = (this.#rest + value).split("\n");
      this.#rest = parts.pop()!;
      this.lines.push(...parts);
    }
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.read();
    await this.#child.status;
  }
}

Deno.test("Journal loses nothing that was written when its process is killed, several times", async () => {
  await using fixture = new Fixture();
  const open = new Set<number>();
  for (const count of [1, 500, 2000]) {
    const writer = new Writer(fixture.path);
    await writer.read(count);
    await writer.kill();
    assert(writer.lines.length >= count);
    for (const line of writer.lines) {
      const [what, serial] = line.split(" ");
      assert(what === "open" || what === "close", line);
      if (what === "open") open.add(Number(serial));
      else open.delete(Number(serial));
    }
    fixture.nowMs = Date.now();
    const copy = await fixture.copy();
    const dir = await fixture.open({}, copy);
    // The process may have written one more change than it printed.
    const next = dir.nextSerial - 1;
    const found = new Set(serials(dir));
    const differ = [...open.symmetricDifference(found)];
    assert(differ.every((serial) => serial === next), `${differ} of ${next}`);
    if (found.has(next)) open.add(next);
    else open.delete(next);
    assert(dir.silentMs! < 60_000);
  }
  assertEquals(fixture.warnings, []);
});

Deno.test("StateDir.open() rejects a directory that another process uses until that process is killed", async () => {
  await using fixture = new Fixture();
  const writer = new Writer(fixture.path);
  await writer.read(1);
  await assertRejects(() => fixture.open(), ConfigurationError, "another process uses it");
  await writer.kill();
  assertEquals((await fixture.open()).nextSerial > 1, true);
});
