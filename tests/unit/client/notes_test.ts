// The client's log lines.

import { assertEquals } from "@std/assert";
import type { ClientFailure, ClientNote } from "../../../src/client/messages.ts";
import { describeFailure, logNote } from "../../../src/client/notes.ts";

const SERVER = { hostname: "2001:db8::1", port: 8000 };

/** Returns the log line for a note. */
function line(note: ClientNote): unknown[] {
  const lines: unknown[][] = [];
  const at = (level: string) => (...args: unknown[]) => void lines.push([level, ...args]);
  logNote({ info: at("info"), warning: at("warning"), error: at("error") }, note);
  assertEquals(lines.length, 1);
  return lines[0];
}

Deno.test("logNote() logs the start and the end of a tunnel, with the held sessions", () => {
  const server = { name: "tokyo", software: "test/1", held: 3 };
  assertEquals(line({ type: "greeted", endpoint: "192.0.2.1:8000", ...server }), [
    "info",
    "Tunnel up",
    { name: "tokyo", peer: "192.0.2.1:8000", software: "test/1", held: 3 },
    { event: "tunnel-up" },
  ]);
  const lost = { reason: "goodbye (shutdown)", cause: "peer-shutdown" } as const;
  assertEquals(line({ type: "tunnel-lost", ...lost }), [
    "warning",
    "Tunnel lost",
    lost,
    { event: "tunnel-lost" },
  ]);
});

Deno.test("logNote() logs a failure, with the number suppressed", () => {
  const failure = { step: "greet", reason: "No greeting in time" } as const;
  const note = { type: "failed", server: SERVER, failure } as const;
  const server = "[2001:db8::1]:8000";
  assertEquals(line({ ...note, suppressed: 0 }), [
    "warning",
    "No greeting in time",
    { server },
    { event: "handshake-failed", reason: "No greeting in time", cause: "greet" },
  ]);
  assertEquals(line({ ...note, suppressed: 7 }), [
    "warning",
    "No greeting in time",
    { server, suppressed: 7 },
    { event: "handshake-failed", reason: "No greeting in time", cause: "greet" },
  ]);
  // This text names the server.
  const refused = {
    ...note,
    failure: { step: "connect", reason: "refused" },
    suppressed: 0,
  } as const;
  assertEquals(line(refused), [
    "warning",
    "Cannot connect to [2001:db8::1]:8000: refused",
    {},
    {
      event: "connect-failed",
      reason: "Cannot connect to [2001:db8::1]:8000: refused",
      server,
      cause: "connect",
    },
  ]);
});

Deno.test("logNote() logs the delay in tenths of a second, and a rival program as an error", () => {
  assertEquals(line({ type: "connecting-again", server: SERVER, delayMs: 1234 }), [
    "info",
    "Connecting again",
    { server: "[2001:db8::1]:8000", seconds: 1.2 },
    { event: "connecting-again" },
  ]);
  assertEquals(line({ type: "rival" }), [
    "error",
    "Another program is connected as this client: is its state directory a copy?",
    {},
    { event: "rival" },
  ]);
});

Deno.test("logNote() does not blame the state directory for a rival program that has the same key", () => {
  const lines: string[] = [];
  const log = { info: () => {}, warning: () => {}, error: (text: string) => void lines.push(text) };
  logNote(log, { type: "rival" }, true);
  assertEquals(lines, [
    "Another program is connected with this client's key: make one for each client with keygen",
  ]);
});

const FAILURES: [ClientFailure, string][] = [
  [{ step: "resolve", reason: "no such name" }, "Cannot find 2001:db8::1: no such name"],
  [{ step: "connect", reason: "refused" }, "Cannot connect to [2001:db8::1]:8000: refused"],
  [
    { step: "connect", reason: "Connection reset by peer" },
    "Cannot connect to [2001:db8::1]:8000: Connection reset by peer: is this machine on its --allow list?",
  ],
  [{ step: "greet", reason: "Refused: goodbye (full)" }, "Refused: goodbye (full)"],
  [{ step: "hand-over", reason: "Cannot carry a tunnel" }, "Cannot carry a tunnel"],
  [{ step: "link-down", name: "tokyo" }, "The interface of the server tokyo is not up"],
];

for (const [failure, text] of FAILURES) {
  const { step, reason = "" } = { reason: undefined, ...failure };
  Deno.test(`describeFailure() gives the reason at the step ${step}: ${reason}`, () => {
    assertEquals(describeFailure(SERVER, failure), text);
  });
}
