// The configuration file, which has the same flags as the command line, one per line.

import { reasonOf } from "../reason.ts";
import { type Flags, type Given, readFlags, UsageError } from "./options.ts";

/** The flag for the path of the file. */
export const CONFIG_FLAGS: Flags = {
  config: {
    value: "FILE",
    help: "Read more flags from a file with one `name value` per line. The command line\n" +
      "takes precedence. SIGHUP reads the file again.",
  },
};

/**
 * Parses a configuration file. Each line has a flag without its dashes, then its value, with or without
 * an equals sign between them, and with or without double quotes around the value. Empty lines and
 * lines that start with `#` are ignored.
 *
 * @param flags The flags that the file may contain
 * @param text The content of the file
 * @param name The name of the file, for error messages
 * @returns The flags in the file
 * @throws {UsageError} If a line is not a valid flag; the message names the file and the line
 */
export function parseConfig(flags: Flags, text: string, name: string): Given {
  const args: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const match = /^\s*(?:#.*|([a-z][a-z-]*)(?:\s*=\s*|\s+|\s*$)(.*?))?\s*$/.exec(line);
    const fault = (reason: string) =>
      new UsageError(`Cannot read ${name}, line ${index + 1}: ${reason}`);
    if (match === null) throw fault("expected `name value`");
    const [, flag, quoted] = match;
    const value = quoted && unquoted(quoted);
    if (flag === undefined) continue;
    if (!Object.hasOwn(flags, flag) || flag === "config") throw fault(`unknown flag ${flag}`);
    const takesValue = flags[flag].value !== undefined;
    if (takesValue && value === "") throw fault(`${flag} needs a value: ${flags[flag].value}`);
    if (!takesValue && value !== "") throw fault(`${flag} takes no value`);
    args.push(takesValue ? `--${flag}=${value}` : `--${flag}`);
  }
  try {
    return readFlags(flags, args);
  } catch (error) {
    throw new UsageError(`Cannot read ${name}: ${(error as Error).message}`);
  }
}

/**
 * Reads the flags of a subcommand and of the configuration file named there.
 *
 * @param flags The flags of the subcommand
 * @param args The command line
 * @returns The flags; those of the command line take precedence
 * @throws {UsageError} If a flag is invalid or the file cannot be read
 */
export function readFlagsAndConfig(flags: Flags, args: string[]): Given {
  const all = { ...flags, ...CONFIG_FLAGS };
  const given = readFlags(all, args);
  const name = given.value("config");
  if (name === undefined) return given;
  let text: string;
  try {
    text = Deno.readTextFileSync(name);
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound;
    throw new UsageError(
      `Cannot read ${name}: ${isMissing ? "the file does not exist" : reasonOf(error)}`,
    );
  }
  const more = parseConfig(all, text, name);
  const values = (flag: string) => {
    const own = given.values(flag);
    return own.length > 0 ? own : more.values(flag);
  };
  return {
    values,
    value: (flag) => values(flag)[0],
    has: (flag) => given.has(flag) || more.has(flag),
  };
}

function unquoted(value: string): string {
  return /^"[^"]*"$/.test(value) ? value.slice(1, -1) : value;
}
