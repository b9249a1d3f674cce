// The rate limit for events.

import { assertEquals } from "@std/assert";
import type { FromWorker } from "../../../src/dataplane/messages.ts";
import { EventBatch } from "../../../src/dataplane/event_batch.ts";
import { DROP } from "../../../src/relay/mod.ts";

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
