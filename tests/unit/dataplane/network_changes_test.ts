// Bursts of messages about the network.

import { assertEquals } from "@std/assert";
import { NetworkChanges } from "../../../src/dataplane/network_changes.ts";

Deno.test("NetworkChanges reports a burst once, 100 ms after its beginning, and hears the next one", () => {
  const seen: string[] = [];
  const changes = new NetworkChanges({
    watchNetwork: () => void seen.push("watch"),
    ignoreNetwork: () => void seen.push("ignore"),
  }, { push: ({ type }) => void seen.push(type) });
  changes.run(1000);
  assertEquals([seen, changes.dueMs], [[], Infinity]);
  for (const nowMs of [1000, 1010, 1090]) {
    changes.heard(nowMs);
    changes.run(nowMs);
  }
  assertEquals([seen, changes.dueMs], [["ignore"], 1100]);
  changes.run(1100);
  assertEquals([seen, changes.dueMs], [["ignore", "watch", "network-changed"], Infinity]);
  changes.heard(1101);
  assertEquals([seen.at(-1), changes.dueMs], ["ignore", 1201]);
});
