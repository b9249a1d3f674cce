// The sessions that an earlier run left, which are held or closed.

import { assert, assertEquals } from "@std/assert";
import { type LeftState, type MacMode, restore } from "../../../src/relay/mod.ts";
import {
  AC,
  data,
  discovery,
  HOST,
  mac,
  MAC_MODES,
  RecordedRelay,
  shownMacOfHost,
} from "../../support/relays.ts";
import { record } from "../state/fixture.ts";

const GRACE_MS = 20_000;
const NAME = "client 1";

/** Makes a server's relay that restores session 7 of HOST, which an earlier run showed with the given address. */
function restored(mode: MacMode, shownMac: Uint8Array, peer = "key"): RecordedRelay {
  const server = new RecordedRelay({ side: "server", mac: mode, graceMs: GRACE_MS });
  const sessions = [record(7, { peer, name: NAME, shownMac })];
  const left: LeftState = { sessions, silentMs: 5000, away: new Map() };
  restore(server.relay, left, 100_000);
  return server;
}

for (const mode of MAC_MODES) {
  const shown = shownMacOfHost(mode, HOST);

  Deno.test(`restore() holds a session whose near station knows it by the same address, with --mac ${mode}`, () => {
    const server = restored(mode, shown);
    assertEquals([server.sessions.map(({ serial }) => serial), server.link], [[7], []]);
    server.relay.tick(100_000 + GRACE_MS - 5001);
    assertEquals(server.link, []);
    server.relay.addTunnel(1, { key: "key", name: NAME }, 110_000);
    const frame = data(HOST, AC, 7);
    assertEquals(server.relay.sessionFromTunnel(1, frame, 0, 110_000), server.sessions[0]);
    assertEquals(frame, data(shown, AC, 7));
  });

  Deno.test(`restore() counts the grace time from the earlier run's last sign of life, with --mac ${mode}`, () => {
    const server = restored(mode, shown);
    server.relay.tick(100_000 + GRACE_MS - 5000);
    assertEquals(server.link, [discovery("PADT", shown, AC, [], 7)]);
  });

  for (const before of MAC_MODES) {
    if (before === mode) continue;
    if (mode !== "own") {
      Deno.test(`restore() keeps a session of --mac ${before} with --mac ${mode}, which receives all addresses`, () => {
        const server = restored(mode, shownMacOfHost(before, HOST));
        assertEquals([server.sessions.map(({ serial }) => serial), server.link], [[7], []]);
      });
      continue;
    }
    Deno.test(`restore() closes a session of --mac ${before} with its old address, with --mac ${mode}`, () => {
      const old = shownMacOfHost(before, HOST);
      const server = restored(mode, old);
      assertEquals(server.link, [discovery("PADT", old, AC, [], 7)]);
      assertEquals([server.sessions, server.tunnel], [[], []]);
      assertEquals(server.causes, [
        "mac-changed",
      ]);
    });
  }

  Deno.test(`restore() ends at once a session for which nobody can return, with --mac ${mode}`, () => {
    const server = restored(mode, shown, "");
    server.relay.tick(100_000);
    assertEquals(server.link, [discovery("PADT", shown, AC, [], 7)]);
    assertEquals(server.sessions, []);
  });
}

Deno.test("restore() closes a session with its old address if the link has another one", () => {
  const old = mac(0x51);
  const server = restored("own", old);
  assertEquals(server.link, [discovery("PADT", old, AC, [], 7)]);
  assertEquals(server.sessions, []);
});

Deno.test("restore() keeps the age of a session", () => {
  const server = new RecordedRelay({ side: "server", graceMs: GRACE_MS });
  const openedAtMs = Date.now() - 60_000;
  const sessions = [
    record(7, { openedAtMs }),
    // The clock was set back after this session was opened.
    record(8, { openedAtMs: Date.now() + 60_000 }),
  ];
  restore(server.relay, { sessions, silentMs: 0, away: new Map() }, 100_000);
  const [first, second] = server.sessions;
  assert(Math.abs(first.openedMs - 40_000) < 1000, `${first.openedMs}`);
  assertEquals(second.openedMs, 100_000);
});

Deno.test("restore() restores the newer of two sessions that no station can distinguish", () => {
  const server = new RecordedRelay({ side: "server", graceMs: GRACE_MS });
  const same = { tunnelId: 7, linkId: 7 };
  // The peer of the older session has been absent for a longer or a shorter time.
  const sessions = [
    record(3, { ...same, peer: "one" }),
    record(5, { ...same, peer: "two" }),
    record(4, { ...same, peer: "three" }),
  ];
  const away = new Map([["one", 1000], ["two", 2000], ["three", 3000]]);
  restore(server.relay, { sessions, silentMs: 0, away }, 100_000, 5000);
  assertEquals(server.sessions.map(({ serial }) => serial), [5]);
  assertEquals(server.closed.map(({ session, end }) => [session.serial, end.cause]), [
    [3, "id-reused"],
    [4, "id-reused"],
  ]);
  assertEquals(server.link, []);
});

Deno.test("restore() sends a PADT to the AC that knows an older session by another address", () => {
  const server = new RecordedRelay({ side: "server", mac: "per-host", graceMs: GRACE_MS });
  const same = { tunnelId: 7, linkId: 7, peer: "key" };
  const sessions = [record(5, same), record(4, { ...same, shownMac: mac(9) })];
  restore(server.relay, { sessions, silentMs: 0, away: new Map() }, 100_000);
  assertEquals(server.sessions.map(({ serial }) => serial), [5]);
  assertEquals(server.link, [discovery("PADT", mac(9), AC, [], 7)]);
});
