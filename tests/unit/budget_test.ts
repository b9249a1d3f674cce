// Budgets that fill at a rate.

import { assert, assertEquals } from "@std/assert";
import { Budget } from "../../src/budget.ts";

Deno.test("Budget fills at its rate, up to the most that it holds", () => {
  const budget = new Budget(100, 10, 0);
  assertEquals(budget.left(0), 10);
  budget.spend(10);
  assertEquals(budget.left(0), 0);
  assertEquals(budget.left(50), 5);
  assertEquals(budget.left(100_000), 10);
});

Deno.test("Budget goes into debt, and says how long it takes to pay", () => {
  const budget = new Budget(1000, 10, 0);
  budget.spend(30);
  assertEquals(budget.left(0), -20);
  assertEquals(budget.waitMs(5, 0), 25);
  assertEquals(budget.waitMs(5, 25), 0);
  // More than the most never comes.
  assertEquals(budget.waitMs(1000, 25), 5);
});

Deno.test("Budget does not mind a time that is a little earlier", () => {
  const budget = new Budget(1000, 10, 100);
  budget.spend(10);
  assertEquals(budget.left(99), 0);
  assertEquals(budget.left(101), 1);
});

Deno.test("Budget.isAmple() is true from one half", () => {
  const budget = new Budget(1000, 10, 0);
  budget.spend(10);
  assert(!budget.isAmple(4));
  assert(budget.isAmple(5));
});
