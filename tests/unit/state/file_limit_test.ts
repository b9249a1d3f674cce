// A limit on the size of a file, which by default ends a process that reaches it.

import { assert, assertEquals } from "@std/assert";
import { Journal } from "../../../src/state/mod.ts";
import { testUnless, whyNot } from "../../support/skip.ts";
import { Fixture, record } from "./fixture.ts";

/** Shell script that runs a program with a limit of 4 KiB. A shell counts in blocks of 512 bytes. */
const LIMITED = 'ulimit -f 8 && exec "$@"';

async function runLimited(...args: string[]) {
  const program = new URL("./file_limit_program.ts", import.meta.url).pathname;
  const run = [Deno.execPath(), "run", "-A", "--no-check", "--no-code-cache", program];
  const { stdout, stderr, code, signal } = await new Deno.Command("sh", {
    args: ["-c", LIMITED, "sh", ...run, ...args],
    // Deno's own cache would reach the limit, so it gets no place to write to.
    env: { DENO_DIR: "/dev/null/none" },
  }).output();
  assertEquals([code, signal], [0, null], new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

testUnless(
  whyNot("linux"),
  "Journal and StateDir treat the limit on the size of a file as a full disk",
  async () => {
    await using fixture = new Fixture();
    const saw = await runLimited(fixture.path);
    assertEquals(saw.failed, [`Cannot write ${fixture.path}/changes.1.jsonl: File too large`]);
    assert(saw.lost > 10, `${saw.lost} sessions`);
    assertEquals([saw.retriedAll, saw.retriedFew], [false, true]);
    assertEquals(saw.again, [1, 2, 3]);
    assertEquals(saw.warnings, [`Cannot compact ${fixture.path}: File too large`]);
  },
);

testUnless(
  whyNot("linux"),
  "StateDir.open() finds its sessions even if the limit on the size of a file is too low for them",
  async () => {
    await using fixture = new Fixture();
    const dir = await fixture.open();
    const journal = Journal.open(dir.path, dir.segment, { full() {}, failed() {} });
    for (let serial = 1; serial <= 40; serial++) journal.opened(record(serial));
    journal.close();
    const copy = await fixture.copy();
    const { sessions, warnings } = await runLimited(copy, "open");
    assertEquals(sessions.length, 40);
    assertEquals(warnings, [`Cannot compact ${copy}: File too large`]);
  },
);
