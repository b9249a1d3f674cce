import { assertEquals } from "@std/assert";
import { hasTerminal, ignoresHangup, TerminalWatch } from "../../../src/cli/hangup.ts";

Deno.test("ignoresHangup() reads the set of ignored signals", () => {
  const status = (ignored: string) =>
    `Name:\tdeno\nSigIgn:\t${ignored}\nSigCgt:\t0000000000000001\n`;
  assertEquals(ignoresHangup(status("0000000000001000")), false);
  assertEquals(ignoresHangup(status("0000000000001001")), true);
  assertEquals(ignoresHangup(status("ffffffffffffffff")), true);
  assertEquals(ignoresHangup(""), false);
});

Deno.test("hasTerminal() reads the number of the terminal, whatever the program's name", () => {
  assertEquals(hasTerminal("7 (deno) S 1 7 7 34816 7 4194304 2707 0"), true);
  assertEquals(hasTerminal("7 (deno) S 1 7 7 0 -1 4194304 2707 0"), false);
  assertEquals(hasTerminal("7 (a) S 1 2 3 4 5) R 1 7 7 0 -1 4194304"), false);
  assertEquals(hasTerminal(""), false);
});

/** A terminal and a clock, and a watch on them. */
class Bench {
  present = true;
  nowMs = 0;
  looks: (() => void)[] = [];
  /** Called in the delay before a second look. */
  during = () => {};

  watch(): TerminalWatch {
    return new TerminalWatch({
      hasTerminal: () => this.present,
      now: () => this.nowMs,
      everyMs: (look) => {
        this.looks.push(look);
        return () => this.looks.splice(this.looks.indexOf(look), 1);
      },
      delay: (ms) => {
        this.nowMs += ms;
        this.during();
        return Promise.resolve();
      },
    });
  }
}

Deno.test("TerminalWatch.hasEnded() is false while the terminal is there", async () => {
  const watch = new Bench().watch();
  assertEquals(await watch.hasEnded(), false);
  assertEquals(await watch.hasEnded(), false);
});

Deno.test("TerminalWatch.hasEnded() is true if the terminal has gone, for each of several SIGHUPs", async () => {
  const bench = new Bench();
  const watch = bench.watch();
  bench.present = false;
  bench.nowMs = 60_000;
  assertEquals([await watch.hasEnded(), await watch.hasEnded()], [true, true]);
});

Deno.test("TerminalWatch.hasEnded() is true if the terminal goes just after SIGHUP", async () => {
  const bench = new Bench();
  const watch = bench.watch();
  bench.during = () => bench.present = false;
  assertEquals(await watch.hasEnded(), true);
});

Deno.test("TerminalWatch.hasEnded() is false long after the terminal has gone", async () => {
  const bench = new Bench();
  const watch = bench.watch();
  bench.present = false;
  bench.nowMs = 60_000;
  for (const look of bench.looks) look();
  assertEquals(bench.looks, []);
  bench.nowMs += 30_000;
  assertEquals(await watch.hasEnded(), false);
});

Deno.test("TerminalWatch.hasEnded() is false without a terminal, which is not looked for again", async () => {
  const bench = new Bench();
  bench.present = false;
  const watch = bench.watch();
  assertEquals(bench.looks, []);
  assertEquals(await watch.hasEnded(), false);
});
