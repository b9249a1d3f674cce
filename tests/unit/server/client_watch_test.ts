// Tests of the problem of a server without a client.

import { assertEquals, assertMatch } from "@std/assert";
import type { Problem } from "../../../src/problem.ts";
import {
  ClientWatch,
  NO_CLIENT_MS,
  REFUSAL_MS,
  RENEW_MS,
} from "../../../src/server/client_watch.ts";

function aWatch() {
  const told: (Problem | string)[] = [];
  const watch = new ClientWatch({
    problem: (problem) => told.push(problem),
    solved: (id) => told.push(`-${id}`),
  }, 0);
  return { watch, told, last: () => told.at(-1) as Problem };
}

Deno.test("ClientWatch tells that there is no client ten seconds after the start, and ends with one", () => {
  const { watch, told, last } = aWatch();
  watch.look(0, NO_CLIENT_MS - 1);
  assertEquals(told, []);
  watch.look(0, NO_CLIENT_MS);
  watch.look(0, NO_CLIENT_MS + 1000);
  assertEquals(told.length, 1);
  assertEquals([last().id, last().blocks ?? false], ["no-client", false]);
  watch.look(1, NO_CLIENT_MS + 2000);
  assertEquals(told.at(-1), "-no-client");
});

Deno.test("ClientWatch counts the time since the last client left", () => {
  const { watch, told } = aWatch();
  watch.look(1, 5000);
  watch.look(0, 20_000);
  watch.look(0, 20_000 + NO_CLIENT_MS - 1);
  assertEquals(told, []);
  watch.look(0, 20_000 + NO_CLIENT_MS);
  assertEquals(told.length, 1);
});

const REFUSALS: [string, RegExp][] = [
  ["not on the allow list", /--allow/],
  ["its address is not one that its key allows", /line of its key/],
  ["The key osaka is wrong: the proof failed", /keygen --rotate/],
  ["No greeting in time", /log of that client/],
  // A stranger does not choose the advice.
  ['Ended by goodbye (internal): "a \\"bad\\" key, not on the allow list"', /log of that client/],
];
for (const [reason, advice] of REFUSALS) {
  Deno.test(`ClientWatch names a client that was refused lately: ${reason}`, () => {
    const { watch, last } = aWatch();
    watch.refused("192.0.2.1", reason, 1000);
    watch.look(0, NO_CLIENT_MS);
    assertEquals(
      last().what,
      `No client is connected, and a client at 192.0.2.1 was refused: ${reason}`,
    );
    assertMatch(last().advice, advice);
    watch.look(0, 1000 + REFUSAL_MS);
    assertEquals(last().what, "No client is connected");
  });
}

Deno.test("ClientWatch tells only some of many refusals", () => {
  const { watch, told, last } = aWatch();
  watch.look(0, NO_CLIENT_MS);
  for (let n = 1; n <= 10; n++) {
    watch.refused(`192.0.2.${n}`, "not on the allow list", NO_CLIENT_MS + n);
    watch.look(0, NO_CLIENT_MS + n);
  }
  assertEquals(told.length, 2);
  assertMatch(last().what, /192\.0\.2\.1 was refused/);
  watch.look(0, NO_CLIENT_MS + 1 + RENEW_MS);
  assertMatch(last().what, /192\.0\.2\.10 was refused/);
});
