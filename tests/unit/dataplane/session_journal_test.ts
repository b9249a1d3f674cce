// What is noted of the sessions when the disk takes nothing for a while, and what is taken up of them.

import { assert, assertEquals } from "@std/assert";
import { restore, SessionJournal } from "../../../src/dataplane/session_journal.ts";
import { Journal } from "../../../src/state/mod.ts";
import { encodeReset, parseLine } from "../../../src/state/session_record.ts";
import type { MacMode } from "../../../src/relay/mod.ts";
import {
  AC,
  data,
  discovery,
  faceOfHost,
  HOST,
  mac,
  MAC_MODES,
  RecordedRelay,
  SERVER_LINK,
} from "../../support/relays.ts";
import { record } from "../state/fixture.ts";

/** A session, and a journal that can write nothing until `mend` is called. */
class Broken implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "test-journal-" });
  readonly relay = new RecordedRelay({ side: "server", graceMs: 20_000 }).relay;
  readonly sessions: RecordedRelay["sessions"];
  readonly journal: SessionJournal;

  constructor() {
    Deno.symlinkSync("/dev/full", `${this.path}/changes.1.jsonl`);
    Deno.mkdirSync(`${this.path}/changes.2.jsonl/not-empty`, { recursive: true });
    const relay = this.relay;
    relay.addTunnel(1, { key: "key", name: "osaka" }, 0);
    const ids = { tunnelId: 7, linkId: 7 };
    const macs = { nearMac: AC, farMac: HOST, shownMac: SERVER_LINK };
    const session = relay.open({ peer: relay.tunnels.get(1)!, ...macs, ...ids }, 0);
    this.sessions = [session];
    const journal = Journal.open(this.path, 1, { full: () => {}, failed: () => {} });
    this.journal = new SessionJournal(journal, []);
    this.journal.opened(session, 0);
  }

  catchUp(nowMs: number, atMs = nowMs): boolean {
    return this.journal.catchUp(this.sessions, [], nowMs, atMs);
  }

  mend(): void {
    Deno.removeSync(`${this.path}/changes.2.jsonl`, { recursive: true });
  }

  /** The lines that were written; undefined: none. */
  get written(): string[] | undefined {
    const path = `${this.path}/changes.2.jsonl`;
    if (!Deno.statSync(path).isFile) return undefined;
    return Deno.readTextFileSync(path).split(/(?<=\n)/);
  }

  [Symbol.dispose](): void {
    this.journal.close();
    Deno.removeSync(this.path, { recursive: true });
  }
}

function assertWhole(lines: string[] | undefined): void {
  assertEquals([lines?.length, lines?.at(0), lines?.at(-1)], [
    3,
    encodeReset("begin"),
    encodeReset("end"),
  ]);
  const change = parseLine(lines![1].trimEnd());
  assertEquals(change?.type === "open" && change.record.tunnelId, 7);
}

Deno.test("SessionJournal writes all sessions when the disk takes something again", () => {
  using broken = new Broken();
  assertEquals([broken.catchUp(1000), broken.written], [false, undefined]);
  broken.mend();
  assertEquals(broken.catchUp(3000), true);
  assertWhole(broken.written);
});

Deno.test("SessionJournal tries at its last chance however short the time since it failed", () => {
  using broken = new Broken();
  broken.catchUp(1000);
  broken.mend();
  assertEquals([broken.catchUp(1001), broken.catchUp(1001, Infinity)], [false, true]);
  assertWhole(broken.written);
});

Deno.test("SessionJournal notes anew who is away when the disk takes something again", () => {
  using broken = new Broken();
  const sinceMs = Date.now();
  broken.relay.removeTunnel(1, "tunnel-lost", 1000);
  broken.journal.noteAway(broken.sessions[0].peer, 1000);
  broken.mend();
  assertEquals(broken.catchUp(5000), true);
  const lines = broken.written!;
  const note = parseLine(lines.pop()!.trimEnd());
  assertWhole(lines);
  assert(note?.type === "away" && note.peer === "key", JSON.stringify(note));
  assert(Math.abs(note.sinceMs - (sinceMs - 4000)) < 1000, `${note.sinceMs - sinceMs}`);
});

