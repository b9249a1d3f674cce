// The line that shows that long work is alive.

import { assert, assertEquals } from "@std/assert";
import { Progress, type ProgressOptions } from "../../src/progress.ts";

/** A progress on a terminal of 40 columns, with a clock that the test sets. */
function make(options: ProgressOptions = {}) {
  const written: string[] = [];
  const clock = { nowMs: 0, ticks: new Set<() => void>() };
  const progress = new Progress({
    write: (text) => written.push(text),
    isTerminal: true,
    columns: () => 40,
    now: () => clock.nowMs,
    everySecond: (act) => {
      clock.ticks.add(act);
      return () => clock.ticks.delete(act);
    },
    ...options,
  });
  return { progress, written, clock };
}

/** Returns what a terminal shows in its line after a text. */
function screen(written: string[]): string {
  let line = "";
  for (const part of written.join("").split("\r")) {
    const [text, rest] = part.split("\x1b[K");
    line = text + (rest === undefined ? line.slice(text.length) : rest);
  }
  return line;
}

Deno.test("Progress.show() replaces the line by another one, with the time since the start", () => {
  const { progress, written, clock } = make();
  progress.show("Trial 1 of 10, a long one");
  assertEquals(screen(written), "Trial 1 of 10, a long one (0 s)");
  clock.nowMs = 61_500;
  progress.show("Trial 2");
  assertEquals(screen(written), "Trial 2 (1 min 1 s)");
});

Deno.test("Progress lets the time go on while the work says nothing", () => {
  const { progress, written, clock } = make();
  progress.show("Waiting");
  clock.nowMs = 7000;
  for (const tick of clock.ticks) tick();
  assertEquals(screen(written), "Waiting (7 s)");
});

Deno.test("Progress.show() draws ten times a second at most, however often it is called", () => {
  const { progress, written, clock } = make();
  for (let n = 0; n < 1000; n++) {
    clock.nowMs = n;
    progress.show(`${n}`);
  }
  assertEquals(written.length, 10);
  assertEquals(screen(written), "900 (0 s)");
});

Deno.test("Progress.clear() erases the line, and the next text is shown at once", () => {
  const { progress, written } = make();
  progress.show("A");
  progress.clear();
  assertEquals(screen(written), "");
  progress.show("B");
  assertEquals(screen(written), "B (0 s)");
});

Deno.test("Progress.end() erases the line and draws no more", () => {
  const { progress, written, clock } = make();
  progress.show("A");
  progress.end();
  assertEquals([screen(written), clock.ticks.size], ["", 0]);
  const { length } = written;
  progress.end();
  assertEquals(written.length, length);
});

Deno.test("Progress keeps the line within the terminal, and lets no text move the cursor", () => {
  const { progress, written, clock } = make();
  progress.show("a".repeat(100));
  assertEquals(screen(written), `${"a".repeat(33)} (0 s)`);
  clock.nowMs = 1000;
  progress.show("a\nb\x1b[2Jc");
  assertEquals(screen(written), "a?b?[2Jc (1 s)");
  const narrow = make({ columns: () => 3 });
  narrow.progress.show("abc");
  assertEquals(narrow.written[0].startsWith("\r (0 s)"), true);
});

Deno.test("Progress writes nothing at all if it is not on a terminal", () => {
  const { progress, written, clock } = make({ isTerminal: false });
  progress.show("A");
  progress.clear();
  progress.end();
  assertEquals([written, clock.ticks.size], [[], 0]);
});

Deno.test("Progress keeps no process that has nothing else to do", async () => {
  const program = `
    import { Progress } from ${JSON.stringify(import.meta.resolve("../../src/progress.ts"))};
    new Progress({ isTerminal: true, columns: () => 80 }).show("A");`;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", program],
    cwd: new URL("../..", import.meta.url),
  }).output();
  assertEquals(code, 0);
  assert(new TextDecoder().decode(stderr).includes("\rA (0 s)"));
});
