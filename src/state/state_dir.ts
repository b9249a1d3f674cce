// The state directory, which lets sessions survive a killed process. Used on the main thread.
//
//     lock              held by the process that uses the directory; its content and its modification time
//                       are a sign of life (sign_of_life.ts), which a process gives only once it has taken
//                       over the sessions
//     identity          a secret by which servers recognize a client, and a server recognizes its tokens
//     sessions.jsonl    the base: a header, then all sessions and undelivered PADTs at some time
//     changes.N.jsonl   segments: the changes since then, appended by the data worker (journal.ts)
//
// A full segment is compacted: base and segments are read, a new base replaces the old one, and the
// segments are removed. The base names the last segment that it includes, so a kill between these steps
// does no harm.

import { ERRNO, LockFile, SystemError } from "../../ffi/mod.ts";
import { ConfigurationError } from "../configuration_error.ts";
import { OwnFile, UnsafeFileError } from "../files/own_file.ts";
import { OTHERS, OTHERS_WRITE, ownerFault, ownUid } from "../files/owner.ts";
import { pathFault } from "../files/path_fault.ts";
import { shellWord } from "../files/shell_word.ts";
import type { Log } from "../observe/log.ts";
import { logLine } from "../observe/log_lines.ts";
import { reasonOf } from "../reason.ts";
import type { Side } from "../side.ts";
import {
  FILE,
  ifExists,
  isFileError,
  isNoSpace,
  removeFile,
  removeUnfinished,
  replaceFile,
  segmentPath,
  setAside,
  syncFile,
} from "./files.ts";
import { encodeHeader } from "./header.ts";
import { parseHex } from "./hex.ts";
import {
  type BootClock,
  encodeSign,
  isPossibleTime,
  parseSign,
  SIGN_BYTES,
  SIGN_MAX_BYTES,
  silenceSince,
  systemBootClock,
} from "./sign_of_life.ts";
import { type Damage, load, type Loaded } from "./load.ts";
import type { Replay } from "./replay.ts";
import { encodeAway, encodeOpen, encodeUndelivered, type SessionRecord } from "./session_record.ts";

const IDENTITY_BYTES = 16;
/** The maximum length of the file with the identity, in which an editor may have left some blanks. */
const IDENTITY_MAX_BYTES = 1024;
const EVERY_MS = 1000;

/** Options for {@linkcode StateDir.open}. */
export interface StateDirOptions {
  /** The side that uses the directory. */
  side: Side;
  /** Name of the link's interface. */
  interfaceName: string;
  log: Pick<Log, "warning">;
  /** Returns the wall-clock time in ms since the epoch. */
  now?: () => number;
  /** The time since the machine's start; by default the machine's own, or none if `now` is given. */
  clock?: BootClock;
  /** Calls a function every second until the returned function is called. */
  everySecond?: (act: () => Promise<void>) => () => void;
}

/** The content of a directory when it was opened. */
interface Found {
  identity: Uint8Array;
  loaded: Loaded;
  silentMs: number | undefined;
  /** The time by the directory's clock. */
  clockMs: number;
}

/** The last sign of life: the file's content, and the time of its last change. */
interface LastSign {
  text: string;
  changedMs: number;
}

/** A state directory that this process holds. */
export class StateDir {
  /** Path of the directory. */
  readonly path: string;
  /** A secret of 16 bytes, the same each time the directory is opened. */
  readonly identity: Uint8Array;
  /** The sessions that were live when the previous process ended. */
  readonly sessions: SessionRecord[];
  /** The PADTs that were undelivered when the previous process ended. */
  readonly undelivered: Uint8Array[];
  /**
   * The peers that had no tunnel when the previous process ended: by their keys, the times at which they
   * had lost it, in ms since the epoch.
   */
  readonly away: ReadonlyMap<string, number>;
  /**
   * Time since the previous process's last sign of life, in ms, by a clock that nobody sets if there is
   * one; undefined if there was no sign of life.
   */
  readonly silentMs: number | undefined;
  /**
   * The difference between the directory's clock, which is never set, and the time since the machine's start,
   * in ms. Undefined if the wall clock is used.
   */
  readonly clockOffsetMs: number | undefined;
  /** Serial number for the next session. */
  readonly nextSerial: number;
  /** Number of the journal's first segment. */
  readonly segment: number;
  readonly #options: StateDirOptions;
  readonly #clock: BootClock | undefined;
  readonly #lock: LockFile;
  /** Stops the signs of life, once `alive` has started them. */
  #stopTimer: (() => void) | undefined;
  /** The journal's current segment, as far as known on this thread. */
  #current: number;
  #syncedBytes = 0;
  // Operations in progress, at most one of each kind.
  #compaction = Promise.resolve();
  #signOfLife: Promise<void> | undefined;
  #sync: Promise<void> | undefined;
  /** Actions that failed the last time, and whose failure has been logged. */
  readonly #failing = new Set<string>();
  #closed: Promise<void> | undefined;

