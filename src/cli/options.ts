// Flags: one table a subcommand gives its parsing and its help.

import { parseArgs } from "@std/cli/parse-args";
import { AllowList } from "../server/allow.ts";
import type { LogLevel } from "../observe/log.ts";
import { type Endpoint, parseEndpoint } from "../net/endpoint.ts";

/** A fault in the command line: the message says which, and the exit status is 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** One flag. */
export interface Flag {
  /** What stands for the value in the help; none for a switch. */
  value?: string;
  help: string;
  /** It may be given more than once. */
  repeats?: boolean;
}

/** A subcommand's flags by name. */
export type Flags = Record<string, Flag>;

/** Flags that each subcommand has. */
const COMMON_FLAGS: Flags = {
  help: { help: "Show this help." },
  version: { help: "Show the version." },
};

/** What was given: texts of flags with a value, in order, and the names of switches. */
export interface Given {
  values(flag: string): string[];
  value(flag: string): string | undefined;
  has(flag: string): boolean;
}

/**
 * Reads a subcommand's flags.
 *
 * @throws {UsageError} If a flag is unknown, a value is missing, or there is an argument too many.
 */
export function readFlags(flags: Flags, args: string[]): Given {
  const all = { ...COMMON_FLAGS, ...flags };
  const named = (test: (flag: Flag) => boolean) =>
    Object.entries(all).filter(([, flag]) => test(flag)).map(([name]) => name);
  const withValue = named((flag) => flag.value !== undefined);
  const needsValue = (name: string) =>
    new UsageError(`--${name} needs a value: ${all[name].value}`);
  for (const [at, arg] of args.entries()) {
    // parseArgs would take it for an argument, as in --name "$UNSET".
    const before = withValue.find((name) => args[at - 1] === `--${name}`);
    if (arg === "" && before !== undefined) throw needsValue(before);
    // parseArgs would take both for the flag itself.
    const [, name] = /^--([^=]+)/.exec(arg) ?? [];
    if (name?.startsWith("no-") && !Object.hasOwn(all, name)) {
      throw new UsageError(`Unknown flag --${name}`);
    }
    const isSwitch = name !== undefined && Object.hasOwn(all, name) &&
      all[name].value === undefined;
    if (isSwitch && arg.includes("=")) {
      throw new UsageError(`--${name} takes no value`);
    }
  }
  const parsed: Record<string, unknown> = parseArgs(args, {
    string: withValue,
    collect: withValue,
    boolean: named((flag) => flag.value === undefined),
    alias: { help: "h", version: "V" },
    unknown: (arg, key) => {
      const what = key === undefined ? "argument" : "flag";
      throw new UsageError(`Unknown ${what} ${arg.replace(/=.*/s, "") || '""'}`);
    },
  });
  // Only what is behind "--" has got past `unknown`.
  const [behind] = parsed._ as (string | number)[];
  if (behind !== undefined) throw new UsageError(`Unknown argument ${behind}`);
  const values = (flag: string) => (parsed[flag] ?? []) as string[];
  for (const name of withValue) {
    const given = values(name);
    if (given.includes("")) throw needsValue(name);
    if (given.length > 1 && !all[name].repeats) {
      throw new UsageError(`--${name} is given ${given.length} times; give it once`);
    }
  }
  return {
    values,
    value: (flag) => values(flag)[0],
    has: (flag) => parsed[flag] === true,
  };
}

/** Lays the flags out for a help text. */
export function describeFlags(flags: Flags): string {
  const rows = Object.entries({ ...flags, ...COMMON_FLAGS }).map(([name, { value, help }]) =>
    [value === undefined ? `  --${name}` : `  --${name} ${value}`, help] as const
  );
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, help]) =>
    left.padEnd(width) + help.replaceAll("\n", "\n" + " ".repeat(width))
  ).join("\n");
}

/** The value of a flag that must be there. */
export function required(given: Given, flag: string, example: string): string {
  const value = given.value(flag);
  if (value === undefined) {
    throw new UsageError(`--${flag} is missing, for example --${flag} ${example}`);
  }
  return value;
}

/** One of a few words. */
export function choice<T extends string>(
  given: Given,
  flag: string,
  words: readonly T[],
): T | undefined {
  const value = given.value(flag);
  if (value === undefined || words.includes(value as T)) return value as T | undefined;
  throw new UsageError(`--${flag} is ${words.join(" or ")}, not "${value}"`);
}

/** A whole number within bounds. */
export function integer(
  given: Given,
  flag: string,
  least: number,
  most: number,
): number | undefined {
  const value = given.value(flag);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= least && number <= most) return number;
  throw new UsageError(`--${flag} is a whole number from ${least} to ${most}, not "${value}"`);
}

/** Bytes, at least one: the text's own, or hex behind 0x. */
export function bytes(given: Given, flag: string, most: number): Uint8Array | undefined {
  const value = given.value(flag);
  if (value === undefined) return undefined;
  const hex = /^0x((?:[\da-f]{2})+)$/i.exec(value)?.[1];
  const read = hex === undefined ? new TextEncoder().encode(value) : Uint8Array.fromHex(hex);
  if (hex === undefined && /^0x/i.test(value)) {
    throw new UsageError(`--${flag} is text, or 0x and two hex digits a byte, not "${value}"`);
  }
  if (read.length <= most) return read;
  throw new UsageError(`--${flag} has ${read.length} bytes; it is to have at most ${most}`);
}

/** A HOST:PORT. */
export function endpoint(flag: string, value: string): Endpoint {
  try {
    return parseEndpoint(value);
  } catch (error) {
    throw new UsageError(`Cannot read --${flag}: ${(error as Error).message}`);
  }
}

/** An allow list, checked. */
export function allowed(given: Given): string[] {
  const entries = given.values("allow");
  try {
    AllowList.parse(entries);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return entries;
}

/** The least that the flags want to be logged. */
export function logLevel(given: Given): LogLevel {
  return choice(given, "log-level", ["debug", "info", "warning", "error"]) ?? "info";
}
