// Tests of the table of ACs.

import { assertEquals } from "@std/assert";
import type { FoundAc } from "../../../../src/discover/ac_search.ts";
import { acTable } from "../../../../src/cli/show/acs.ts";
import { colored, plain } from "../../../../src/cli/show/style.ts";

const AC: FoundAc = {
  name: "ac-1",
  mac: "02:00:00:00:ac:01",
  offer: true,
  services: ["", "internet", "voip"],
  delayMs: 1.23,
  cookie: true,
  relaySessionId: false,
  maxPayload: null,
  hostUniq: true,
  errors: [],
  otherTags: [],
};

Deno.test("The table has a line for each AC, and a second one with its tags", () => {
  const second: FoundAc = {
    ...AC,
    name: "",
    mac: "02:00:00:00:ac:02",
    delayMs: 120.4,
    services: [""],
    cookie: false,
    relaySessionId: true,
    maxPayload: 1500,
    hostUniq: false,
    otherTags: ["Vendor-Specific"],
  };
  assertEquals(acTable([AC, second], plain), [
    "AC    MAC ADDRESS         DELAY  SERVICES",
    "ac-1  02:00:00:00:ac:01  1.2 ms  internet, voip",
    "  cookie",
    "-     02:00:00:00:ac:02  120 ms  any",
    "  no cookie, PPP-Max-Payload 1500, Relay-Session-Id, returns no Host-Uniq, Vendor-Specific",
  ]);
});

Deno.test("The table says that an AC refuses, with its own text", () => {
  const errors = [
    { tag: "Service-Name-Error", text: "no such service" },
    { tag: "Generic-Error", text: "" },
  ];
  assertEquals(acTable([{ ...AC, offer: false, services: [], errors }], plain).slice(1), [
    "ac-1  02:00:00:00:ac:01  1.2 ms  refuses",
    "  cookie",
    "  Service-Name-Error: no such service",
    "  Generic-Error",
  ]);
});

Deno.test("Texts from an AC cannot confuse a terminal, and long ones are cut", () => {
  const evil = "\x1b]0;x\x07\r\nfake";
  const lines = acTable([{
    ...AC,
    name: evil,
    services: [evil, "y".repeat(100)],
    offer: true,
    errors: [{ tag: "Generic-Error", text: `${evil}${"z".repeat(500)}` }],
    otherTags: [evil],
  }], plain);
  const isSafe = (line: string) => !/\p{C}/u.test(line);
  assertEquals(lines.filter((line) => !isSafe(line)), []);
  assertEquals(lines.length, 4);
  assertEquals(Math.max(...lines.map(({ length }) => length)) <= 162, true);
});

Deno.test("On a terminal with colors, the rest of each line is the same", () => {
  const shown = acTable([AC], colored).join("\n");
  assertEquals(
    shown.replaceAll(new RegExp("\x1b\\[[\\d;]*m", "g"), ""),
    acTable([AC], plain).join("\n"),
  );
});
