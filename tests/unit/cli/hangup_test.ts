import { assert, assertEquals } from "@std/assert";
import { ignoresHangup, parseStat, TerminalWatch } from "../../../src/cli/hangup.ts";
import { testUnless, whyNot } from "../../support/skip.ts";

Deno.test("ignoresHangup() reads the set of ignored signals", () => {
  const status = (ignored: string) =>
    `Name:\tdeno\nSigIgn:\t${ignored}\nSigCgt:\t0000000000000001\n`;
  assertEquals(ignoresHangup(status("0000000000001000")), false);
  assertEquals(ignoresHangup(status("0000000000001001")), true);
  assertEquals(ignoresHangup(status("ffffffffffffffff")), true);
  assertEquals(ignoresHangup(""), false);
});

/** Makes the text of /proc/pid/stat of a process that was started at the 4711th tick. */
function statOf(start: string, terminal: number, started = 4711): string {
  return `${start} 7 7 ${terminal} 7 4194304 2707 0 0 0 12 3 0 0 20 0 9 0 ${started} 740000000 9000`;
}

Deno.test("parseStat() reads parent, terminal and start, whatever the program's name", () => {
  assertEquals(parseStat(statOf("7 (deno) S 5", 34816)), {
    pid: 7,
    parent: 5,
    started: "4711",
    hasTerminal: true,
  });
  assertEquals(parseStat(statOf("7 (a) S 1 2 3 4 5) R 6", 0)), {
    pid: 7,
    parent: 6,
    started: "4711",
    hasTerminal: false,
  });
  assertEquals(parseStat(statOf("7 (deno) Z 5", 0)), undefined);
  assertEquals(parseStat(""), undefined);
});

testUnless(whyNot("linux"), "parseStat() reads the start of this process", () => {
  const { started } = parseStat(Deno.readTextFileSync("/proc/self/stat"))!;
  const [uptime] = Deno.readTextFileSync("/proc/uptime").split(" ");
  // In hundredths of a second since the machine's start.
  const seconds = Number(uptime) - Number(started) / 100;
  assert(seconds >= 0 && seconds < 3600, `${seconds}`);
});

/** This process (7) below sudo (5) and a shell (1), with their terminals; and a clock. */
class Bench {
  terminals = new Map([[7, 34817], [5, 34816], [1, 34816]]);
  /** The time of the start of the processes that are found. */
  started = 4711;
  nowMs = 0;
  looks: (() => void)[] = [];
  /** The time between two looks. */
  everyMs = 0;
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
        return statOf(`${number} (deno) S ${parents.get(number)}`, terminal, this.started);
      },
      now: () => this.nowMs,
      everyMs: (look, ms) => {
        this.everyMs = ms;
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

Deno.test("TerminalWatch.hasEnded() is true if a shell or sudo passes SIGHUP on late", async () => {
  const bench = new Bench();
  const watch = bench.watch();
  bench.end(34817);
  for (const look of bench.looks) look();
  bench.nowMs += 500;
  assertEquals(await watch.hasEnded(), true);
});

Deno.test("TerminalWatch.hasEnded() is false for an operator's SIGHUP 2 s after the terminal has gone", async () => {
  const bench = new Bench();
  const watch = bench.watch();
  // It goes just after a look, and is noticed by the next one.
  bench.end(34817);
  bench.nowMs = bench.everyMs;
  for (const look of bench.looks) look();
  bench.nowMs = 1900;
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

Deno.test("TerminalWatch.hasEnded() is false if the pid of a process above it is now a daemon's", async () => {
  const bench = new Bench();
  const watch = bench.watch();
  bench.started = 5822;
  bench.terminals.set(5, 0);
  for (const look of bench.looks) look();
  assertEquals([await watch.hasEnded(), bench.looks.length], [false, 1]);
  bench.started = 4711;
  assertEquals(await watch.hasEnded(), true);
});
