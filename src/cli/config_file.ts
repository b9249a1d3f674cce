// The configuration file, which has the same flags as the command line, one per line.

import { OTHERS_WRITE, ownerFault, ownUid } from "../files/owner.ts";
import { readUpTo } from "../files/read_up_to.ts";
import { shellWord } from "../files/shell_word.ts";
import { pathFault } from "../files/path_fault.ts";
import { CONFIG_FLAGS, type Flags } from "./flags.ts";
import { flagHint } from "./hint.ts";
import { type Given, path, readFlags, UsageError } from "./options.ts";

/** The flags in a configuration file. */
export interface FileFlags extends Given {
  /**
   * Finds the line of a flag whose value is invalid.
   *
   * @param flag The flag
   * @param message The error, which may repeat the value in quotes
   * @returns The number of the line; undefined if the flag is not in the file
   */
  findLine(flag: string, message: string): number | undefined;
}

const CONFIG_MAX_BYTES = 2 ** 20;
/** Lines of other kinds of files: blocks, and commands of a shell. */
const FOREIGN = /^(export|server|client|\S*pppoe-proxy(-\w+)?)(?=[\s:{]|$)|^[{}]|^\S+\s*\{$/;

/**
 * Parses a configuration file. Each line has a flag without its dashes, then its value, with or without
 * an equals sign between them, and with or without quotes around the value, single or double. Empty
 * lines, lines that start with `#`, and what follows a blank and `#` outside quotes are ignored.
 *
 * @param flags The flags that the file may contain
 * @param text The content of the file
 * @param name The name of the file, for error messages
 * @returns The flags in the file
 * @throws {UsageError} If a line is not a valid flag; the message names the file and the line
 */
export function parseConfig(flags: Flags, text: string, name: string): FileFlags {
  const args: string[] = [];
  const lineOf = new Map<string, number>();
  const lines: { flag: string; value: string; line: number }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const match = /^\s*(?:#.*|([^\s=]+)(?:\s*=\s*|\s+|\s*$)(.*?))?\s*$/.exec(line);
    const fault = (reason: string) =>
      new UsageError(`Cannot read ${name}, line ${index + 1}: ${reason}`);
    const [, flag = "", rest = ""] = match ?? [];
    if (match !== null && flag === "") continue;
    const section = /^\s*(\[[^\]]*\])\s*$/.exec(line)?.[1];
    if (section !== undefined) throw fault(`remove ${section}; the file has no sections`);
    if (/^(;|\/\/)/.test(flag)) throw fault("a comment starts with #");
    if (FOREIGN.test(line.trim())) {
      throw fault("the file has only flags, one per line, such as `interface eth1`");
    }
    if (!/^[-\w:]*[a-z][-\w:]*$/i.test(flag)) {
      throw fault("expected a flag and its value, such as `interface eth1`");
    }
    if (["config", "help", "version"].includes(flag)) {
      throw fault(`give the flag ${flag} on the command line only`);
    }
    if (!Object.hasOwn(flags, flag)) {
      throw fault(`unknown flag ${flag}${flagHint(flag, flags, "")}`);
    }
    const value = valueIn(rest, fault);
    const takesValue = flags[flag].value !== undefined;
    if (takesValue && value === "") throw fault(`${flag} needs a value: ${flags[flag].value}`);
    if (!takesValue && value !== "") throw fault(`${flag} takes no value; leave "${value}" out`);
    const before = lineOf.get(flag);
    if (before !== undefined && takesValue && !flags[flag].repeats) {
      throw fault(`${flag} is already on line ${before}; give it once`);
    }
    lineOf.set(flag, index + 1);
    lines.push({ flag, value, line: index + 1 });
    args.push(takesValue ? `--${flag}=${value}` : `--${flag}`);
  }
  // A flag can be on several lines. A message repeats the value of the faulty one.
  const findLine = (flag: string, message: string) => {
    const own = lines.filter((line) => line.flag === flag);
    const parts = (value: string) => [value, ...value.split(",").map((part) => part.trim())];
    const isFaulty = (value: string) => parts(value).some((part) => message.includes(`"${part}"`));
    return (own.find(({ value }) => isFaulty(value)) ?? own.at(-1))?.line;
  };
  try {
    return { ...readFlags(flags, args), findLine };
  } catch (error) {
    throw new UsageError(`Cannot read ${name}: ${(error as Error).message}`);
  }
}

/**
 * Reads the flags of a subcommand and of the configuration file named there.
 *
 * @param flags The flags of the subcommand
 * @param args The command line
 * @returns The flags, with the lines of the file if there is one; those of the command line take precedence
 * @throws {UsageError} If a flag is invalid or the file cannot be read
 */
export function readFlagsAndConfig(
  flags: Flags,
  args: string[],
): Given & Partial<FileFlags> {
  const all = { ...flags, ...CONFIG_FLAGS };
  const given = readFlags(all, args);
  const name = path(given, "config");
  if (name === undefined) return given;
  const more = parseConfig(all, readConfig(name), name);
  const values = (flag: string) => {
    const own = given.values(flag);
    return own.length > 0 ? own : more.values(flag);
  };
  return {
    values,
    value: (flag) => values(flag)[0],
    has: (flag) => given.has(flag) || more.has(flag),
    findLine: more.findLine,
  };
}

/** Reads the file. Opening something else, such as a pipe, could wait forever. */
function readConfig(name: string): string {
  if (Deno.permissions.querySync({ name: "read", path: name }).state !== "granted") {
    throw new UsageError(`Cannot read ${name}: Deno does not allow it; add --allow-read=${name}`);
  }
  let text: string | undefined;
  let other: string | undefined;
  try {
    other = otherThanFile(Deno.statSync(name));
    text = other === undefined ? readTrusted(name) : "";
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const fault = pathFault(error, "file", "run as root, or change the file's mode");
    throw new UsageError(`Cannot read ${name}: ${fault}`);
  }
  if (other !== undefined) throw new UsageError(`Cannot read ${name}: it is ${other}; give a file`);
  if (text === undefined) {
    throw new UsageError(`Cannot read ${name}: it is larger than 1 MiB; give a file with flags`);
  }
  return text;
}

/** Says what a path leads to; undefined if it is a file. */
function otherThanFile(info: Deno.FileInfo): string | undefined {
  if (info.isFile) return undefined;
  if (info.isDirectory) return "a directory";
  if (info.isFifo) return "a pipe, as a shell makes one for <(...)";
  return info.isSocket ? "a socket" : "a device";
}

/** Returns the text of a file that only this user and root can change; undefined if it has too many bytes. */
function readTrusted(name: string): string | undefined {
  using file = Deno.openSync(name);
  const fault = writerFault(name, file.statSync(), ownUid());
  if (fault !== undefined) throw new UsageError(`Cannot read ${name}: ${fault}`);
  const bytes = readUpTo((into) => file.readSync(into), CONFIG_MAX_BYTES);
  return bytes && new TextDecoder().decode(bytes);
}

/**
 * Judges who can change a configuration file.
 *
 * @param name The name of the file, for the remedy
 * @param facts The facts about the open file
 * @param user The uid of this process
 * @returns The fault and the remedy; undefined if only this user and root can change it
 */
export function writerFault(
  name: string,
  { uid, mode }: Pick<Deno.FileInfo, "uid" | "mode">,
  user: number,
): string | undefined {
  const fault = ownerFault(uid, user);
  if (fault !== undefined) return `${fault}; run chown ${user} ${shellWord(name)}`;
  if (mode === null || (mode & OTHERS_WRITE) === 0) return undefined;
  return `other users can change it; run chmod go-w ${shellWord(name)}`;
}

/** Returns the value in the rest of a line, without quotes and a comment. */
function valueIn(rest: string, fault: (reason: string) => UsageError): string {
  const [quote] = rest;
  if (quote !== '"' && quote !== "'") return rest.replace(/(^|\s+)#.*$/, "");
  const end = rest.indexOf(quote, 1);
  if (end < 0) throw fault("the closing quote is missing");
  if (!/^\s*(#.*)?$/.test(rest.slice(end + 1))) {
    throw fault("there is text after the closing quote");
  }
  return rest.slice(1, end);
}
