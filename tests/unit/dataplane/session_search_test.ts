// Tests of finding sessions: by filters, and page by page.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Totals } from "../../../src/dataplane/messages.ts";
import { matcher, SessionSearch } from "../../../src/dataplane/session_search.ts";
import { StatusQueries } from "../../../src/dataplane/status_queries.ts";
import type { SessionFilter, SessionPage } from "../../../src/observe/control.ts";
import type { SessionStatus } from "../../../src/observe/status.ts";
import { Peer, type Session, SessionTable } from "../../../src/relay/mod.ts";
import { parseMac } from "../../../src/wire/mod.ts";

const [AC, OTHER_AC] = ["02:00:00:00:00:a1", "02:00:00:00:00:a2"];
const [HOST, OTHER_HOST] = ["02:00:00:00:00:11", "02:00:00:00:00:12"];

/** Makes sessions of a server: of two peers, of which the second one is absent. */
function someSessions(): Session[] {
  const table = new SessionTable();
  const present = new Peer("a", "osaka", 0);
  present.tunnel = 1;
  const absent = new Peer("b", "tokyo", 0);
  const open = (peer: Peer, id: number, ac: string, host: string) =>
    table.open({
      peer,
      nearMac: parseMac(ac),
      farMac: parseMac(host),
      shownMac: parseMac(host),
      tunnelId: id,
      linkId: id,
    }, 0);
  return [
    open(present, 1, AC, HOST),
    open(present, 2, AC, OTHER_HOST),
    open(absent, 1, OTHER_AC, OTHER_HOST),
  ];
}

const CASES: [SessionFilter, number[]][] = [
  [{}, [1, 2, 3]],
  [{ state: "open" }, [1, 2]],
  [{ state: "held" }, [3]],
  [{ tunnel: "osaka" }, [1, 2]],
  [{ tunnel: "kyoto" }, []],
  [{ id: 1 }, [1, 3]],
  [{ ac: OTHER_AC }, [3]],
  [{ host: OTHER_HOST }, [2, 3]],
  [{ host: OTHER_HOST, ac: AC }, [2]],
  [{ host: AC }, []],
  [{ state: "held", id: 2 }, []],
];

for (const [filter, serials] of CASES) {
  Deno.test(`matcher() lets through only sessions with ${JSON.stringify(filter)}`, () => {
    const matching = someSessions().filter(matcher("server", filter));
    assertEquals(matching.map(({ serial }) => serial), serials);
  });
}

Deno.test("matcher() takes the near station for the host at a client", () => {
  const [session] = someSessions();
  assertEquals(matcher("client", { host: AC, ac: HOST })(session), true);
  assertEquals(matcher("client", { host: HOST })(session), false);
});

/** Makes sessions with the given numbers. */
function numbered(serials: number[]): Session[] {
  const peer = { held: false };
  return serials.map((serial) => ({ serial, peer }) as Session);
}

/** Asks for a page, and returns it with the number of turns that it took. */
function ask(
  queries: StatusQueries,
  query: { limit: number; after: number },
): { page: SessionPage; turns: number } {
  queries.askSessions(7, query);
  for (let turns = 1;; turns++) {
    const answer = queries.proceed(() => {}, () => ({}) as Totals);
    if (answer === undefined) continue;
    if (answer.type !== "answer") throw new Error(answer.type);
    assertEquals([answer.request, queries.pending], [7, false]);
    return { page: answer.answer as SessionPage, turns };
  }
}

function queriesFor(sessions: Session[]): StatusQueries {
  return new StatusQueries(
    "server",
    sessions,
    ({ serial }) => ({ sessionId: serial }) as SessionStatus,
  );
}

Deno.test("StatusQueries pages through all sessions in the order of their numbers, whatever order they are in", () => {
  const serials = fc.uniqueArray(fc.integer({ min: 1, max: 5000 }), { maxLength: 300 });
  fc.assert(fc.property(serials, fc.integer({ min: 1, max: 50 }), (serials, limit) => {
    const queries = queriesFor(numbered(serials));
    const seen: number[] = [];
    for (let after: number | null = 0; after !== null;) {
      const { page }: { page: SessionPage } = ask(queries, { limit, after });
      assertEquals(page.total, serials.length);
      seen.push(...page.sessions.map(({ sessionId }) => sessionId));
      if (page.next !== null) assertEquals(page.sessions.length, limit);
      after = page.next;
    }
    assertEquals(seen, serials.toSorted((a, b) => a - b));
  }));
});

Deno.test("StatusQueries looks at 1024 sessions in a turn, and describes 128", () => {
  const sessions = numbered(Array.from({ length: 10_000 }, (_, index) => 10_000 - index));
  const { page, turns } = ask(queriesFor(sessions), { limit: 1000, after: 0 });
  assertEquals([page.total, page.next, page.sessions.length], [10_000, 1000, 1000]);
  // Ten turns to look; the last of them describes the first sessions, and seven more the others.
  assertEquals(turns, 10 + 7);
});

Deno.test("SessionSearch keeps only a little more than a page, however many sessions there are", () => {
  const sessions = numbered(Array.from({ length: 100_000 }, (_, index) => 100_000 - index));
  const search = new SessionSearch(sessions, "server", { limit: 3, after: 10 });
  while (search.proceed(1000));
  assertEquals(search.page().map(({ serial }) => serial), [11, 12, 13]);
  assertEquals([search.total, search.hasMore], [100_000, true]);
});

Deno.test("StatusQueries answers questions of all kinds in their order", () => {
  const queries = queriesFor(numbered([1]));
  queries.ask(1);
  queries.askTotals(2);
  queries.askSessions(3, { limit: 1, after: 0 });
  const answers: (number | string)[] = [];
  while (queries.pending) {
    const answer = queries.proceed(() => {}, () => ({ tunnels: [] }) as unknown as Totals);
    if (answer !== undefined && "request" in answer) answers.push(answer.type, answer.request);
  }
  assertEquals(answers, ["snapshot", 1, "answer", 2, "answer", 3]);
});
