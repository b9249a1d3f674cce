// Reading the answers of a status server, which may be another version, or another program.

import { assertEquals } from "@std/assert";
import { sessionsOf, statusOf, textIn } from "../../../../src/cli/show/view.ts";
import { aStatus } from "../../../support/status.ts";

/** Text that would move the cursor, color the terminal, and turn the writing direction. */
const EVIL = "\x1b[2Ja\x07\x9b1m\u202eb\nc";
const HARMLESS = "\\x1b[2Ja\\x07\\x9b1m\\u{202e}b\\x0ac";

Deno.test("statusOf() reads a status", () => {
  const view = statusOf(JSON.parse(JSON.stringify(aStatus())))!;
  assertEquals([view.side, view.version, view.interface, view.open], [
    "server",
    "0.0.0",
    "eth1",
    1,
  ]);
  assertEquals(view.tunnels[0].rttMs, 12.5);
  assertEquals(view.tunnels[1].rttMs, undefined);
  assertEquals(view.fromLink, { frames: 3, bytes: 60 + 2 ** 40 });
  // From the most frequent one on, without those that are 0.
  assertEquals(view.refused, [["crowded", 3], ["timeout", 1]]);
  assertEquals(view.drops.some(([, count]) => count === 0), false);
});

Deno.test("statusOf() knows another program's JSON from a status", () => {
  const other = [undefined, null, 1, "x", [], {}, { mode: "server" }, { ...aStatus(), mode: "x" }, {
    ...aStatus(),
    tunnels: undefined,
  }];
  for (const value of other) assertEquals(statusOf(value), undefined);
});

Deno.test("statusOf() makes the best of values that are missing or wrong", () => {
  const view = statusOf({
    mode: "client",
    version: "1",
    tunnels: [null, { encryption: {} }],
    problems: [3, { since: "never" }],
    drops: { loop: -1, vlan: "3", kernel: 2 },
    frames: { fromLink: { session: null, discovery: 4 } },
    keys: [{}],
  })!;
  assertEquals(view.tunnels.map(({ name, state }) => [name, state]), [["?", "?"], ["?", "?"]]);
  assertEquals(view.problems.map(({ id, sinceMs }) => [id, sinceMs]), [["?", undefined], [
    "?",
    undefined,
  ]]);
  assertEquals(view.drops, [["kernel", 2]]);
  assertEquals(view.fromLink, { frames: 4, bytes: 0 });
  assertEquals([view.healthy, view.open], [false, 0]);
});

Deno.test("No text of an answer reaches the terminal with a control character", () => {
  const evil = {
    mode: "server",
    version: EVIL,
    interface: EVIL,
    interfaceState: EVIL,
    interfaceReason: EVIL,
    tunnels: [{
      name: EVIL,
      peer: EVIL,
      state: EVIL,
      congestion: EVIL,
      encryption: { cipher: EVIL },
    }],
    problems: [{ id: EVIL, what: EVIL, advice: EVIL }],
    keys: [{ name: EVIL, id: EVIL }],
    drops: { [EVIL]: 1 },
    refused: { [EVIL]: 1 },
  };
  const sessions = [{ id: EVIL, host: EVIL, ac: EVIL, tunnel: EVIL, state: EVIL }];
  const texts: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value === "string") texts.push(value);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(collect);
  };
  collect(statusOf(evil));
  collect(sessionsOf({ sessions }));
  assertEquals(texts.filter((text) => text === HARMLESS).length, 21);
  assertEquals(texts.filter((text) => /\p{Cc}|\p{Cf}/u.test(text)), []);
});

Deno.test("textIn() cuts a very long text", () => {
  assertEquals(textIn("x".repeat(5000)).length, 1003);
});

Deno.test("sessionsOf() reads a page, and the list of an older version", () => {
  const { sessions } = aStatus();
  const page = sessionsOf({ sessions, total: 9, next: 4 })!;
  assertEquals([page.sessions[0].id, page.total, page.next], ["0x0011", 9, 4]);
  const older = sessionsOf({ sessions: [{ sessionId: 17, host: "02:00:00:00:00:11" }] })!;
  assertEquals([older.sessions[0].id, older.total, older.next], ["0x0011", 1, undefined]);
  assertEquals(sessionsOf({}), undefined);
});
