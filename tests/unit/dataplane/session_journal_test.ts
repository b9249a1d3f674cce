// The journal of sessions while the disk cannot be written.

import { assert, assertEquals } from "@std/assert";
import { SessionJournal } from "../../../src/dataplane/session_journal.ts";
import { Journal } from "../../../src/state/mod.ts";
import { encodeReset, parseLine } from "../../../src/state/session_record.ts";
import { AC, HOST, RecordedRelay, SERVER_LINK } from "../../support/relays.ts";

/** A session, and a journal that cannot write until `mend` is called. */
class Broken implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "test-journal-" });
  readonly relay = new RecordedRelay({ side: "server", graceMs: 20_000 }).relay;
  readonly sessions: RecordedRelay["sessions"];
  readonly journal: SessionJournal;

  constructor() {
    Deno.mkdirSync(`${this.path}/changes.2.jsonl/not-empty`, { recursive: true });
    const relay = this.relay;
    relay.addTunnel(1, { key: "key", name: "osaka" }, 0);
    const ids = { tunnelId: 7, linkId: 7 };
    const macs = { nearMac: AC, farMac: HOST, shownMac: SERVER_LINK };
    const session = relay.open({ peer: relay.peersByTunnel.get(1)!, ...macs, ...ids }, 0);
    this.sessions = [session];
    const journal = Journal.open(this.path, 1, { full: () => {}, failed: () => {} });
    this.journal = new SessionJournal(journal, []);
    const { prototype } = Deno.FsFile;
    const { writeSync } = prototype;
    prototype.writeSync = () => {
      throw new Error("No space left on device (os error 28)");
    };
    try {
      this.journal.opened(session, 0);
    } finally {
      prototype.writeSync = writeSync;
    }
  }

  catchUp(nowMs: number, atMs = nowMs): boolean {
    return this.journal.catchUp(this.sessions, [], nowMs, atMs);
  }

  mend(): void {
    Deno.removeSync(`${this.path}/changes.2.jsonl`, { recursive: true });
  }

  /** The lines that were written; undefined if there are none. */
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

Deno.test("SessionJournal writes all sessions when the disk can be written again", () => {
  using broken = new Broken();
  assertEquals([broken.catchUp(1000), broken.written], [false, undefined]);
  broken.mend();
  assertEquals(broken.catchUp(3000), true);
  assertWhole(broken.written);
});

Deno.test("SessionJournal tries at its last chance, however recent the last failure", () => {
  using broken = new Broken();
  broken.catchUp(1000);
  broken.mend();
  assertEquals([broken.catchUp(1001), broken.catchUp(1001, Infinity)], [false, true]);
  assertWhole(broken.written);
});

Deno.test("SessionJournal notes peers that are away again when the disk can be written again", () => {
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
