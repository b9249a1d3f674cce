// Parsing of flags and their values.

import { parseArgs } from "@std/cli/parse-args";
import { AddressList } from "../net/address_list.ts";
import type { LogLevel } from "../observe/log.ts";
import { type Endpoint, parseEndpoint } from "../net/endpoint.ts";
import { closest } from "../closest.ts";
import { COMMON_FLAGS, type Flag, type Flags } from "./flags.ts";
import { bareFlag, flagHint, isFlag } from "./hint.ts";

/** Words that other programs take as the value of a switch. */
const SWITCH_VALUES = /^(true|false|yes|no|on|off|1|0)$/i;

/** Names of subcommands, which are taken off the command line before its flags are read. */
const SUBCOMMAND = /^(server|client|status|discover|keygen|demo)$/;
/** The kinds of values that may contain blanks. */
const TEXTS = ["NAME", "VALUE", "TEMPLATE", "DIR", "FILE"];

/** Error thrown when the command line is wrong. The program then exits with status 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The flags that were given. */
export interface Given {
  /** Returns all values of a flag in order. */
  values(flag: string): string[];
  /** Returns the first value of a flag. */
  value(flag: string): string | undefined;
  /** Returns true if a switch was given. */
  has(flag: string): boolean;
}

/**
 * Parses the flags of a subcommand.
 *
 * @param flags The flags of the subcommand
 * @param args The command line
 * @returns The flags that were given
 * @throws {UsageError} If a flag is unknown, a value is missing, or there is an unexpected argument
 */
export function readFlags(flags: Flags, args: string[]): Given {
  const all = { ...COMMON_FLAGS, ...flags };
  const named = (test: (flag: Flag) => boolean) =>
    Object.entries(all).filter(([, flag]) => test(flag)).map(([name]) => name);
  const withValue = named((flag) => flag.value !== undefined);
  const needsValue = (name: string) =>
    new UsageError(`--${name} needs a value: ${all[name].value}`);
  const isEmpty = (name: string) =>
    new UsageError(`--${name} is empty; give it a value: ${all[name].value}`);
  const unknownArgument = (arg: string) =>
    new UsageError(`Unknown argument ${arg || '""'}${argumentHint(all, args, arg)}`);
  const words: string[] = [];
  for (const arg of args) {
    // parseArgs treats a negative number, as in --grace -1, as a flag.
    const flag = /^-\d/.test(arg) && withValue.find((name) => words.at(-1) === `--${name}`);
    if (flag) words[words.length - 1] += `=${arg}`;
    else words.push(arg);
  }
  for (const [at, arg] of words.entries()) {
    // parseArgs treats an empty value, as in --name "$UNSET", as an argument.
    const before = withValue.find((name) => words[at - 1] === `--${name}`);
    if (arg === "" && before !== undefined) throw isEmpty(before);
    if (arg === "=" && before !== undefined) {
      throw new UsageError(`Cannot read --${before}: remove the blanks around "="`);
    }
    // parseArgs accepts --no-NAME, --NAME=VALUE and --NAME true for a switch.
    const [, name] = /^--([^=]+)/.exec(arg) ?? [];
    if (name?.startsWith("no-") && !Object.hasOwn(all, name)) {
      throw new UsageError(`Unknown flag --${name}${flagHint(name, all)}`);
    }
    const empty = withValue.find((name) => arg === `--${name}=`);
    if (empty !== undefined) throw isEmpty(empty);
    const isSwitch = name !== undefined && Object.hasOwn(all, name) &&
      all[name].value === undefined;
    const next = words[at + 1] ?? "";
    if (isSwitch && (arg.includes("=") || SWITCH_VALUES.test(next))) {
      const value = arg.includes("=") ? arg.slice(name.length + 3) : next;
      throw new UsageError(`--${name} takes no value; leave "${value}" out`);
    }
  }
  const parsed: Record<string, unknown> = parseArgs(words, {
    string: withValue,
    collect: withValue,
    boolean: named((flag) => flag.value === undefined),
    alias: { help: "h", version: "V" },
    unknown: (arg, key) => {
      const word = arg.replace(/=.*/s, "");
      if (key === undefined && !isFlag(word)) throw unknownArgument(arg);
      throw new UsageError(`Unknown flag ${word}${flagHint(word, all)}`);
    },
  });
  // `unknown` is not called for arguments after "--".
  const [argument] = parsed._ as (string | number)[];
  if (argument !== undefined) throw unknownArgument(`${argument}`);
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

/** Describes what may have been meant by an argument; empty if nothing is likely. */
function argumentHint(all: Flags, args: string[], argument: string): string {
  const name = bareFlag(argument);
  if (isFlag(argument)) return args.includes("--") ? ' (remove the "--" before it)' : "";
  if (Object.hasOwn(all, name)) return ` (did you mean --${name}?)`;
  const at = args.indexOf(argument);
  const [before = "", value = args[at - 1]] = args[at - 1]?.startsWith("--")
    ? args[at - 1].split(/=(.*)/s)
    : [args[at - 2]];
  const flag = before.slice(2);
  const { value: kind, repeats } = Object.hasOwn(all, flag) ? all[flag] : {} as Partial<Flag>;
  if (kind === undefined || value === undefined || argument === "") {
    return SUBCOMMAND.test(argument) ? " (give one subcommand)" : "";
  }
  // A value was split where it has a colon or a slash.
  const isPort = kind === "HOST:PORT" && /^:?\d+$/.test(argument) && !/:\d+$/.test(value);
  if (isPort) {
    return ` (did you mean ${before} ${value.replace(/:$/, "")}:${argument.replace(":", "")}?)`;
  }
  if (kind === "CIDR" && argument.startsWith("/")) {
    return ` (did you mean ${before} ${value}${argument}?)`;
  }
  if (repeats && (value.endsWith(",") || argument.startsWith(","))) {
    return ` (remove the blank beside the comma)`;
  }
  if (repeats && /[.:]/.test(argument)) return ` (separate the values of ${before} by commas)`;
  return TEXTS.includes(kind) ? " (put a value with blanks in quotes)" : "";
}

/** Formats the flags for a help text, by default with those of every subcommand. */
export function describeFlags(flags: Flags, common: Flags = COMMON_FLAGS): string {
  const rows = Object.entries({ ...flags, ...common }).map(([name, { value, help }]) =>
    [value === undefined ? `  --${name}` : `  --${name} ${value}`, help] as const
  );
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, help]) =>
    left.padEnd(width) + help.replaceAll("\n", "\n" + " ".repeat(width))
  ).join("\n");
}

