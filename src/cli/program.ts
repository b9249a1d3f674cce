// The program as the user calls it: its name, and the only side that it runs if it is a program for one side.

import type { Side } from "../side.ts";

/** The name of the program with all subcommands. */
const NAME = "pppoe-proxy";
const SIDES: readonly Side[] = ["server", "client"];

/** The program as the user calls it. */
export interface Program {
  /** The name in usage lines and errors. */
  name: string;
  /** The side of a program for one side; undefined for the program with all subcommands. */
  side: Side | undefined;
  /** The command line after the program's name. */
  args: string[];
}

/**
 * Finds out how the program was called. It is a program for one side if its file has that side's name,
 * such as `pppoe-proxy-server`, or if `deno compile` has put that name in front of the command line, which
 * still holds if the file is renamed.
 *
 * @param args The command line, as Deno has it
 * @param path The path by which a compiled program was called; undefined under `deno run`
 * @returns The program
 */
export function programOf(args: readonly string[], path: string | undefined): Program {
  const file = path?.slice(path.lastIndexOf("/") + 1);
  const called = file !== undefined && /^[\w.+-]+$/.test(file) ? file : undefined;
  const [first, ...others] = args;
  const compiledFor = sideNamed(first);
  const side = compiledFor ?? sideNamed(called);
  let rest = compiledFor === undefined ? [...args] : others;
  // The subcommand is superfluous here, but what it means is clear.
  if (side !== undefined && rest[0] === side) rest = rest.slice(1);
  return { name: called ?? (side === undefined ? NAME : `${NAME}-${side}`), side, args: rest };
}

/**
 * Returns the words that run a subcommand.
 *
 * @param program The program
 * @param subcommand The name of the subcommand
 * @returns The words, such as `pppoe-proxy server` or `pppoe-proxy-server`
 */
export function commandOf({ name, side }: Program, subcommand: string): string {
  return side === undefined ? `${name} ${subcommand}` : name;
}

function sideNamed(word: string | undefined): Side | undefined {
  return SIDES.find((side) => word === `${NAME}-${side}`);
}
