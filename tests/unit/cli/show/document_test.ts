// The JSON document of all sides.

import { assertEquals } from "@std/assert";
import { documentOf, jsonLine, type SideDocument } from "../../../../src/cli/show/document.ts";

function aSide(status: unknown): SideDocument {
  return {
    side: "client",
    interface: "eth1",
    name: "branch",
    pid: 4711,
    address: "127.0.0.1:9000",
    failure: null,
    status,
  };
}

Deno.test("documentOf() is healthy if there is a side and each does its job", () => {
  const healthy = aSide({ healthy: true });
  assertEquals(documentOf([]).healthy, false);
  assertEquals(documentOf([healthy]).healthy, true);
  assertEquals(documentOf([healthy, aSide({ healthy: false })]).healthy, false);
  assertEquals(documentOf([healthy, aSide(null)]).healthy, false);
});

Deno.test("jsonLine() is one line without control characters, and reads as the same value", () => {
  const value = { text: "\x1b[2J\x9b\u202e\u2028\n大阪\u{e0001}" };
  const line = jsonLine(value);
  assertEquals(/[^\x20-\x7e大阪]/.test(line), false, line);
  assertEquals(JSON.parse(line), value);
});
