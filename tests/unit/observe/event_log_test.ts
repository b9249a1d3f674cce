// The log lines for events.

import { assertEquals, assertMatch } from "@std/assert";
import { describeEvent } from "../../../src/observe/event_log.ts";
import type { DataPlaneEvent, DialFailureFacts, Notice } from "../../../src/observe/events.ts";

const SESSION = {
  id: 7,
  ac: "02:00:00:00:00:a1",
  host: "02:00:00:00:00:11",
  tunnel: "osaka",
};

Deno.test("describeEvent() identifies a session by its id, stations and tunnel", () => {
  assertEquals(describeEvent({ type: "session-opened", session: SESSION }), {
    level: "info",
    message: "Session opened",
    fields: { ...SESSION, id: "0x0007" },
    facts: { event: "session-opened" },
  });
});

Deno.test("describeEvent() gives the reason for the end of a session, its duration and its traffic", () => {
  const counts = { framesFromLink: 1, framesFromTunnel: 2, bytesFromLink: 3, bytesFromTunnel: 4 };
  const line = describeEvent({
    type: "session-closed",
    session: SESSION,
    end: { cause: "host-padt" },
    seconds: 60,
    counts,
  });
  assertEquals(line, {
    level: "info",
    message: "Session closed",
    fields: {
      ...SESSION,
      id: "0x0007",
      reason: "PADT from the host",
      seconds: 60,
      framesUp: 1,
      framesDown: 2,
      bytesUp: 3,
      bytesDown: 4,
      cause: "host-padt",
    },
    facts: { event: "session-closed" },
  });
});

Deno.test("describeEvent() warns of a link that is not up, with its state", () => {
  const told = (state: "up" | "down" | "missing") => {
    const line = describeEvent({ type: "link", name: "eth1", state, mac: "02:00:00:00:00:01" });
    return [line?.level, line?.message];
  };
  assertEquals([told("up"), told("down"), told("missing")], [
    ["info", "Interface eth1 is up"],
    ["warning", "Interface eth1 is down"],
    ["warning", "Interface eth1 is gone"],
  ]);
});

Deno.test("describeEvent() says why a link is down, if that is known, without fields behind a command", () => {
  const mac = "02:00:00:00:00:01";
  const reason = "without a carrier: check the cable";
  assertEquals(
    describeEvent({ type: "link", name: "eth1", state: "down", mac, reason }),
    {
      level: "warning",
      message: "Interface eth1 is down, without a carrier: check the cable",
      fields: {},
      facts: { event: "link-down", interface: "eth1", reason },
    },
  );
});

Deno.test("describeEvent() tells of a path MTU that was a problem before, with the remedy", () => {
  const told = (remedy: "fragments" | "small-packets" | "smallest-packets") =>
    describeEvent({ type: "path-remembered", peer: "osaka", address: "192.0.2.1", remedy });
  assertEquals(told("fragments"), {
    level: "info",
    message:
      "Routers may split packets to this peer, because large ones were lost on this path before (path MTU)",
    fields: { peer: "osaka", address: "192.0.2.1" },
    facts: { event: "path-fragments" },
  });
  assertMatch(
    told("small-packets")!.message,
    /^Only small packets are sent to this peer, because .* on this path before/,
  );
  assertMatch(
    told("smallest-packets")!.message,
    /^Only packets of at most 576 bytes are sent to this peer, because .* on this path before/,
  );
});

const NOTICES: Record<Notice["id"], [Notice, RegExp]> = {
  "too-many-padts": [
    { id: "too-many-padts", interface: "eth1", limit: 65536 },
    /eth1.*65536/,
  ],
  "limit": [{ id: "limit", reason: "padi-rate" }, /--padi-rate, --padi-rate-client/],
  "held-back": [
    { id: "held-back", peer: "tokyo", endpoint: "192.0.2.1:5000", framesPerSecond: 9000 },
    /tokyo \(192\.0\.2\.1:5000\).*9000 a second.*more slowly/,
  ],
  "state-unwritable": [
    { id: "state-unwritable", path: "/var/lib/x", reason: "No space left on device" },
    /\/var\/lib\/x.*No space left on device/,
  ],
  "sessions-not-kept": [{ id: "sessions-not-kept", path: "/var/lib/x" }, /\/var\/lib\/x/],
};

