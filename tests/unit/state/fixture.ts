// Records and temporary directories for the tests of the state.

import { type SessionRecord, StateDir, type StateDirOptions } from "../../../src/state/mod.ts";
import { padt } from "../../../src/relay/padt.ts";
import { AC, HOST, SERVER_LINK } from "../../support/relays.ts";

/** Makes a session record that differs from others only in its numbers. */
export function record(serial: number, over: Partial<SessionRecord> = {}): SessionRecord {
  return {
    serial,
    peer: "00112233",
    name: "a client",
    nearMac: AC,
    farMac: HOST,
    shownMac: SERVER_LINK,
    tunnelId: serial,
    linkId: serial,
    openedAtMs: Date.UTC(2025, 0, 1) + serial,
    ...over,
  };
}

/** Makes a PADT that differs from others only in its session id. */
export function undeliveredPadt(sessionId: number): Uint8Array {
  return padt(AC, SERVER_LINK, sessionId);
}

/** Returns the serial numbers of a directory's sessions. */
export function serials({ sessions }: { sessions: SessionRecord[] }): number[] {
  return sessions.map(({ serial }) => serial).sort((a, b) => a - b);
}

/** A state directory that can be opened, and inspected as after a kill. */
export class Fixture implements AsyncDisposable {
  /** A directory that is removed at the end. */
  readonly root = Deno.makeTempDirSync({ prefix: "test-state-" });
  /** Path of the state directory, which does not exist at first. */
  readonly path = `${this.root}/state`;
  /** The logged warnings. */
  readonly warnings: string[] = [];
  /** Time of the wall clock. */
  nowMs = Date.UTC(2025, 0, 2);
  /** Calls the every-second function of the directory for which `alive` was called last. */
  tick: () => Promise<void> = () => Promise.resolve();
  readonly #opened: StateDir[] = [];
  #copies = 0;

  async open(over: Partial<StateDirOptions> = {}, path = this.path): Promise<StateDir> {
    const dir = await StateDir.open(path, {
      side: "server",
      interfaceName: "eth1",
      log: { warning: (message) => this.warnings.push(message) },
      now: () => this.nowMs,
      everySecond: (act) => {
        this.tick = act;
        return () => {};
      },
      ...over,
    });
    this.#opened.push(dir);
    return dir;
  }

  /** Copies the files as a kill at this moment would leave them. No process has locked the copy. */
  async copy(from = this.path): Promise<string> {
    const copy = `${this.root}/copy-${++this.#copies}`;
    await Deno.mkdir(copy);
    for (const name of this.names(from)) {
      await Deno.copyFile(`${from}/${name}`, `${copy}/${name}`);
      const { atime, mtime } = await Deno.stat(`${from}/${name}`);
      await Deno.utime(`${copy}/${name}`, atime!, mtime!);
    }
    return copy;
  }

  /** Lists the names of the files. */
  names(path = this.path): string[] {
    return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  }

  read(name: string, path = this.path): string {
    return Deno.readTextFileSync(`${path}/${name}`);
  }

  write(name: string, text: string | Uint8Array, path = this.path): void {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    Deno.writeFileSync(`${path}/${name}`, bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const dir of this.#opened) await dir.close();
    await Deno.remove(this.root, { recursive: true });
  }
}
