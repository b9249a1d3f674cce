// The state directory, on the main thread: what lets sessions outlive a killed process.
//
//     lock              held by the one process that uses the directory; its time is the sign of life,
//                       which a process gives from when it carries sessions on, and not before
//     identity          a secret by which this side is known again
//     sessions.jsonl    the base: a header, then all sessions and owed PADTs of some moment
//     changes.N.jsonl   segments: what has changed since, appended by the data worker (journal.ts)
//
// A full segment is compacted: base and segments are read, a new base takes the old one's place, and
// the segments go. The base names the last segment that is in it, so a kill between any two of these
// steps changes nothing.

import { LockFile, SystemError } from "../../ffi/mod.ts";
import { ConfigurationError } from "../configuration_error.ts";
import type { Log } from "../observe/log.ts";
import { reasonOf } from "../reason.ts";
import type { Side } from "../relay/mod.ts";
import {
  FILE,
  ifThere,
  isFileError,
  removeFile,
  removeUnfinished,
  replaceFile,
  segmentPath,
  setAside,
  syncFile,
} from "./files.ts";
import { encodeHeader } from "./header.ts";
import { parseHex } from "./hex.ts";
import { type Damage, load, type Loaded } from "./load.ts";
import type { Replay } from "./replay.ts";
import { encodeAway, encodeOpen, encodeOwe, type SessionRecord } from "./session_record.ts";

const IDENTITY_BYTES = 16;
const EVERY_MS = 1000;
/** What a disk says that is full, which is no reason not to start. */
const NO_ROOM = ["ENOSPC", "EDQUOT"];

/** Options for {@linkcode StateDir.open}. */
export interface StateDirOptions {
  mode: Side;
  /** The link's interface. */
  interfaceName: string;
  log: Pick<Log, "warning">;
  /** The wall clock, in ms since the epoch. */
  now?: () => number;
  /** Calls a function every second, until the function that it returns is called. */
  everySecond?: (act: () => Promise<void>) => () => void;
}

/** What a directory had when it was opened. */
interface Found {
  identity: Uint8Array;
  loaded: Loaded;
  silentMs: number | undefined;
}

/** A state directory that this process holds. */
export class StateDir {
  /** The directory. */
  readonly path: string;
  /** A secret of 16 bytes, the same whenever the directory is opened. */
  readonly identity: Uint8Array;
  /** The sessions that were live when the process before this one ended. */
  readonly sessions: SessionRecord[];
  /** The PADTs that the link had not taken then. */
  readonly owed: Uint8Array[];
  /** Since when peers had no tunnel then, in ms since the epoch, by their keys. */
  readonly away: ReadonlyMap<string, number>;
  /**
   * How long ago that process gave its last sign of life, in ms by the wall clock, 0 if that went
   * back; undefined when there was none.
   */
  readonly silentMs: number | undefined;
  /** The serial number that the next session gets. */
  readonly nextSerial: number;
  /** The segment that the journal begins with. */
  readonly segment: number;
  readonly #options: StateDirOptions;
  readonly #lock: LockFile;
  /** Undefined until there are signs of life. */
  #stopTimer: (() => void) | undefined;
  /** The segment that the journal is at, as far as known. */
  #current: number;
  #syncedBytes = 0;
  // What goes on, each at most once at a time.
  #compaction = Promise.resolve();
  #signOfLife: Promise<void> | undefined;
  #sync: Promise<void> | undefined;
  /** What failed last time, and has been told. */
  readonly #failing = new Set<string>();
  #closed: Promise<void> | undefined;

  private constructor(path: string, options: StateDirOptions, lock: LockFile, found: Found) {
    const { replay } = found.loaded;
    this.path = path;
    this.identity = found.identity;
    this.sessions = [...replay.sessions.values()];
    this.owed = [...replay.owed.values()];
    this.away = awayOf(replay);
    this.silentMs = found.silentMs;
    this.nextSerial = replay.lastSerial + 1;
    this.segment = this.#current = lastSegment(found.loaded) + 1;
    this.#options = options;
    this.#lock = lock;
  }

