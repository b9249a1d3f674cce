// Tests of the current problems.

import { assertEquals } from "@std/assert";
import {
  KEPT_OF_A_KIND,
  type ProblemChange,
  Problems,
  SHOWN_MS,
  SHOWN_OF_A_KIND,
} from "../../../src/observe/problems.ts";
import type { Problem } from "../../../src/problem.ts";

const LOOP: Problem = { id: "loop", what: "A PADI came back", advice: "separate the segments" };
const OTHER: Problem = { id: "vlan", what: "Something else", advice: "mend it" };
const LINK_DOWN: Problem = {
  id: "link-down",
  what: "Interface eth1 is down",
  advice: "switch it on",
  blocks: true,
};
const NO_AC: Problem = { id: "no-ac", what: "No AC answers", advice: "look for it" };
const NOON_MS = Date.UTC(2026, 10, 28, 12);

/** A list of problems with its changes as short words. */
function aList(): { problems: Problems; told: string[]; ids: (nowMs: number) => string[] } {
  const told: string[] = [];
  const problems = new Problems(({ began, problem, seconds }: ProblemChange) => {
    told.push(`${began ? "+" : "-"}${problem.id}${began ? "" : ` ${seconds} s`}`);
  });
  return { problems, told, ids: (nowMs) => problems.list(nowMs).map(({ id }) => id) };
}

Deno.test("Problems.list() returns each problem once with the time of its start, oldest first", () => {
  const problems = new Problems();
  assertEquals(problems.list(0), []);
  problems.meet(OTHER, 0, NOON_MS);
  problems.meet(LOOP, 1000, NOON_MS + 1000);
  problems.meet(OTHER, 5000, NOON_MS + 5000);
  problems.meet({ ...OTHER, what: "Another station" }, 5000, NOON_MS + 5000);
  const blocks = false;
  assertEquals(problems.list(6000), [
    { ...OTHER, since: "2026-11-28T12:00:00.000Z", blocks },
    { ...LOOP, since: "2026-11-28T12:00:01.000Z", blocks },
    { ...OTHER, what: "Another station", since: "2026-11-28T12:00:05.000Z", blocks },
  ]);
});

Deno.test("Problems.list() begins with those that keep the program from its job", () => {
  const { problems, ids } = aList();
  problems.begin(LOOP, 0, NOON_MS);
  problems.begin(LINK_DOWN, 1, NOON_MS);
  assertEquals(ids(2), ["link-down", "loop"]);
});

Deno.test("Problems keeps the latest few of one kind, and those of other kinds", () => {
  const problems = new Problems();
  problems.meet(LOOP, 0, NOON_MS);
  for (let n = 0; n < 100; n++) problems.meet({ ...OTHER, what: `station ${n}` }, n, NOON_MS);
  const shown = problems.list(100).map(({ what }) => what);
  assertEquals(shown.length, 1 + SHOWN_OF_A_KIND);
  assertEquals([shown[0], shown.at(-1)], [LOOP.what, "station 99"]);
});

Deno.test("Problems.list() drops a problem after two minutes, and starts over if it returns", () => {
  const { problems, told } = aList();
  problems.meet(LOOP, 0, NOON_MS);
  // The wall clock was set back by a day, and forward again.
  problems.meet(LOOP, 1000, NOON_MS - 24 * 3600_000);
  assertEquals(problems.dueMs, 1000 + SHOWN_MS);
  assertEquals(problems.list(1000 + SHOWN_MS - 1).map(({ since }) => since), [
    "2026-11-28T12:00:00.000Z",
  ]);
  assertEquals(problems.list(1000 + SHOWN_MS), []);
  problems.meet(LOOP, 2 * SHOWN_MS, NOON_MS + 2 * SHOWN_MS);
  assertEquals(problems.list(2 * SHOWN_MS).map(({ since }) => since), ["2026-11-28T12:04:00.000Z"]);
  assertEquals(told, ["+loop", "-loop 121 s", "+loop"]);
});

Deno.test("Problems.meet() ends a problem after the time that it is given", () => {
  const { problems, ids } = aList();
  problems.meet(LOOP, 0, NOON_MS, 5000);
  assertEquals([ids(4999), ids(5000)], [["loop"], []]);
});

Deno.test("Problems.begin() changes the words of a problem that has begun, and keeps its start", () => {
  const { problems, told } = aList();
  problems.begin({ ...LINK_DOWN, subject: "eth1" }, 0, NOON_MS);
  problems.begin({ ...LINK_DOWN, subject: "eth1", advice: "plug it in" }, 9000, NOON_MS + 9000);
  const [{ since, advice }, ...others] = problems.list(1e9);
  assertEquals([since, advice, others], ["2026-11-28T12:00:00.000Z", "plug it in", []]);
  assertEquals(told, ["+link-down"]);
});

Deno.test("Problems tells of a problem again once it is seen as something else", () => {
  const { problems, told } = aList();
  for (const mtu of [1400, 1400, 1300]) {
    problems.begin(
      { id: "small-mtu", subject: "eth1", what: `MTU ${mtu}`, advice: "raise it" },
      0,
      NOON_MS,
    );
  }
  assertEquals(told, ["+small-mtu", "+small-mtu"]);
});

