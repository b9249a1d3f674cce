// What the data plane tells the main thread.

import { assertEquals } from "@std/assert";
import type { FromWorker } from "../../../src/dataplane/messages.ts";
import { Reporter } from "../../../src/dataplane/reporter.ts";
import { DROP } from "../../../src/relay/mod.ts";

Deno.test("Reporter.dropped() tells of limits that can be set, each once a minute", () => {
  const posted: FromWorker[] = [];
  let nowMs = 0;
  const report = new Reporter("server", false, () => nowMs, (all) => void posted.push(...all));
  const told = () => {
    report.flush();
    return posted.splice(0).map((message) =>
      message.type === "log" ? [message.message.split(":")[0], message.fields] : message.type
    );
  };
  for (let n = 0; n < 5; n++) report.dropped(DROP["padi-rate"]);
  report.dropped(DROP["session-limit"]);
  report.dropped(DROP["unknown-session"]);
  assertEquals(told(), [["A PADI or PADR was dropped", {}], ["A session was refused", {}]]);
  nowMs = 59_999;
  report.dropped(DROP["padi-rate"]);
  assertEquals(told(), []);
  nowMs = 60_000;
  report.dropped(DROP["padi-rate"]);
  assertEquals(told(), [["A PADI or PADR was dropped", { suppressed: 5 }]]);
});
