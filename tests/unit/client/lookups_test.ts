// Lookups that several attempts share.

import { assertEquals, assertRejects } from "@std/assert";
import { Lookups } from "../../../src/client/lookups.ts";

class Bench {
  readonly begun: PromiseWithResolvers<string[]>[] = [];
  readonly lookups = new Lookups(() => {
    const lookup = Promise.withResolvers<string[]>();
    this.begun.push(lookup);
    return lookup.promise;
  });
}

Deno.test("Lookups shares a lookup as long as it is under way", async () => {
  const bench = new Bench();
  const [first, second] = [bench.lookups.find("a.example"), bench.lookups.find("a.example")];
  bench.lookups.find("b.example");
  assertEquals(bench.begun.length, 2);
  bench.begun[0].resolve(["192.0.2.1"]);
  assertEquals(await Promise.all([first, second]), [["192.0.2.1"], ["192.0.2.1"]]);
  bench.lookups.find("a.example");
  assertEquals(bench.begun.length, 3);
});

Deno.test("Lookups begins again at once after a failure", async () => {
  const bench = new Bench();
  const failing = bench.lookups.find("a.example");
  bench.begun[0].reject(new Error("no such name"));
  await assertRejects(() => failing, Error, "no such name");
  bench.lookups.find("a.example");
  assertEquals(bench.begun.length, 2);
});

Deno.test("Lookups.forget() allows a new lookup, but no more than four that hang", () => {
  const bench = new Bench();
  for (let change = 0; change < 10; change++) {
    bench.lookups.find("a.example");
    bench.lookups.forget();
  }
  assertEquals(bench.begun.length, 4);
});
