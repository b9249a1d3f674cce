// Running a server or a client until a signal stops it.

import { surviveFileLimit } from "../../ffi/mod.ts";
import { ConfigurationError } from "../configuration_error.ts";
import type { LeveledLog } from "../observe/log.ts";
import { logLine } from "../observe/log_lines.ts";
import { reasonOf } from "../reason.ts";
import { readFlagsAndConfig } from "./config_file.ts";
import type { Flags } from "./flags.ts";
import { ignoresHangup, TerminalWatch } from "./hangup.ts";
import { type Given, logLevel, UsageError } from "./options.ts";
import { checkPermissions, type Uses } from "./permissions.ts";

/** A running server or client. */
interface Running<O> {
  readonly finished: Promise<void>;
  /** True if its sessions can be left to the next run. */
  readonly keepsSessions: boolean;
  stop(how?: { keepSessions?: boolean }): Promise<void>;
  /** Applies those options that can change at run time. */
  reload(options: O): void;
}

/** The server or the client, as a subcommand runs it. */
export interface Subject<O extends { log: LeveledLog }> {
  /** The name of the subcommand. */
  name: string;
  flags: Flags;
  /** The flags that `reload` applies. */
  live: readonly string[];
  /** Makes the options from the flags, or throws a `UsageError`. */
  options(given: Given): O;
  start(options: O): Promise<Running<O>>;
  /** Returns the addresses and files that need permissions of Deno. */
  uses(options: O): Uses;
}

/**
 * Starts a server or a client and runs it. SIGINT and SIGTERM stop it, and a second signal ends the
 * process at once. SIGUSR2 stops it too, but leaves its sessions to the next run. SIGHUP reads the
 * configuration file and the key file again; without either, or if it comes from the end of the terminal, it
 * stops the program like SIGTERM. A program that was started with SIGHUP ignored survives its terminal.
 *
 * @param subject The server or the client
 * @param args The command line
 * @returns The exit status: 0 after a signal to stop, 1 after a failure, 2 if it cannot run with this
 * configuration
 * @throws {UsageError} If the command line or the configuration file is wrong
 */
export async function runSide<O extends { log: LeveledLog }>(
  subject: Subject<O>,
  args: string[],
): Promise<number> {
  // Standard error may be a file, and the journal is one.
  surviveFileLimit();
  const given = readFlagsAndConfig(subject.flags, args);
  const options = optionsOf(subject, given, args);
  checkPermissions(subject.uses(options), subject.name);
  const { log } = options;
  const stopRequest = Promise.withResolvers<{ keepSessions: boolean }>();
  let running: Running<O> | undefined;
  let signals = 0;
  let stopping = false;
  let reloadAfterStart = false;

  const requestStop = (keepSessions: boolean) => {
    stopping = true;
    stopRequest.resolve({ keepSessions });
  };
  const stop = (keepSessions: boolean) => {
    if (++signals > 1) Deno.exit(130);
    requestStop(keepSessions);
  };
  // Listen before the start, because a signal must also work during the start. The first listener makes Deno
  // catch SIGHUP too, even if it was ignored.
  const survivesTerminal = ignoresHangup();
  Deno.addSignalListener("SIGINT", () => stop(false));
  Deno.addSignalListener("SIGTERM", () => stop(false));
  Deno.addSignalListener("SIGUSR2", () => {
    if (running?.keepsSessions === false) {
      logLine(log, "cannot-keep-sessions", {});
    } else stop(true);
  });
  const file = given.value("config") ?? given.value("key-file");
  const reload = (side: Running<O>) => {
    try {
      const reread = readFlagsAndConfig(subject.flags, args);
      side.reload(optionsOf(subject, reread, args));
      log.level = logLevel(reread);
      const flags = changedFlags(subject, given, reread);
      logLine(log, "configuration-reloaded", {
        file: reread.value("config") ?? reread.value("key-file"),
      });
      if (flags.length > 0) {
        logLine(log, "restart-needed", { flags: flags.join() });
      }
    } catch (error) {
      logLine(log, "reload-failed", { reason: reasonOf(error) });
    }
  };
  // A terminal can send several when it ends, so SIGHUP never counts as a second signal.
  const hangUp = (reason: string) => {
    if (stopping) return;
    logLine(log, "hangup", { reason });
    requestStop(false);
  };
  // Without a file, SIGHUP stops the program wherever it comes from.
  const terminal = file === undefined ? undefined : new TerminalWatch();
  Deno.addSignalListener("SIGHUP", async () => {
    if (terminal === undefined) {
      if (!survivesTerminal) hangUp("there is no --config to read again");
    } else if (await terminal.hasEnded()) {
      if (!survivesTerminal) hangUp("the terminal has ended");
    } else if (running === undefined) reloadAfterStart = true;
    else if (!stopping) reload(running);
  });

  try {
    running = await subject.start(options);
  } catch (error) {
    logLine(log, "start-failed", { reason: reasonOf(error) });
    return error instanceof ConfigurationError ? 2 : 1;
  }
  if (reloadAfterStart && !stopping) reload(running);
  try {
    const how = await Promise.race([stopRequest.promise, running.finished]);
    // A signal during the start may have asked to keep the sessions, without knowing if that is possible.
    await running.stop({ keepSessions: how?.keepSessions && running.keepsSessions });
    return 0;
  } catch {
    // The error has been logged.
    return 1;
  }
}

/** Makes the options. If the flag named in an error is in the configuration file, adds the file's name and line. */
function optionsOf<O extends { log: LeveledLog }>(
  { name: subcommand, options }: Subject<O>,
  given: ReturnType<typeof readFlagsAndConfig>,
  args: string[],
): O {
  // The options contain the keys and the token.
  const secrets = ["key-file", "status-token-file"].map((flag) => given.value(flag) || undefined);
  checkPermissions({ secrets }, subcommand);
  try {
    return options(given);
  } catch (error) {
    const [flag] = /--[a-z][a-z-]*/.exec((error as Error).message) ?? [];
    const name = flag?.slice(2) ?? "";
    const isInFile = (given.has(name) || given.value(name) !== undefined) &&
      !args.some((arg) => arg.split("=")[0] === flag);
    const file = given.value("config");
    if (!(error instanceof UsageError) || !isInFile || file === undefined) throw error;
    const line = given.findLine?.(name, error.message);
    throw new UsageError(`${error.message} (in ${file}, line ${line})`);
  }
}

/** Returns the flags that have changed but take effect only after a restart. */
function changedFlags(
  { flags, live }: { flags: Flags; live: readonly string[] },
  before: Given,
  after: Given,
): string[] {
  const text = (given: Given, flag: string) =>
    flags[flag].value === undefined ? `${given.has(flag)}` : given.values(flag).join();
  // A side cannot begin or cease to use keys while it runs.
  const isLive = (flag: string) =>
    live.includes(flag) &&
    (flag !== "key-file" ||
      (before.value(flag) === undefined) === (after.value(flag) === undefined));
  return Object.keys(flags).filter((flag) =>
    !isLive(flag) && text(before, flag) !== text(after, flag)
  );
}