const GRACE_MS = 20_000;
const NAME = "client 1";

/** A server's relay in some mode that takes up session 7 of HOST, which an earlier run knew by a face. */
function restored(mode: MacMode, shownMac: Uint8Array, peer = "key"): RecordedRelay {
  const server = new RecordedRelay({ side: "server", mac: mode, graceMs: GRACE_MS });
  const sessions = [record(7, { peer, name: NAME, shownMac })];
  const state = {
    path: "",
    segment: 1,
    nextSerial: 8,
    sessions,
    undelivered: [],
    silentMs: 5000,
    away: new Map(),
    secret: new Uint8Array(16),
  };
  restore(server.relay, state, 100_000);
  return server;
}

for (const mode of MAC_MODES) {
  const face = faceOfHost(mode, HOST);

  Deno.test(`restore() holds what its stations know by the same address, with --mac ${mode}`, () => {
    const server = restored(mode, face);
    assertEquals([server.sessions.map(({ serial }) => serial), server.link], [[7], []]);
    server.relay.tick(100_000 + GRACE_MS - 5001);
    assertEquals(server.link, []);
    server.relay.addTunnel(1, { key: "key", name: NAME }, 110_000);
    const frame = data(HOST, AC, 7);
    assertEquals(server.relay.sessionFromTunnel(1, frame, 0, 110_000), server.sessions[0]);
    assertEquals(frame, data(face, AC, 7));
  });

  Deno.test(`restore() counts the grace from when the earlier run was last there, with --mac ${mode}`, () => {
    const server = restored(mode, face);
    server.relay.tick(100_000 + GRACE_MS - 5000);
    assertEquals(server.link, [discovery("PADT", face, AC, [], 7)]);
  });

  for (const before of MAC_MODES) {
    if (before === mode) continue;
    if (mode !== "own") {
      Deno.test(`restore() keeps a session of --mac ${before} with --mac ${mode} now, which takes all addresses`, () => {
        const server = restored(mode, faceOfHost(before, HOST));
        assertEquals([server.sessions.map(({ serial }) => serial), server.link], [[7], []]);
      });
      continue;
    }
    Deno.test(`restore() closes a session of --mac ${before} with the address of then, with --mac ${mode} now`, () => {
      const old = faceOfHost(before, HOST);
      const server = restored(mode, old);
      assertEquals(server.link, [discovery("PADT", old, AC, [], 7)]);
      assertEquals([server.sessions, server.tunnel], [[], []]);
      assertEquals(server.causes, [
        "mac-changed",
      ]);
    });
  }

  Deno.test(`restore() lets a session end at once that nobody can come back for, with --mac ${mode}`, () => {
    const server = restored(mode, face, "");
    server.relay.tick(100_000);
    assertEquals(server.link, [discovery("PADT", face, AC, [], 7)]);
    assertEquals(server.sessions, []);
  });
}

Deno.test("restore() closes with the old address what was bound to it when the link has another one", () => {
  const old = mac(0x51);
  const server = restored("own", old);
  assertEquals(server.link, [discovery("PADT", old, AC, [], 7)]);
  assertEquals(server.sessions, []);
});

Deno.test("restore() keeps how long a session has been open", () => {
  const server = new RecordedRelay({ side: "server", graceMs: GRACE_MS });
  const openedAtMs = Date.now() - 60_000;
  const sessions = [
    record(7, { openedAtMs }),
    // As one that a clock was set back behind.
    record(8, { openedAtMs: Date.now() + 60_000 }),
  ];
  const state = {
    path: "",
    segment: 1,
    nextSerial: 9,
    sessions,
    undelivered: [],
    silentMs: 0,
    away: new Map(),
    secret: new Uint8Array(16),
  };
  restore(server.relay, state, 100_000);
  const [first, second] = server.sessions;
  assert(Math.abs(first.openedMs - 40_000) < 1000, `${first.openedMs}`);
  assertEquals(second.openedMs, 100_000);
});