  private constructor(path: string, options: StateDirOptions, lock: LockFile, found: Found) {
    const { replay } = found.loaded;
    this.path = path;
    this.identity = found.identity;
    this.sessions = [...replay.sessions.values()];
    this.undelivered = [...replay.undelivered.values()];
    this.away = awayOf(replay);
    this.silentMs = found.silentMs;
    const clock = this.#clock = bootClockOf(options);
    this.clockOffsetMs = clock && found.clockMs - clock.sinceBootMs();
    this.nextSerial = replay.lastSerial + 1;
    this.segment = this.#current = lastSegment(found.loaded) + 1;
    this.#options = options;
    this.#lock = lock;
  }

  /**
   * Locks a directory, after creating it if necessary, and reads it. Gives no sign of life, so that a
   * process that repeatedly fails to start does not delay the end of its predecessor's sessions.
   *
   * @param path The path of the directory
   * @param options The side that uses the directory, and its interface
   * @returns The state directory, to be closed by the caller
   * @throws {ConfigurationError} If another process uses the directory, it has sessions of the other
   * side or another interface, or it cannot be read and written
   */
  static async open(path: string, options: StateDirOptions): Promise<StateDir> {
    let lock: LockFile | undefined;
    try {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
      await checkDirectory(path, options);
      const lockPath = `${path}/${FILE.lock}`;
      const existed = await lastChange(lockPath) !== undefined;
      lock = LockFile.take(lockPath);
      if (lock === undefined) {
        throw new ConfigurationError(`Cannot use ${path}: another process uses it`);
      }
      const signPath = existed ? lockPath : `${path}/${FILE.base}`;
      const change = await lastChange(signPath);
      // The lock is new and the base is about to be replaced, so keep the base's time in the lock.
      if (!existed && change !== undefined) await touch(lockPath, change.getTime());
      const bytes = existed ? await readSign(lockPath) : new Uint8Array();
      const sign = lastSign(bytes, change);
      const found = await find(path, options, sign);
      return new StateDir(path, options, lock, found);
    } catch (error) {
      lock?.close();
      if (error instanceof UnsafeFileError) throw new ConfigurationError(error.message);
      if (error instanceof SystemError) throw new ConfigurationError(lockFault(path, error));
      if (!isFileError(error)) throw error;
      throw new ConfigurationError(`Cannot use ${path}: ${refusal(error)}`);
    }
  }

