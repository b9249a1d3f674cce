// Runs a mode until it is told to stop, and what the signals mean.

import { ConfigurationError } from "../configuration_error.ts";
import type { LeveledLog } from "../observe/log.ts";
import { reasonOf } from "../reason.ts";
import { readFlagsAndConfig } from "./config_file.ts";
import { type Flags, type Given, logLevel, UsageError } from "./options.ts";

/** A mode that runs. */
interface Running<O> {
  readonly finished: Promise<void>;
  /** Whether its sessions can be left to the next run. */
  readonly keepsSessions: boolean;
  stop(how?: { keepSessions?: boolean }): Promise<void>;
  /** Takes from these options what can change while it runs. */
  reload(options: O): void;
}

/** What a subcommand runs. */
export interface Subject<O extends { log: LeveledLog }> {
  flags: Flags;
  /** Those flags that `reload` looks at. */
  live: readonly string[];
  /** What the flags make; throws a `UsageError` when they make nothing. */
  options(given: Given): O;
  start(options: O): Promise<Running<O>>;
}

/**
 * Starts a mode and keeps it running. SIGINT and SIGTERM stop it, and a second one ends the process at
 * once. SIGUSR2 stops it too, but leaves its sessions to the next run. SIGHUP reads the configuration
 * file again.
 *
 * @param args The command line.
 * @returns The exit status: 0 when it was told to stop, 1 when it failed, 2 when it could never have run.
 * @throws {UsageError} If the command line or the configuration file is wrong.
 */
export async function runMode<O extends { log: LeveledLog }>(
  subject: Subject<O>,
  args: string[],
): Promise<number> {
  const given = readFlagsAndConfig(subject.flags, args);
  const options = optionsOf(subject, given, args);
  const { log } = options;
  const told = Promise.withResolvers<{ keepSessions: boolean }>();
  let running: Running<O> | undefined;
  let signals = 0;

  const stop = (keepSessions: boolean) => {
    if (++signals > 1) Deno.exit(130);
    told.resolve({ keepSessions });
  };
  // Before the start, which a signal is to undo as well.
  Deno.addSignalListener("SIGINT", () => stop(false));
  Deno.addSignalListener("SIGTERM", () => stop(false));
  Deno.addSignalListener("SIGUSR2", () => {
    if (running?.keepsSessions === false) {
      log.error(
        "Cannot stop and keep the sessions: that takes --state-dir, and a --grace other than 0",
      );
    } else stop(true);
  });
  Deno.addSignalListener("SIGHUP", () => {
    if (running === undefined || signals > 0) return;
    try {
      const anew = readFlagsAndConfig(subject.flags, args);
      running.reload(optionsOf(subject, anew, args));
      log.level = logLevel(anew);
      const late = changed(subject, given, anew);
      log.info("Configuration read again", { file: anew.value("config") });
      if (late.length > 0) {
        log.warning("Some of what has changed needs a restart", { flags: late.join() });
      }
    } catch (error) {
      log.error("Cannot read the configuration again, so nothing has changed", {
        reason: reasonOf(error),
      });
    }
  });

  try {
    running = await subject.start(options);
  } catch (error) {
    log.error(reasonOf(error));
    return error instanceof ConfigurationError ? 2 : 1;
  }
  try {
    const how = await Promise.race([told.promise, running.finished]);
    // It may have been told before it was known whether it can.
    await running.stop({ keepSessions: how?.keepSessions && running.keepsSessions });
    return 0;
  } catch {
    // The log has it.
    return 1;
  }
}

// What is wrong with a value is said of its flag, which may be one of the file's.
function optionsOf<O extends { log: LeveledLog }>(
  { options }: Subject<O>,
  given: Given,
  args: string[],
): O {
  try {
    return options(given);
  } catch (error) {
    const [flag] = /--[a-z][a-z-]*/.exec((error as Error).message) ?? [];
    const isFiles = flag !== undefined && !args.some((arg) => arg.split("=")[0] === flag);
    const file = given.value("config");
    if (!(error instanceof UsageError) || !isFiles || file === undefined) throw error;
    throw new UsageError(`${error.message} (in ${file})`);
  }
}

/** The flags that have changed, but can't while it runs. */
function changed(
  { flags, live }: { flags: Flags; live: readonly string[] },
  before: Given,
  after: Given,
): string[] {
  const text = (given: Given, flag: string) =>
    flags[flag].value === undefined ? `${given.has(flag)}` : given.values(flag).join();
  return Object.keys(flags).filter((flag) =>
    !live.includes(flag) && text(before, flag) !== text(after, flag)
  );
}
