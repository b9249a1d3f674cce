import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Replay } from "../../../src/state/replay.ts";
import type { Change } from "../../../src/state/session_record.ts";
import { owedPadt, record } from "./fixture.ts";

const BEGIN: Change = { type: "reset", part: "begin" };
const END: Change = { type: "reset", part: "end" };

function open(serial: number): Change {
  return { type: "open", record: record(serial) };
}

function close(serial: number): Change {
  return { type: "close", serial };
}

function owe(id: number): Change {
  return { type: "owe", key: owedPadt(id).toHex(), frame: owedPadt(id) };
}

function paid(id: number): Change {
  return { type: "paid", key: owedPadt(id).toHex() };
}

function replayed(changes: Change[]) {
  const replay = new Replay();
  for (const change of changes) replay.apply(change);
  return { sessions: replay.sessions, owed: replay.owed, lastSerial: replay.lastSerial };
}

function keys(changes: Change[]): number[] {
  return [...replayed(changes).sessions.keys()];
}

Deno.test("Replay.apply() keeps what was opened and not closed, owed and not paid", () => {
  const { sessions, owed } = replayed([open(1), owe(5), open(2), close(1), owe(6), paid(5)]);
  assertEquals(sessions, new Map([[2, record(2)]]));
  assertEquals([...owed.values()], [owedPadt(6)]);
});

Deno.test("Replay.apply() forgets what a whole reset does not name", () => {
  const { sessions, owed } = replayed([open(1), open(2), owe(5), BEGIN, open(2), open(3), END]);
  assertEquals([...sessions.keys()], [2, 3]);
  assertEquals(owed.size, 0);
});

Deno.test("Replay.apply() forgets nothing at a reset that was cut short", () => {
  assertEquals(keys([open(1), open(2), BEGIN, open(3)]), [1, 2, 3]);
  assertEquals(keys([open(1), open(2), BEGIN, open(3), BEGIN, open(2), open(3), END]), [2, 3]);
});

Deno.test("Replay.lastSerial is the highest that was seen, closed or not", () => {
  assertEquals(replayed([open(3), close(3), open(2)]).lastSerial, 3);
  assertEquals(replayed([close(4)]).lastSerial, 4);
});

/** Changes as a journal makes them: a serial number is used once, and a reset is whole. */
const history = fc.array(
  fc.oneof(
    fc.record({ act: fc.constant("open" as const) }),
    fc.record({ act: fc.constantFrom("close" as const, "owe", "paid", "reset"), n: fc.nat(5) }),
  ),
  { maxLength: 30 },
).map((steps) => {
  let serial = 0;
  return steps.flatMap((step): Change[] => {
    if (step.act === "open") return [open(++serial)];
    if (step.act === "close") return serial === 0 ? [] : [close(1 + step.n % serial)];
    if (step.act === "owe") return [owe(1 + step.n)];
    if (step.act === "paid") return [paid(1 + step.n)];
    return serial === 0 ? [BEGIN, END] : [BEGIN, open(serial), END];
  });
});

Deno.test("Replay.apply() comes to the same when the last changes are applied again", () => {
  fc.assert(
    fc.property(history, fc.nat(30), (changes, from) => {
      assertEquals(replayed([...changes, ...changes.slice(from)]), replayed(changes));
    }),
  );
});

Deno.test("Replay.apply() knows since when peers are away, until they are back or all is told anew", () => {
  const replay = new Replay();
  replay.apply({ type: "away", peer: "a", sinceMs: 5 });
  replay.apply({ type: "away", peer: "b", sinceMs: 6 });
  replay.apply({ type: "back", peer: "a" });
  assertEquals([...replay.away], [["b", 6]]);
  replay.apply({ type: "reset", part: "begin" });
  assertEquals([...replay.away], []);
});