  /**
   * Takes a directory, made if there is none, and reads what it has. That is no sign of life: a process
   * that fails to start, time and again, does not put off what its predecessor owes.
   *
   * @param path The directory.
   * @param options Who uses it, and for what.
   * @throws {ConfigurationError} If another process uses it, it has sessions of another mode or
   * interface, or it cannot be read and written.
   */
  static async open(path: string, options: StateDirOptions): Promise<StateDir> {
    let lock: LockFile | undefined;
    try {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
      const lockPath = `${path}/${FILE.lock}`;
      const wasThere = await lastChange(lockPath) !== undefined;
      lock = LockFile.take(lockPath);
      if (lock === undefined) {
        throw new ConfigurationError(`Cannot use ${path}: another process uses it`);
      }
      const sign = await lastChange(wasThere ? lockPath : `${path}/${FILE.base}`);
      // The base is about to be another one, and the lock is new.
      if (!wasThere && sign !== undefined) await Deno.utime(lockPath, sign, sign);
      const found = await find(path, options, sign?.getTime());
      return new StateDir(path, options, lock, found);
    } catch (error) {
      lock?.close();
      if (error instanceof SystemError) throw new ConfigurationError(error.message);
      if (!isFileError(error)) throw error;
      throw new ConfigurationError(`Cannot use ${path}: ${reasonOf(error)}`);
    }
  }

  /** Its sessions go on: gives a sign of life, and another one every second. */
  alive(): Promise<void> {
    if (this.#stopTimer !== undefined || this.#closed !== undefined) return Promise.resolve();
    this.#stopTimer = (this.#options.everySecond ?? everySecond)(() => this.#tick());
    return this.#tick();
  }

  /**
   * Compacts the segments up to one, to which nothing is written any more. Never rejects: what fails
   * is logged, and is made good by the next time.
   */
  compacted(segment: number): Promise<void> {
    if (this.#closed !== undefined) return this.#closed;
    if (segment >= this.#current) {
      this.#current = segment + 1;
      this.#syncedBytes = 0;
    }
    return this.#compact(segment);
  }

  /** Compacts everything, gives a last sign of life if it gave any, and lets the directory go. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** Whether the next process will find it: nobody has removed it meanwhile. */
  isThere(): Promise<boolean> {
    return Deno.stat(`${this.path}/${FILE.lock}`).then(() => true, () => false);
  }

  async #close(): Promise<void> {
    this.#stopTimer?.();
    await Promise.all([this.#signOfLife, this.#sync]);
    await this.#compact(Infinity);
    if (this.#stopTimer !== undefined) await this.#touch();
    this.#lock.close();
  }

  #compact(upTo: number): Promise<void> {
    return this.#compaction = this.#compaction.then(() =>
      this.#guarded("compact", async () => {
        const loaded = await load(this.path, { upTo, salvage: false });
        await compact(this.path, this.#options, loaded);
      })
    );
  }

  // A disk that hangs in an fsync must not make this side look dead.
  async #tick(): Promise<void> {
    this.#signOfLife ??= this.#touch().finally(() => this.#signOfLife = undefined);
    this.#sync ??= this.#syncSegment().finally(() => this.#sync = undefined);
    await Promise.all([this.#signOfLife, this.#sync]);
  }

  #touch(): Promise<void> {
    return this.#guarded("give a sign of life in", async () => {
      const now = new Date((this.#options.now ?? Date.now)());
      await Deno.utime(`${this.path}/${FILE.lock}`, now, now);
    });
  }

  #syncSegment(): Promise<void> {
    return this.#guarded("write to disk what is in", async () => {
      const segment = this.#current;
      const path = segmentPath(this.path, segment);
      const { size = 0 } = await ifThere(Deno.stat(path)) ?? {};
      if (size === this.#syncedBytes) return;
      await ifThere(syncFile(path));
      if (segment === this.#current) this.#syncedBytes = size;
    });
  }

  // Once, however often it fails.
  async #guarded(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.#failing.delete(what);
    } catch (error) {
      if (this.#failing.has(what)) return;
      this.#failing.add(what);
      this.#options.log.warning(`Cannot ${what} ${this.path}: ${reasonOf(error)}`);
    }
  }
}

