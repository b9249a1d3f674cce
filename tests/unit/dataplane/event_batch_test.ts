// The rate limit for events.

import { assertEquals } from "@std/assert";
import type { FromWorker } from "../../../src/dataplane/messages.ts";
import type { DialFailureFacts } from "../../../src/observe/events.ts";
import { EventBatch } from "../../../src/dataplane/event_batch.ts";
import { DROP, Peer } from "../../../src/relay/mod.ts";

Deno.test("EventBatch.dropped() reports drops at configurable limits, each reason once a minute", () => {
  const posted: FromWorker[] = [];
  const padiRate = { id: "limit", reason: "padi-rate", sessions: undefined } as const;
  let nowMs = 0;
  const report = new EventBatch("server", false, () => nowMs, (all) => void posted.push(...all));
  const told = () => {
    report.flush();
    return posted.splice(0).map((message) =>
      message.type === "notice" ? [message.notice, message.suppressed] : message.type
    );
  };
  for (let n = 0; n < 5; n++) report.dropped(DROP["padi-rate"]);
  report.dropped(DROP["session-limit"]);
  report.dropped(DROP["unknown-session"]);
  const sessionLimit = { id: "limit", reason: "session-limit", sessions: undefined } as const;
  assertEquals(told(), [[padiRate, 0], [sessionLimit, 0]]);
  nowMs = 59_999;
  report.dropped(DROP["padi-rate"]);
  assertEquals(told(), []);
  nowMs = 60_000;
  report.dropped(DROP["padi-rate"]);
  assertEquals(told(), [[padiRate, 5]]);
});

Deno.test("EventBatch.dropped() reports each limit of sessions once a minute, with the client", () => {
  const posted: FromWorker[] = [];
  const report = new EventBatch("server", false, () => 0, (all) => void posted.push(...all));
  const key = { source: "key", who: "osaka", sessions: 4 } as const;
  const client = { source: "client", who: "tokyo", sessions: 9 } as const;
  for (const limit of [key, key, client]) report.dropped(DROP["session-limit"], limit);
  report.flush();
  const told = posted.map((message) =>
    message.type === "notice" && message.notice.id === "limit" ? message.notice.sessions : message
  );
  assertEquals(told, [key, client]);
});

Deno.test("EventBatch.dialFailed() reports twenty failed dials of each outcome a second, and counts the rest", () => {
  const posted: FromWorker[] = [];
  let nowMs = 0;
  const report = new EventBatch("server", false, () => nowMs, (all) => void posted.push(...all));
  const hostMac = Uint8Array.of(2, 0, 0, 0, 0, 1);
  const peer = new Peer("key", "osaka", 0);
  for (let n = 0; n < 30; n++) report.dialFailed({ outcome: "no-pado", peer, hostMac });
  report.dialFailed({ outcome: "refused", peer, hostMac, acMac: hostMac, sessionId: 7 });
  nowMs = 1000;
  report.dialFailed({ outcome: "no-pado", peer, hostMac });
  report.flush();
  const failures = posted.filter((message) => message.type === "dial-failed");
  assertEquals(failures.length, 22);
  const host = "02:00:00:00:00:01";
  const failure: DialFailureFacts = {
    outcome: "refused",
    host,
    ac: host,
    id: "0x0007",
    tunnel: "osaka",
    detail: undefined,
  };
  assertEquals(failures[20], { type: "dial-failed", failure, suppressed: 0 });
  assertEquals(failures[21].suppressed, 10);
});
