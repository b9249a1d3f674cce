// Tests of the budget for log lines.

import { assert, assertEquals } from "@std/assert";
import { createLog } from "../../../src/observe/log.ts";
import { BudgetedLog, LogBudget } from "../../../src/observe/log_budget.ts";

/** Counts the lines of a kind that are written at a time. */
function written(budget: LogBudget, message: string, lines: number, nowMs: number): number {
  let count = 0;
  for (let n = 0; n < lines; n++) if (budget.allow("info", `${message} ${n}`, nowMs)) count++;
  return count;
}

Deno.test("LogBudget.allow() passes the sessions of a thousand hosts at once, then 2 lines a second", () => {
  const budget = new LogBudget();
  assertEquals(written(budget, "Session opened id", 1500, 0), 1000);
  assertEquals(written(budget, "Session opened id", 100, 1000), 2);
  assertEquals(written(budget, "Session opened id", 100, 11_000), 20);
  assertEquals(written(budget, "Session opened id", 5000, 10_000_000), 1000);
});

Deno.test("LogBudget.allow() bounds a day of 10,000 lines a second to what a small disk can take", () => {
  const budget = new LogBudget();
  let lines = 0;
  // One second in a hundred, each with the lines of all hundred.
  for (let second = 0; second < 86_400; second += 100) {
    lines += written(budget, "Session closed id", 2000, second * 1000);
  }
  assert(lines <= 1000 + 2 * 86_400, `${lines} lines`);
});

Deno.test("LogBudget.allow() keeps a budget for each kind and level, and more for debug", () => {
  const budget = new LogBudget();
  written(budget, "Session opened id", 5000, 0);
  assertEquals(budget.allow("info", "Session opened id 7", 0), false);
  assertEquals(budget.allow("info", "Session closed id 7", 0), true);
  assertEquals(budget.allow("warning", "Session opened id 7", 0), true);
  for (let n = 0; n < 1000; n++) budget.allow("debug", "From the link: PADI", 0);
  const passed = Array.from(
    { length: 200 },
    () => budget.allow("debug", "From the link: PADO", 1000),
  );
  assertEquals(passed.filter((one) => one).length, 100);
});

Deno.test("LogBudget.takeLeftOut() names each kind that was left out, once", () => {
  const budget = new LogBudget();
  written(budget, "Session opened id", 1500, 0);
  written(budget, "Connection refused", 1001, 0);
  written(budget, "Tunnel up", 1, 0);
  assertEquals(budget.takeLeftOut(), [
    { level: "info", kind: "Session opened id", lines: 500 },
  ]);
  assertEquals(budget.takeLeftOut(), []);
});

Deno.test("LogBudget.allow() is bounded in memory and in lines, whatever a line begins with", () => {
  const budget = new LogBudget();
  let count = 0;
  for (let n = 0; n < 200_000; n++) if (budget.allow("warning", `a${n} b c`, 0)) count++;
  assert(count <= 64 * 1000 + 1000, `${count} lines`);
  assert(budget.takeLeftOut().length <= 66);
});

Deno.test("BudgetedLog reports how many lines it has left out, and of which kind", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", format: "text", write: (line) => lines.push(line) });
  let nowMs = 0;
  const budgeted = new BudgetedLog(log, () => nowMs);
  for (let n = 0; n < 1200; n++) budgeted.info("Session opened", { id: n });
  assertEquals(lines.length, 1000);
  nowMs = 60_000;
  budgeted.report();
  assertEquals(
    lines.at(-1)!.replace(/^\S+ /, ""),
    'INFO  Too many log lines of one kind, some were left out like="Session opened" lines=200 seconds=60',
  );
  budgeted.report();
  assertEquals(lines.length, 1001);
});

Deno.test("BudgetedLog never leaves out an error", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", format: "text", write: (line) => lines.push(line) });
  const budgeted = new BudgetedLog(log, () => 0);
  for (let n = 0; n < 5000; n++) budgeted.error("The data worker died");
  assertEquals(lines.length, 5000);
});

Deno.test("BudgetedLog does not report lines below the level of the log", () => {
  const lines: string[] = [];
  const log = createLog({ level: "warning", format: "text", write: (line) => lines.push(line) });
  const budgeted = new BudgetedLog(log, () => 0);
  for (let n = 0; n < 5000; n++) budgeted.info("Session opened");
  budgeted.report();
  assertEquals(lines, []);
});
