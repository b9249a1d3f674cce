// The log of a mode: to standard error, as long as somebody reads it.

import { POLLOUT, PollSet } from "../../ffi/mod.ts";
import { createLog, type LeveledLog, type LogFormat, stderrWriter } from "../observe/log.ts";
import { choice, type Given, logLevel } from "./options.ts";

const STDERR = 2;
/** How long a line may wait for a reader that is slow. One that does not read at all is waited for once. */
const WAIT_MS = 50;

/** The log as the flags want it. */
export function logOf(given: Given): { log: LeveledLog; debug: boolean } {
  const level = logLevel(given);
  const format: LogFormat = choice(given, "log-format", ["text", "json"]) ?? "text";
  const write = stderrWriter(readerWaiter());
  return { log: createLog({ level, format, write }), debug: level === "debug" };
}

// A terminal that was stopped, and a pipe that nobody empties, would stop this thread, with all that it
// has to do for tunnels, signals and status.
function readerWaiter(): () => boolean {
  const poll = new PollSet(1);
  poll.add(STDERR, POLLOUT);
  let reads = true;
  return () => reads = poll.wait(reads ? WAIT_MS : 0) !== 0;
}