async function find(path: string, options: StateDirOptions, signMs?: number): Promise<Found> {
  const loaded = await load(path, { salvage: true });
  checkHeader(path, options, loaded);
  const nowMs = (options.now ?? Date.now)();
  const silentMs = signMs === undefined ? undefined : Math.max(0, nowMs - signMs);

  await removeUnfinished(path);
  const identity = await readIdentity(path, options) ?? await makeIdentity(path);
  try {
    await compact(path, options, loaded);
  } catch (error) {
    // What is there can be read again, unless the base would say that it is someone else's.
    const { header } = loaded;
    const ours = header !== undefined && "mode" in header && header.mode === options.mode &&
      header.interface === options.interfaceName;
    if (!ours || !isFileError(error) || !NO_ROOM.includes(error.code)) throw error;
    options.log.warning(`Cannot compact ${path}: ${reasonOf(error)}`);
  }
  return { identity, loaded, silentMs };
}

async function lastChange(path: string): Promise<Date | undefined> {
  return (await ifThere(Deno.stat(path)))?.mtime ?? undefined;
}

function checkHeader(path: string, options: StateDirOptions, { header, replay }: Loaded): void {
  if (header === undefined) return;
  if ("laterVersion" in header) {
    throw new ConfigurationError(
      `Cannot use ${path}: a later pppoe-proxy wrote it, in version ${header.laterVersion} of its ` +
        "format; use that program, or another directory",
    );
  }
  const { mode, interface: name } = header;
  if (mode === options.mode && name === options.interfaceName) return;
  if (replay.sessions.size === 0 && replay.owed.size === 0) return;
  throw new ConfigurationError(
    `Cannot use ${path}: it has sessions of a ${mode} on ${name}, and this is a ${options.mode} on ` +
      `${options.interfaceName}; use another directory, or remove this one if they are to be forgotten`,
  );
}

async function readIdentity(path: string, { log }: StateDirOptions) {
  const text = await ifThere(Deno.readTextFile(`${path}/${FILE.identity}`));
  if (text === undefined) return undefined;
  const identity = parseHex(text.trimEnd());
  if (identity?.length === IDENTITY_BYTES) return identity;
  const aside = await setAside(path, FILE.identity);
  log.warning(
    `Cannot read ${path}/${FILE.identity}: it is not 32 hexadecimal digits; it is kept as ${aside}, ` +
      "and a new one made",
  );
  return undefined;
}

async function makeIdentity(path: string): Promise<Uint8Array> {
  const identity = crypto.getRandomValues(new Uint8Array(IDENTITY_BYTES));
  await replaceFile(path, FILE.identity, [`${identity.toHex()}\n`]);
  return identity;
}

/** Makes one base of what was loaded, with what could not be read set aside. */
async function compact(path: string, options: StateDirOptions, loaded: Loaded): Promise<void> {
  const { replay, segments, damaged } = loaded;
  for (const damage of damaged) {
    const aside = await setAside(path, damage.name);
    options.log.warning(
      `Cannot read ${whatOf(damage)} ${path}/${damage.name}; it is kept as ${aside}`,
    );
  }
  const header = encodeHeader({
    mode: options.mode,
    interface: options.interfaceName,
    through: lastSegment(loaded),
    lastSerial: replay.lastSerial,
  });
  await replaceFile(path, FILE.base, baseLines(header, replay));
  for (const segment of segments) await removeFile(segmentPath(path, segment));
}

/** Those who are away and have something to come back for. */
function awayOf({ sessions, away }: Replay): Map<string, number> {
  const peers = new Set(Array.from(sessions.values(), ({ peer }) => peer));
  return new Map([...away].filter(([peer]) => peers.has(peer)));
}

function* baseLines(header: string, replay: Replay): Generator<string> {
  const { sessions, owed } = replay;
  yield header;
  for (const record of sessions.values()) yield encodeOpen(record);
  for (const frame of owed.values()) yield encodeOwe(frame);
  for (const [peer, sinceMs] of awayOf(replay)) yield encodeAway(peer, sinceMs);
}

function whatOf({ lines }: Damage): string {
  if (lines === undefined) return "anything of";
  return lines === 1 ? "1 line of" : `${lines} lines of`;
}

/** The last segment whose changes are in what was loaded. */
function lastSegment({ header, segments }: Loaded): number {
  const through = header !== undefined && "through" in header ? header.through : 0;
  return Math.max(through, segments.at(-1) ?? 0);
}

function everySecond(act: () => Promise<void>): () => void {
  const timer = setInterval(act, EVERY_MS);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}
