// The sign of life that a process gives in its state directory, and the time since then. No I/O, except
// reading the machine's clocks.
//
// The wall clock may be set between two runs: a box without a battery starts in 1970 or at the last time that
// it knew, and is set once it has a network, perhaps through this very tunnel. As long as the machine was not
// restarted, the time is therefore measured by the time since its start, which nobody sets. After a restart of
// the machine only the wall clock is left. It is used unless it is impossible.
//
// The times in the directory are by a clock of its own, which is never set: it begins as the wall clock, and
// goes on from one run to the next as far as the time between them is known.

import { readSystemFile, sinceBootMs } from "../../ffi/mod.ts";
import { parseObject } from "./session_record.ts";

/** A clock that shows an earlier time was never set. */
const SET_FROM_MS = Date.UTC(2024, 0, 1);
/**
 * The largest difference between the time in a sign and the file's own time, on a file system with coarse
 * times.
 */
const SAME_MS = 2000;
/** The length of a sign of life; an in-place change of one that is always this long cannot leave a mixture. */
export const SIGN_BYTES = 256;
/** The maximum length of a sign that is read, which leaves room for what a later version may add. */
export const SIGN_MAX_BYTES = 4096;
/** The end of the times that are believed, which leaves a clock room to go on. */
const TIMES_END_MS = Date.UTC(9000, 0, 1);
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** The time since the machine's start. */
export interface BootClock {
  /** An id that differs after each start of the machine. */
  readonly boot: string;
  /** Returns the time since that start, in ms. */
  sinceBootMs(): number;
}

/** The content of a sign of life. */
export interface SignOfLife {
  /** The id of the machine's start, and the time since then in ms. */
  boot: string;
  sinceBootMs: number;
  /** The time by the directory's clock, in ms since the epoch. */
  clockMs: number;
  /** The time by the wall clock, in ms since the epoch. */
  wallMs: number;
}

/** Returns the machine's clock; undefined if the machine does not say when it was started. */
export function systemBootClock(): BootClock | undefined {
  try {
    const boot = readSystemFile(BOOT_ID).trim();
    return boot === "" ? undefined : { boot, sinceBootMs };
  } catch {
    return undefined;
  }
}

/** Returns true if a time, in ms since the epoch, can be that of a clock. */
export function isPossibleTime(ms: number): boolean {
  return ms >= 0 && ms < TIMES_END_MS;
}

/** Writes a sign of life as a line. All have the same length, so that one can replace another in place. */
export function encodeSign({ boot, sinceBootMs, clockMs, wallMs }: SignOfLife): string {
  const at = new Date(wallMs).toISOString();
  const sign = { boot, sinceBoot: sinceBootMs, clock: new Date(clockMs).toISOString(), at };
  return `${JSON.stringify(sign).padEnd(SIGN_BYTES - 1)}\n`;
}

/**
 * Reads a sign of life.
 *
 * @param text The content of the file
 * @param changedMs The time at which the file was last changed, in ms since the epoch
 * @returns The sign; undefined if there is none, if a time in it is impossible, or if only the file's time was
 * changed since, as by an older version
 */
export function parseSign(text: string, changedMs: number): SignOfLife | undefined {
  const fields = parseObject(text.trimEnd());
  if (fields === undefined) return undefined;
  const { boot, sinceBoot, clock, at } = fields;
  if (typeof boot !== "string" || typeof sinceBoot !== "number") return undefined;
  if (!isPossibleTime(sinceBoot)) return undefined;
  const [clockMs, wallMs] = [Date.parse(String(clock)), Date.parse(String(at))];
  if (!isPossibleTime(clockMs) || !isPossibleTime(wallMs)) return undefined;
  if (Math.abs(changedMs - wallMs) > SAME_MS) return undefined;
  return { boot, sinceBootMs: sinceBoot, clockMs, wallMs };
}

/**
 * Computes the time since the last sign of life.
 *
 * @param sign The last sign; undefined if there is none
 * @param changedMs The time at which the file was last changed, in ms since the epoch
 * @param wallMs The time by the wall clock, in ms since the epoch
 * @param clock The time since the machine's start; undefined if it is not known
 * @returns The time in ms. It is never negative, and never more than is known for sure if the wall clock
 * cannot be right
 */
export function silenceSince(
  sign: SignOfLife | undefined,
  changedMs: number,
  wallMs: number,
  clock: BootClock | undefined,
): number {
  let atLeastMs = 0;
  if (sign !== undefined && clock !== undefined) {
    const sinceBootMs = clock.sinceBootMs();
    if (sign.boot !== clock.boot) atLeastMs = sinceBootMs;
    // In another time namespace the clock may be behind.
    else if (sinceBootMs >= sign.sinceBootMs) return sinceBootMs - sign.sinceBootMs;
  }
  const lastMs = sign?.wallMs ?? changedMs;
  const unset = atLeastMs > 0 && Math.min(lastMs, wallMs) < SET_FROM_MS;
  return unset ? atLeastMs : Math.max(atLeastMs, wallMs - lastMs);
}
