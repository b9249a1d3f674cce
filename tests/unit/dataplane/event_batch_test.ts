// The rate limit for events.

import { assertEquals } from "@std/assert";
import type { FromWorker } from "../../../src/dataplane/messages.ts";
import { EventBatch } from "../../../src/dataplane/event_batch.ts";
import { DROP } from "../../../src/relay/mod.ts";

Deno.test("EventBatch.dropped() reports drops at configurable limits, each reason once a minute", () => {
  const posted: FromWorker[] = [];
  const padiRate = { id: "limit", reason: "padi-rate" } as const;
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
  assertEquals(told(), [[padiRate, 0], [{ id: "limit", reason: "session-limit" }, 0]]);
  nowMs = 59_999;
  report.dropped(DROP["padi-rate"]);
  assertEquals(told(), []);
  nowMs = 60_000;
  report.dropped(DROP["padi-rate"]);
  assertEquals(told(), [[padiRate, 5]]);
});