  /** Gives a sign of life, now and every second. Called once the sessions have been taken over. */
  alive(): Promise<void> {
    if (this.#stopTimer !== undefined || this.#closed !== undefined) return Promise.resolve();
    this.#stopTimer = (this.#options.everySecond ?? everySecond)(() => this.#tick());
    return this.#tick();
  }

  /**
   * Compacts the segments up to a full one. Never rejects: a failure is logged, and the next call
   * includes the segments of a failed one.
   *
   * @param segment The number of the full segment
   */
  compacted(segment: number): Promise<void> {
    if (this.#closed !== undefined) return this.#closed;
    if (segment >= this.#current) {
      this.#current = segment + 1;
      this.#syncedBytes = 0;
    }
    return this.#compact(segment);
  }

  /** Compacts everything, gives a last sign of life if `alive` was called, and releases the lock. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** Checks whether the directory still exists, so that the next process will find it. */
  exists(): Promise<boolean> {
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

  // The two run side by side, because an fsync that hangs must not stop the signs of life.
  async #tick(): Promise<void> {
    this.#signOfLife ??= this.#touch().finally(() => this.#signOfLife = undefined);
    this.#sync ??= this.#syncSegment().finally(() => this.#sync = undefined);
    await Promise.all([this.#signOfLife, this.#sync]);
  }

  #touch(): Promise<void> {
    return this.#guarded("give a sign of life in", async () => {
      const path = `${this.path}/${FILE.lock}`;
      const wallMs = (this.#options.now ?? Date.now)();
      const clock = this.#clock;
      if (clock !== undefined) {
        const { boot } = clock;
        const sinceBootMs = clock.sinceBootMs();
        const clockMs = sinceBootMs + this.clockOffsetMs!;
        await writeSign(path, encodeSign({ boot, sinceBootMs, clockMs, wallMs }));
      }
      await touch(path, wallMs);
    });
  }

  #syncSegment(): Promise<void> {
    return this.#guarded("sync the journal in", async () => {
      const segment = this.#current;
      const path = segmentPath(this.path, segment);
      const { size = 0 } = await ifExists(Deno.stat(path)) ?? {};
      if (size === this.#syncedBytes) return;
      await ifExists(syncFile(path));
      if (segment === this.#current) this.#syncedBytes = size;
    });
  }

  /** Runs an action and logs a failure, but only the first of several in a row. */
  async #guarded(action: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.#failing.delete(action);
    } catch (error) {
      if (this.#failing.has(action)) return;
      this.#failing.add(action);
      const reason = reasonOf(error);
      logLine(this.#options.log, "state-failure", { action, path: this.path, reason });
    }
  }
}

/** Explains why the system refuses a directory. */
function refusal(error: unknown): string {
  if (error instanceof Deno.errors.AlreadyExists) return "it is a file; give a directory";
  if (error instanceof Deno.errors.NotFound) {
    return "it does not exist, and cannot be made; give another one";
  }
  return pathFault(error, "directory", "give a directory to which this user can write");
}

async function find(path: string, options: StateDirOptions, last?: LastSign): Promise<Found> {
  const loaded = await load(path, { salvage: true });
  checkHeader(path, options, loaded);
  const nowMs = (options.now ?? Date.now)();
  let clockMs = nowMs;
  let silentMs: number | undefined;
  if (last !== undefined) {
    const sign = parseSign(last.text, last.changedMs);
    silentMs = silenceSince(sign, last.changedMs, nowMs, bootClockOf(options));
    // Without sessions there are no times to compare with, so the clock can begin anew.
    const lastMs = sign?.clockMs ?? last.changedMs;
    if (loaded.replay.sessions.size > 0) clockMs = lastMs + silentMs;
  }

  await removeUnfinished(path);
  const identity = await readIdentity(path, options) ?? await makeIdentity(path);
  try {
    await compact(path, options, loaded);
  } catch (error) {
    // There is no space. The old files can be used again, unless the base belongs to the other side or
    // another interface.
    const { header } = loaded;
    const ours = header !== undefined && "side" in header && header.side === options.side &&
      header.interface === options.interfaceName;
    if (!ours || !isNoSpace(error)) throw error;
    logLine(options.log, "state-failure", { action: "compact", path, reason: reasonOf(error) });
  }
  return { identity, loaded, silentMs, clockMs };
}

function bootClockOf({ now, clock }: StateDirOptions): BootClock | undefined {
  return clock ?? (now === undefined ? systemBootClock() : undefined);
}

// Replaces the content of the lock in place.
async function writeSign(path: string, text: string): Promise<void> {
  await using file = await OwnFile.open(path, "write");
  try {
    // A later version may have written a longer one.
    if (file.size > SIGN_BYTES) await file.truncate(SIGN_BYTES);
    await file.overwrite(new TextEncoder().encode(text));
  } catch {
    // The disk may be full. Then the time of the change alone is the sign, and an older content would be
    // taken for a later one.
    await file.truncate(0).catch(() => {});
  }
}

async function readSign(path: string): Promise<Uint8Array> {
  // A lock that could not be written must not be used.
  await using file = await OwnFile.open(path, "write");
  return await file.read(SIGN_MAX_BYTES);
}

async function touch(path: string, timeMs: number): Promise<void> {
  await using file = await OwnFile.open(path, "write");
  await file.touch(timeMs);
}

/** Refuses a directory of another user, and warns of one that other users can change. */
async function checkDirectory(path: string, { log }: StateDirOptions): Promise<void> {
  const { uid, mode } = await Deno.stat(path);
  const user = ownUid();
  const fault = ownerFault(uid, user);
  if (fault !== undefined) {
    throw new ConfigurationError(
      `Cannot use ${path}: ${fault}; run chown ${user} ${shellWord(path)}`,
    );
  }
  if (mode === null || (mode & OTHERS_WRITE) === 0) return;
  logLine(log, "state-dir-unsafe", { path, quoted: shellWord(path) });
}

/** Describes why the lock cannot be taken. */
function lockFault(path: string, error: SystemError): string {
  if (error.errno !== ERRNO.ELOOP) return error.message;
  return `Cannot use ${path}/${FILE.lock}: it is a symbolic link; remove it`;
}

function lastSign(bytes: Uint8Array, change: Date | undefined): LastSign | undefined {
  const changedMs = change?.getTime();
  // Some file systems keep times that no date can have.
  if (changedMs === undefined || !isPossibleTime(changedMs)) return undefined;
  return { text: new TextDecoder().decode(bytes), changedMs };
}

async function lastChange(path: string): Promise<Date | undefined> {
  return (await ifExists(Deno.lstat(path)))?.mtime ?? undefined;
}

function checkHeader(path: string, options: StateDirOptions, { header, replay }: Loaded): void {
  if (header === undefined) return;
  if ("laterVersion" in header) {
    throw new ConfigurationError(
      `Cannot use ${path}: it was written by a later pppoe-proxy, in version ${header.laterVersion} of ` +
        "the format; use that program or another directory",
    );
  }
  const { side, interface: name } = header;
  if (side === options.side && name === options.interfaceName) return;
  if (replay.sessions.size === 0 && replay.undelivered.size === 0) return;
  throw new ConfigurationError(
    `Cannot use ${path}: it has sessions of a ${side} on ${name}, but this is a ${options.side} on ` +
      `${options.interfaceName}; use another directory, or remove this one to forget the sessions`,
  );
}

async function readIdentity(path: string, { log }: StateDirOptions) {
  const name = `${path}/${FILE.identity}`;
  let fault = "it is not 32 hexadecimal digits";
  try {
    await using file = await OwnFile.open(name, "read");
    const text = new TextDecoder().decode(await file.read(IDENTITY_MAX_BYTES));
    const identity = parseHex(text.trimEnd());
    if (identity?.length === IDENTITY_BYTES) {
      if ((file.mode & OTHERS) !== 0) {
        logLine(log, "identity-unsafe", { path: name, quoted: shellWord(name) });
      }
      return identity;
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (!(error instanceof UnsafeFileError)) throw error;
    fault = error.fault;
  }
  const aside = await setAside(path, FILE.identity);
  logLine(log, "identity-unreadable", { path: name, fault, keptAs: aside });
  return undefined;
}

async function makeIdentity(path: string): Promise<Uint8Array> {
  const identity = crypto.getRandomValues(new Uint8Array(IDENTITY_BYTES));
  await replaceFile(path, FILE.identity, [`${identity.toHex()}\n`]);
  return identity;
}

/** Writes a new base, after setting aside the damaged files, and removes the segments. */
async function compact(path: string, options: StateDirOptions, loaded: Loaded): Promise<void> {
  const { replay, segments, damaged } = loaded;
  for (const damage of damaged) {
    const aside = await setAside(path, damage.name);
    logLine(options.log, "state-damaged", {
      extent: extentOf(damage),
      lines: damage.lines,
      path: `${path}/${damage.name}`,
      reason: damage.reason,
      keptAs: aside,
    });
  }
  const header = encodeHeader({
    side: options.side,
    interface: options.interfaceName,
    through: lastSegment(loaded),
    lastSerial: replay.lastSerial,
  });
  await replaceFile(path, FILE.base, baseLines(header, replay));
  for (const segment of segments) await removeFile(segmentPath(path, segment));
}

/** Returns the times of the peers without a tunnel that have sessions to return to. */
function awayOf({ sessions, away }: Replay): Map<string, number> {
  const peers = new Set(Array.from(sessions.values(), ({ peer }) => peer));
  return new Map([...away].filter(([peer]) => peers.has(peer)));
}

function* baseLines(header: string, replay: Replay): Generator<string> {
  const { sessions, undelivered } = replay;
  yield header;
  for (const record of sessions.values()) yield encodeOpen(record);
  for (const frame of undelivered.values()) yield encodeUndelivered(frame);
  for (const [peer, sinceMs] of awayOf(replay)) yield encodeAway(peer, sinceMs);
}

function extentOf({ lines }: Damage): string {
  if (lines === undefined) return "";
  return lines === 1 ? "1 line of " : `${lines} lines of `;
}

/** Returns the last segment whose changes were loaded. */
function lastSegment({ header, segments }: Loaded): number {
  const through = header !== undefined && "through" in header ? header.through : 0;
  return Math.max(through, segments.at(-1) ?? 0);
}

function everySecond(act: () => Promise<void>): () => void {
  const timer = setInterval(act, EVERY_MS);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}
