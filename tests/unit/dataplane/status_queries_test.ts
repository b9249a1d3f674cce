// The parts of a snapshot, and the moments at which tunnels are asked what has arrived.

import { assertEquals } from "@std/assert";
import type { Totals } from "../../../src/dataplane/messages.ts";
import { StatusQueries } from "../../../src/dataplane/status_queries.ts";
import type { SessionStatus } from "../../../src/observe/status.ts";
import type { Session } from "../../../src/relay/mod.ts";

/** Takes a snapshot of some sessions, and returns what has happened in each turn. */
function snapshot(sessions: number): string[] {
  const log: string[] = [];
  const all = Array.from({ length: sessions }, () => ({}) as Session);
  let described = 0;
  const queries = new StatusQueries("server", all, () => {
    described++;
    return {} as SessionStatus;
  });
  queries.ask(7);
  while (queries.pending) {
    const words: string[] = [];
    const act = (word: string) => words.push(`${word} before ${described}`);
    const part = queries.proceed(() => act("settled"), () => {
      act("totals");
      return {} as Totals;
    });
    if (part === undefined) throw new Error("There is no part");
    if (part.type !== "snapshot" && part.type !== "snapshot-part") throw new Error(part.type);
    log.push([...words, part.type, part.request, part.sessions.length].join(" "));
  }
  return log;
}

Deno.test("StatusQueries.proceed() describes a few sessions and everything else as of one moment", () => {
  assertEquals(snapshot(0), ["totals before 0 snapshot 7 0"]);
  assertEquals(snapshot(100), ["totals before 0 snapshot 7 100"]);
});

Deno.test("StatusQueries.proceed() asks the tunnels twice, however many sessions there are", () => {
  assertEquals(snapshot(400), [
    "settled before 0 snapshot-part 7 128",
    "snapshot-part 7 128",
    "snapshot-part 7 128",
    "totals before 384 snapshot 7 16",
  ]);
});
