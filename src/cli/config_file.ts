// The configuration file: the flags of the command line, one a line.

import { reasonOf } from "../reason.ts";
import { type Flags, type Given, readFlags, UsageError } from "./options.ts";

/** The flag that names the file. */
export const CONFIG_FLAGS: Flags = {
  config: {
    value: "FILE",
    help: "Read more flags from there, one a line: `name value`. What the command line has,\n" +
      "it has instead. SIGHUP reads it again.",
  },
};

/**
 * Reads the flags of a configuration file.
 *
 * @param flags What may be in it.
 * @param text One flag a line without its dashes, then its value, with an equals sign between or
 * without, and in double quotes or without; empty lines, and lines that begin with `#`, are skipped.
 * @param name The file's name, for the errors.
 * @throws {UsageError} If a line is not one of the flags; the message has the file and the line.
 */
export function parseConfig(flags: Flags, text: string, name: string): Given {
  const args: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const match = /^\s*(?:#.*|([a-z][a-z-]*)(?:\s*=\s*|\s+|\s*$)(.*?))?\s*$/.exec(line);
    const fail = (why: string) => new UsageError(`Cannot read ${name}, line ${index + 1}: ${why}`);
    if (match === null) throw fail("it is not `name value`");
    const [, flag, quoted] = match;
    const value = quoted && unquoted(quoted);
    if (flag === undefined) continue;
    if (!Object.hasOwn(flags, flag) || flag === "config") throw fail(`there is no flag ${flag}`);
    const takesValue = flags[flag].value !== undefined;
    if (takesValue && value === "") throw fail(`${flag} needs a value: ${flags[flag].value}`);
    if (!takesValue && value !== "") throw fail(`${flag} takes no value`);
    args.push(takesValue ? `--${flag}=${value}` : `--${flag}`);
  }
  try {
    return readFlags(flags, args);
  } catch (error) {
    throw new UsageError(`Cannot read ${name}: ${(error as Error).message}`);
  }
}

/**
 * Reads a subcommand's flags, and those of the configuration file that they name.
 *
 * @throws {UsageError} If either is wrong, or there is no such file.
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
    const missing = error instanceof Deno.errors.NotFound;
    throw new UsageError(
      `Cannot read ${name}: ${missing ? "there is no such file" : reasonOf(error)}`,
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
