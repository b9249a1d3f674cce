// Tests of the search for sessions, and of their rates.

import { assertEquals } from "@std/assert";
import { queryOf, ratesOf } from "../../../src/page/sessions.js";

Deno.test("queryOf() tells addresses, session ids and names apart", () => {
  assertEquals(queryOf("  "), {});
  assertEquals(queryOf(" 02:00:00:00:CC:01 "), { host: "02:00:00:00:cc:01" });
  assertEquals(queryOf("0x11"), { id: "0x11" });
  assertEquals(queryOf("0x0011"), { id: "0x0011" });
  assertEquals(queryOf("osaka & co"), { tunnel: "osaka & co" });
});

Deno.test("ratesOf() compares two looks at a session, and knows none after one look", () => {
  const before = { session: { bytesFromLink: 1000, bytesFromTunnel: 500 }, atMs: 1000 };
  const session = { bytesFromLink: 3000, bytesFromTunnel: 500 };
  assertEquals(ratesOf(before, session, 3000), { fromLink: 8000, fromTunnel: 0 });
  assertEquals(ratesOf(undefined, session, 3000), undefined);
  assertEquals(ratesOf(before, session, 1000), undefined);
  // Another run of the program has counted anew.
  assertEquals(ratesOf(before, { bytesFromLink: 0, bytesFromTunnel: 0 }, 2000), {
    fromLink: 0,
    fromTunnel: 0,
  });
});
