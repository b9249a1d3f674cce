import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Replay } from "../../../src/state/replay.ts";
import type { Change } from "../../../src/state/session_record.ts";
import { record, undeliveredPadt } from "./fixture.ts";

const BEGIN: Change = { type: "reset", part: "begin" };
const END: Change = { type: "reset", part: "end" };

function open(serial: number): Change {
  return { type: "open", record: record(serial) };
}

function close(serial: number): Change {
  return { type: "close", serial };
}

function undelivered(id: number): Change {
  return { type: "undelivered", key: undeliveredPadt(id).toHex(), frame: undeliveredPadt(id) };
}

function delivered(id: number): Change {
  return { type: "delivered", key: undeliveredPadt(id).toHex() };
}

function replayed(changes: Change[]) {
  const replay = new Replay();
  for (const change of changes) replay.apply(change);
  return {
    sessions: replay.sessions,
    undelivered: replay.undelivered,
    lastSerial: replay.lastSerial,
  };
}

function keys(changes: Change[]): number[] {
  return [...replayed(changes).sessions.keys()];
}

Deno.test("Replay.apply() keeps sessions that were not closed and PADTs that were not delivered", () => {
  const { sessions, undelivered: frames } = replayed([
    open(1),
    undelivered(5),
    open(2),
    close(1),
    undelivered(6),
    delivered(5),
  ]);
  assertEquals(sessions, new Map([[2, record(2)]]));
  assertEquals([...frames.values()], [undeliveredPadt(6)]);
});

Deno.test("Replay.apply() drops everything that a complete reset does not name", () => {
  const { sessions, undelivered: frames } = replayed([
    open(1),
    open(2),
    undelivered(5),
    BEGIN,
    open(2),
    open(3),
    END,
  ]);
  assertEquals([...sessions.keys()], [2, 3]);
  assertEquals(frames.size, 0);
});

Deno.test("Replay.apply() drops nothing at an incomplete reset", () => {
  assertEquals(keys([open(1), open(2), BEGIN, open(3)]), [1, 2, 3]);
  assertEquals(keys([open(1), open(2), BEGIN, open(3), BEGIN, open(2), open(3), END]), [2, 3]);
});

Deno.test("Replay.lastSerial is the highest number seen, closed or not", () => {
  assertEquals(replayed([open(3), close(3), open(2)]).lastSerial, 3);
  assertEquals(replayed([close(4)]).lastSerial, 4);
});

/** Changes as a journal writes them: each serial number is used once, and a reset is complete. */
const history = fc.array(
  fc.oneof(
    fc.record({ act: fc.constant("open" as const) }),
    fc.record({
      act: fc.constantFrom("close" as const, "undelivered", "delivered", "reset"),
      n: fc.nat(5),
    }),
  ),
  { maxLength: 30 },
).map((steps) => {
  let serial = 0;
  return steps.flatMap((step): Change[] => {
    if (step.act === "open") return [open(++serial)];
    if (step.act === "close") return serial === 0 ? [] : [close(1 + step.n % serial)];
    if (step.act === "undelivered") return [undelivered(1 + step.n)];
    if (step.act === "delivered") return [delivered(1 + step.n)];
    return serial === 0 ? [BEGIN, END] : [BEGIN, open(serial), END];
  });
});

Deno.test("Replay.apply() reaches the same state when the last changes are applied again", () => {
  fc.assert(
    fc.property(history, fc.nat(30), (changes, from) => {
      assertEquals(replayed([...changes, ...changes.slice(from)]), replayed(changes));
    }),
  );
});

Deno.test("Replay.apply() keeps the times of peers without a tunnel until they return or a reset begins", () => {
  const replay = new Replay();
  replay.apply({ type: "away", peer: "a", sinceMs: 5 });
  replay.apply({ type: "away", peer: "b", sinceMs: 6 });
  replay.apply({ type: "back", peer: "a" });
  assertEquals([...replay.away], [["b", 6]]);
  replay.apply({ type: "reset", part: "begin" });
  assertEquals([...replay.away], []);
});
