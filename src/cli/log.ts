// The log of server and client on standard error, which may have a slow reader or none.

import { environmentVariable, fileIdentity, POLLOUT, PollSet } from "../../ffi/mod.ts";
import {
  createLog,
  type LeveledLog,
  type LogFormat,
  type LogStyle,
  stderrWriter,
} from "../observe/log.ts";
import { choice, type Given, logLevel } from "./options.ts";

const STDERR = 2;
/** Time to wait for a slow reader. If it does not read at all, later lines do not wait. */
const WAIT_MS = 50;

/** Creates the log with the level and the format of the flags. */
export function logOf(given: Given): { log: LeveledLog; debug: boolean } {
  const level = logLevel(given);
  const format: LogFormat = choice(given, "log-format", ["text", "json"]) ?? "text";
  const write = stderrWriter(readerWaiter());
  const style = styleOf(environmentVariable, {
    isTerminal: Deno.stderr.isTerminal(),
    identity: fileIdentity(STDERR),
  });
  return { log: createLog({ level, format, style, write }), debug: level === "debug" };
}

/**
 * Chooses the style of the log by the place where standard error leads to.
 *
 * @param variable Returns a variable of the environment
 * @param stderr If it is a terminal, and its identity as `JOURNAL_STREAM` has it
 * @returns The style
 *
 * See systemd.exec(5), https://no-color.org and https://force-color.org.
 */
export function styleOf(
  variable: (name: string) => string | undefined,
  stderr: { isTerminal: boolean; identity: string | undefined },
): LogStyle {
  const journal = variable("JOURNAL_STREAM");
  // A child process may have the variable, and another standard error.
  if (journal !== undefined && journal === stderr.identity) return "journal";
  const isPlain = Boolean(variable("NO_COLOR"));
  const isForced = !["", "0", "false", undefined].includes(variable("FORCE_COLOR"));
  if (isForced && !isPlain) return "color";
  if (!stderr.isTerminal) return "plain";
  return isPlain || variable("TERM") === "dumb" ? "terminal" : "color";
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
