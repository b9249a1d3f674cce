// What is noted of the sessions when the disk takes nothing for a while.

import { assertEquals } from "@std/assert";
import { Keeper } from "../../../src/dataplane/keeper.ts";
import { Reporter } from "../../../src/dataplane/reporter.ts";
import { encodeReset, parseLine } from "../../../src/state/session_record.ts";
import { AC, HOST, RecordedRelay, SERVER_LINK } from "../../support/relays.ts";

/** A session, and a keeper that can write nothing until `mend` is called. */
class Broken implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "test-keeper-" });
  readonly sessions: RecordedRelay["sessions"];
  readonly keeper: Keeper;

  constructor() {
    Deno.symlinkSync("/dev/full", `${this.path}/changes.1.jsonl`);
    Deno.mkdirSync(`${this.path}/changes.2.jsonl/not-empty`, { recursive: true });
    const { relay } = new RecordedRelay({ side: "server" });
    relay.addTunnel(1, { key: "key", name: "osaka" }, 0);
    const ids = { tunnelId: 7, linkId: 7 };
    const macs = { peerMac: AC, farMac: HOST, facingMac: SERVER_LINK };
    const session = relay.open({ remote: relay.tunnels.get(1)!, ...macs, ...ids }, 0);
    this.sessions = [session];
    const reporter = new Reporter("server", false, () => 0, () => {});
    const state = { path: this.path, segment: 1, nextSerial: 1, sessions: [], owed: [] };
    const rest = { away: new Map(), secret: new Uint8Array(16), silentMs: 0 };
    this.keeper = new Keeper({ ...state, ...rest }, reporter);
    this.keeper.opened(session, 0);
  }

  tick(nowMs: number): void {
    this.keeper.tick(this.sessions, [], nowMs);
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
    this.keeper.close();
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

Deno.test("Keeper writes all sessions when the disk takes something again", () => {
  using broken = new Broken();
  broken.tick(1000);
  assertEquals(broken.written, undefined);
  broken.mend();
  broken.tick(3000);
  assertWhole(broken.written);
});

Deno.test("Keeper tries once more when it is closed, however short the time since it failed", () => {
  using broken = new Broken();
  broken.tick(1000);
  broken.mend();
  broken.keeper.close();
  assertWhole(broken.written);
});