for (
  const [source, expected] of [
    ["key", /^A session was refused: osaka has 4 .*key \(sessions= in the server's key file\)$/],
    ["client", /^A session was refused: osaka has 4 .*each client \(--max-sessions\)$/],
    ["share", /^A session was refused: osaka has 4 .*; move some clients to another server$/],
    ["host", /^A session was refused: osaka has 4 already, as many as one host can have$/],
  ] as const
) {
  Deno.test(`describeEvent() names the limit that has refused a session: that of the ${source}`, () => {
    const sessions = { source, who: "osaka", sessions: 4 };
    const notice = { id: "limit", reason: "session-limit", sessions } as const;
    assertMatch(describeEvent({ type: "notice", notice, suppressed: 0 })!.message, expected);
  });
}

for (const [notice, expected] of Object.values(NOTICES)) {
  Deno.test(`describeEvent() names the thing and the fix for the notice ${notice.id}`, () => {
    const line = describeEvent({ type: "notice", notice, suppressed: 3 });
    assertMatch(line!.message, expected);
    assertEquals(line!.level, notice.id === "sessions-not-kept" ? "error" : "warning");
    assertEquals(line!.fields, { suppressed: 3 });
  });
}

Deno.test("describeEvent() gives a discovery frame as one line of text, and as fields for programs", () => {
  const fields = {
    type: "PADO",
    source: SESSION.ac,
    destination: SESSION.host,
    id: "0x0000",
    tags: { "AC-Name": "bras1" },
    fault: undefined,
  };
  const frame = 'PADO sid=0x0000 02:00:00:00:00:a1 > 02:00:00:00:00:11 AC-Name="bras1"';
  const { fault: _, ...shown } = fields;
  assertEquals(describeEvent({ type: "discovery", from: "link", frame, fields, suppressed: 0 }), {
    level: "debug",
    message: `From the link: ${frame}`,
    fields: {},
    facts: { event: "discovery-frame", from: "link", ...shown },
  });
});

Deno.test("describeEvent() gives what the message of a notice says as fields for programs", () => {
  const [notice] = NOTICES["held-back"];
  assertEquals(describeEvent({ type: "notice", notice, suppressed: 0 })?.facts, {
    event: "held-back",
    peer: "tokyo",
    endpoint: "192.0.2.1:5000",
    framesPerSecond: 9000,
  });
});

Deno.test("describeEvent() identifies the host of a failed dial, and what is known besides", () => {
  const { host, tunnel } = SESSION;
  const seen = (failure: DialFailureFacts, suppressed = 0) =>
    describeEvent({ type: "dial-failed", failure, suppressed });
  const { message, fields, facts } = seen({ outcome: "no-pado", host, tunnel }, 3)!;
  assertEquals(message, "No AC answers a host's PADI");
  assertEquals(fields, { host, tunnel, suppressed: 3, cause: "no-pado" });
  assertEquals(facts, { event: "dial-no-pado" });
  const failed = seen({ outcome: "auth-failed", ...SESSION, id: "0x0007", detail: "PAP" })!;
  assertEquals(failed.message, "The AC rejects a host's credentials");
  const known = { ...SESSION, id: "0x0007", reason: "PAP", cause: "auth-failed" };
  assertEquals(failed.fields, known);
});

Deno.test("describeEvent() returns nothing for events that only metrics and hooks need", () => {
  const events: DataPlaneEvent[] = [
    { type: "tunnel-up", id: 1 },
    { type: "tunnel-down", id: 1, reason: "gone", cause: "silent" },
    { type: "held", peer: "key", sessions: 1 },
    { type: "resumed", peer: "key", sessions: 1 },
    { type: "drops", counts: { malformed: 1 } },
    { type: "padts", undelivered: 1, delivered: 0, givenUp: 0 },
  ];
  assertEquals(events.map(describeEvent), events.map(() => undefined));
});
