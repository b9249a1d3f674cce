// The log of server and client on standard error, which may have a slow reader or none.

import { POLLOUT, PollSet } from "../../ffi/mod.ts";
import { createLog, type LeveledLog, type LogFormat, stderrWriter } from "../observe/log.ts";
import { choice, type Given, logLevel } from "./options.ts";

const STDERR = 2;
/** Time to wait for a slow reader. If it does not read at all, later lines do not wait. */
const WAIT_MS = 50;

/** Creates the log with the level and the format of the flags. */
export function logOf(given: Given): { log: LeveledLog; debug: boolean } {
  const level = logLevel(given);
  const format: LogFormat = choice(given, "log-format", ["text", "json"]) ?? "text";
  const write = stderrWriter(readerWaiter());
  return { log: createLog({ level, format, write }), debug: level === "debug" };
}

/**
 * Makes a function that waits for the reader of standard error and returns true if it is ready. Writing
 * to a stopped terminal or a full pipe would block this thread, which also serves tunnels, signals and
 * the status.
 */
function readerWaiter(): () => boolean {
  const poll = new PollSet(1);
  poll.add(STDERR, POLLOUT);
  let reads = true;
  return () => reads = poll.wait(reads ? WAIT_MS : 0) !== 0;
}