Deno.test("Problems.end() ends the problem with the subject, or all of the kind", () => {
  const { problems, told, ids } = aList();
  for (const subject of ["a", "b", "c"]) problems.begin({ ...NO_AC, subject }, 0, NOON_MS);
  problems.begin(OTHER, 0, NOON_MS);
  problems.end("no-ac", "b", 1000);
  assertEquals(ids(1000), ["no-ac", "no-ac", "vlan"]);
  problems.end("no-ac", undefined, 2000);
  problems.end("no-ac", undefined, 2000);
  assertEquals(ids(2000), ["vlan"]);
  assertEquals(told.slice(4), ["-no-ac 1 s", "-no-ac 2 s", "-no-ac 2 s"]);
});

Deno.test("Problems hides what only follows from another problem, and says nothing of it", () => {
  const { problems, told, ids } = aList();
  problems.begin(LINK_DOWN, 0, NOON_MS);
  problems.begin(NO_AC, 1000, NOON_MS);
  assertEquals(ids(1000), ["link-down"]);
  problems.end("no-ac", undefined, 2000);
  assertEquals(told, ["+link-down"]);
});

Deno.test("Problems shows a hidden problem once the other one is over", () => {
  const { problems, told, ids } = aList();
  problems.begin(NO_AC, 0, NOON_MS);
  problems.begin(LINK_DOWN, 1000, NOON_MS);
  assertEquals(ids(1000), ["link-down"]);
  problems.end("link-down", undefined, 3000);
  assertEquals(ids(3000), ["no-ac"]);
  assertEquals(told, ["+no-ac", "+link-down", "-link-down 2 s", "+no-ac"]);
});

Deno.test("Problems shows what goes wrong for others while the far link of one tunnel is down", () => {
  const { problems, ids } = aList();
  problems.begin(
    { id: "far-link-down", tunnel: 1, what: "down", advice: "plug it in" },
    0,
    NOON_MS,
  );
  problems.begin(NO_AC, 0, NOON_MS);
  assertEquals(ids(0), ["far-link-down", "no-ac"]);
  // A client has one server, without which it reaches no AC.
  problems.begin({ id: "far-link-down", what: "off", advice: "switch it on" }, 0, NOON_MS);
  assertEquals(ids(0), ["far-link-down", "far-link-down"]);
});

Deno.test("Problems hides a slow path only behind what explains it in the same tunnel", () => {
  const { problems, ids } = aList();
  const slow = (tunnel: number): Problem => {
    return { id: "slow-path", tunnel, subject: `${tunnel}`, what: "slow", advice: "wait" };
  };
  for (const tunnel of [1, 2]) problems.meet(slow(tunnel), 0, NOON_MS);
  problems.meet({ id: "bandwidth", tunnel: 2, what: "limit", advice: "raise it" }, 0, NOON_MS);
  assertEquals(ids(0), ["slow-path", "bandwidth"]);
  // The same words are about the next tunnel of that peer.
  problems.meet({ id: "bandwidth", tunnel: 1, what: "limit", advice: "raise it" }, 0, NOON_MS);
  problems.meet(slow(2), 0, NOON_MS);
  assertEquals(ids(0), ["slow-path", "bandwidth"]);
});

Deno.test("Problems shows one that lasts again once later ones of its kind are over, and tells of it once", () => {
  const { problems, told } = aList();
  const shown = () => problems.list(0).map(({ what }) => what);
  const down = (n: number): Problem => {
    return { id: "far-link-down", tunnel: n, what: `client ${n} is down`, advice: "plug it in" };
  };
  for (let n = 0; n <= SHOWN_OF_A_KIND; n++) problems.begin(down(n), 0, NOON_MS);
  assertEquals([shown().length, shown()[0]], [SHOWN_OF_A_KIND, "client 1 is down"]);
  for (let n = 1; n <= SHOWN_OF_A_KIND; n++) problems.end("far-link-down", down(n).what, 0);
  assertEquals(shown(), ["client 0 is down"]);
  problems.end("far-link-down", undefined, 0);
  assertEquals(told.filter((word) => word === "+far-link-down").length, 1 + SHOWN_OF_A_KIND);
  assertEquals(told.filter((word) => word[0] === "-").length, 1 + SHOWN_OF_A_KIND);
});

Deno.test("Problems keeps a bounded number of one kind", () => {
  const { problems, told } = aList();
  for (let n = 0; n <= KEPT_OF_A_KIND; n++) {
    problems.begin({ ...NO_AC, subject: `${n}` }, 0, NOON_MS);
  }
  told.length = 0;
  problems.end("no-ac", undefined, 0);
  assertEquals(told.length, KEPT_OF_A_KIND);
});

Deno.test("Problems tells once of each of many that are met again and again, and once of its end", () => {
  const { problems, told, ids } = aList();
  const PATHS = 3 * SHOWN_OF_A_KIND;
  for (let nowMs = 0; nowMs < SHOWN_MS; nowMs += 2000) {
    for (let n = 0; n < PATHS; n++) {
      problems.meet({ id: "slow-path", what: `path ${n}`, advice: "wait" }, nowMs, NOON_MS);
    }
    assertEquals(ids(nowMs).length, SHOWN_OF_A_KIND);
  }
  assertEquals(told.length, PATHS);
  problems.expire(3 * SHOWN_MS);
  assertEquals(told.length, 2 * PATHS);
});
