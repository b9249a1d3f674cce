import { assertEquals } from "@std/assert";
import { ignoresHangup, parseStat, TerminalWatch } from "../../../src/cli/hangup.ts";

Deno.test("ignoresHangup() reads the set of ignored signals", () => {
  const status = (ignored: string) =>
    `Name:\tdeno\nSigIgn:\t${ignored}\nSigCgt:\t0000000000000001\n`;
  assertEquals(ignoresHangup(status("0000000000001000")), false);
  assertEquals(ignoresHangup(status("0000000000001001")), true);
  assertEquals(ignoresHangup(status("ffffffffffffffff")), true);
  assertEquals(ignoresHangup(""), false);
});

Deno.test("parseStat() reads parent and terminal, whatever the program's name", () => {
  assertEquals(parseStat("7 (deno) S 5 7 7 34816 7 4194304 2707 0"), {
    pid: 7,
    parent: 5,
    hasTerminal: true,
  });
  assertEquals(parseStat("7 (a) S 1 2 3 4 5) R 6 7 7 0 -1 4194304"), {
    pid: 7,
    parent: 6,
    hasTerminal: false,
  });
  assertEquals(parseStat("7 (deno) Z 5 7 7 0 -1 4194304 2707 0"), undefined);
  assertEquals(parseStat(""), undefined);
});

/** This process (7) below sudo (5) and a shell (1), with their terminals; and a clock. */
class Bench {
  terminals = new Map([[7, 34817], [5, 34816], [1, 34816]]);
  nowMs = 0;
  looks: (() => void)[] = [];
  /** Called in the delay before a second look. */
  during = () => {};

  /** Takes a terminal from the processes that have it. */
  end(terminal: number): void {
    for (const [pid, its] of this.terminals) if (its === terminal) this.terminals.set(pid, 0);
  }

  watch(): TerminalWatch {
    const parents = new Map([[7, 5], [5, 1], [1, 0]]);
    return new TerminalWatch({
      stat: (pid) => {
        const number = pid === "self" ? 7 : pid;
        const terminal = this.terminals.get(number);
        if (terminal === undefined) return "";
        return `${number} (deno) S ${parents.get(number)} 7 7 ${terminal} 7 4194304 2707 0`;
      },
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
  bench.end(34817);
  bench.nowMs = 60_000;
  assertEquals([await watch.hasEnded(), await watch.hasEnded()], [true, true]);
});

Deno.test("TerminalWatch.hasEnded() is true if the terminal goes just after SIGHUP", async () => {
  const bench = new Bench();
  const watch = bench.watch();
  bench.during = () => bench.end(34817);
  assertEquals(await watch.hasEnded(), true);
});

Deno.test("TerminalWatch.hasEnded() is false long after the terminal has gone", async () => {
  const bench = new Bench();
  const watch = bench.watch();
  bench.end(34817);
  bench.nowMs = 60_000;
  for (const look of bench.looks) look();
  assertEquals(bench.looks, []);
  bench.nowMs += 30_000;
  assertEquals(await watch.hasEnded(), false);
});

Deno.test("TerminalWatch.hasEnded() is false without a terminal, which is not looked for again", async () => {
  const bench = new Bench();
  bench.end(34817);
  const watch = bench.watch();
  assertEquals(bench.looks, []);
  bench.end(34816);
  assertEquals(await watch.hasEnded(), false);
});

Deno.test("TerminalWatch.hasEnded() is true if the terminal of a sudo above it has gone", async () => {
  const bench = new Bench();
  const watch = bench.watch();
  bench.end(34816);
  assertEquals(await watch.hasEnded(), true);
});

Deno.test("TerminalWatch.hasEnded() is false if a process above it has ended", async () => {
  const bench = new Bench();
  const watch = bench.watch();
  bench.terminals.delete(5);
  assertEquals(await watch.hasEnded(), false);
});