/** Returns the value of a required flag. */
export function required(given: Given, flag: string, example: string): string {
  const value = given.value(flag);
  if (value === undefined) {
    throw new UsageError(`--${flag} is missing; for example --${flag} ${example}`);
  }
  return value;
}

/** Returns the value of a flag whose value is one of a few words. */
export function choice<T extends string>(
  given: Given,
  flag: string,
  words: readonly T[],
): T | undefined {
  const value = given.value(flag);
  if (value === undefined || words.includes(value as T)) return value as T | undefined;
  const others = words.slice(0, -1).join(", ");
  const typed = value.toLowerCase().replaceAll("_", "-");
  const meant = closest(typed, words) ?? words.find((word) => word.startsWith(typed));
  const hint = meant === undefined ? "" : ` (did you mean ${meant}?)`;
  throw new UsageError(`--${flag} must be ${others} or ${words.at(-1)}, not "${value}"${hint}`);
}

/** Returns the value of a flag whose value is a whole number within bounds. */
export function integer(
  given: Given,
  flag: string,
  least: number,
  most: number,
  unit = "",
): number | undefined {
  const value = given.value(flag);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= least && number <= most) return number;
  throw new UsageError(
    `--${flag} must be a whole number${
      unit && ` of ${unit}`
    } from ${least} to ${most}, not "${value}"`,
  );
}

/** Returns the value of a flag whose value is bytes: the bytes of a text, or hexadecimal after 0x. */
export function bytes(given: Given, flag: string, most: number): Uint8Array | undefined {
  const value = given.value(flag);
  if (value === undefined) return undefined;
  const hex = /^0x((?:[\da-f]{2})+)$/i.exec(value)?.[1];
  const read = hex === undefined ? new TextEncoder().encode(value) : Uint8Array.fromHex(hex);
  if (hex === undefined && /^0x/i.test(value)) {
    throw new UsageError(
      `--${flag} must be text, or 0x and two hexadecimal digits per byte, not "${value}"`,
    );
  }
  if (read.length <= most) return read;
  throw new UsageError(`--${flag} is ${read.length} bytes long; the maximum is ${most}`);
}

/** Examples of the flags that take HOST:PORT. */
const ENDPOINTS: { readonly [flag: string]: string } = {
  connect: "192.0.2.1:8000",
  listen: "0.0.0.0:8000",
  status: "127.0.0.1:9000",
};

/** Parses the HOST:PORT of a flag. */
export function endpoint(flag: string, value: string): Endpoint {
  const fail = (reason: string) => new UsageError(`Cannot read --${flag}: ${reason}`);
  const bare = value.replace(/["'\u2018-\u201f]/g, "");
  if (bare !== value) throw fail(`leave out the quotes around ${bare || "it"}`);
  let read: Endpoint;
  try {
    read = parseEndpoint(value, ENDPOINTS[flag]);
  } catch (error) {
    throw fail((error as Error).message);
  }
  const { hostname, port } = read;
  if (/^fe[89ab][\da-f]:[^%]*$/i.test(hostname)) {
    throw fail(`a link-local address needs its interface: [${hostname}%eth1]:${port}`);
  }
  return read;
}

/** Returns the value of a flag whose value is a path, which only a shell expands. */
export function path(given: Given, flag: string): string | undefined {
  const value = given.value(flag);
  const [variable] = /^~[^/]*|\$(\w+|\{.*?\})/.exec(value ?? "") ?? [];
  if (variable === undefined) return value;
  throw new UsageError(
    `Cannot use --${flag} "${value}": ${variable} is not expanded here; give the full path`,
  );
}

/** Returns the name of the interface, after checking that it can be one. */
export function interfaceName(given: Given): string {
  const name = required(given, "interface", "eth1");
  const fail = (reason: string) => new UsageError(`Cannot use --interface "${name}": ${reason}`);
  if (/\s/.test(name)) {
    throw fail(
      "give one name without blanks; each flag is a word, or a line of the file, of its own",
    );
  }
  const [device, ...alias] = name.split(":");
  if (alias.length > 0) {
    throw fail(`an interface has no colon in its name; give ${device || "eth1"}`);
  }
  if (name.includes("/") || new TextEncoder().encode(name).length > 15) {
    throw fail("an interface has up to 15 letters without a slash in its name, such as eth1");
  }
  return name;
}

/** Returns the addresses and networks of a flag, after checking them. */
export function addresses(given: Given, flag: string): string[] {
  const entries = given.values(flag);
  try {
    AddressList.parse(entries, `--${flag}`);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return entries;
}

/** Returns the minimum level of the log. */
export function logLevel(given: Given): LogLevel {
  return choice(given, "log-level", ["debug", "info", "warning", "error"]) ?? "info";
}
