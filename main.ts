// The command line. Subcommands are loaded on demand, so that the help and the version need neither libc
// nor Linux, nor any permission.

import process from "node:process";
import { commandOf, type Program, programOf } from "./src/cli/program.ts";
import { programHelp, subcommandHelp, SUBCOMMANDS } from "./src/cli/help.ts";
import { bareFlag, isFlag } from "./src/cli/hint.ts";
import { UsageError } from "./src/cli/options.ts";
import { permissionFault } from "./src/cli/permissions.ts";
import { ConfigurationError } from "./src/configuration_error.ts";
import { closest } from "./src/closest.ts";
import { VERSION } from "./src/version.ts";
import { escapeUnprintable } from "./src/wire/text.ts";

/** Runs a subcommand, which was called by the given name of the program. */
type Run = (args: string[], name: string) => number | Promise<number>;

/** The names of the subcommands in words. */
const SUBCOMMAND_NAMES = `${SUBCOMMANDS.slice(0, -1).join(", ")} or ${SUBCOMMANDS.at(-1)}`;

/** Words that other programs have for making a key. */
const GENERATORS = ["genkey", "gen-key", "genpsk", "key", "keys"];

async function load(name: string): Promise<Run> {
  switch (name) {
    case "server":
      return (await import("./src/cli/server.ts")).server;
    case "client":
      return (await import("./src/cli/client.ts")).client;
    case "status":
      return (await import("./src/cli/status.ts")).status;
    case "discover":
      return (await import("./src/cli/discover.ts")).discover;
    case "keygen":
      return (await import("./src/cli/keygen.ts")).keygen;
    default:
      return (await import("./src/cli/demo.ts")).demo;
  }
}

async function main(program: Program): Promise<number> {
  const { name, side } = program;
  let [subcommand, ...args] = side === undefined ? program.args : [side, ...program.args];
  const fail = (message: string, status: number) => {
    // A message repeats what was typed, which must not break a line or confuse a terminal.
    const line = `${name}: ${escapeUnprintable(message)}\n`;
    Deno.stderr.writeSync(new TextEncoder().encode(line));
    return status;
  };
  if (subcommand === "help" && args[0] !== undefined) {
    [subcommand, args] = [args[0], ["--help"]];
  }
  if (subcommand === undefined) {
    return fail(`Give a subcommand: ${SUBCOMMAND_NAMES}; see ${name} --help`, 2);
  }
  if (["--help", "-h", "help"].includes(subcommand)) {
    print(programHelp(name));
    return 0;
  }
  if (["--version", "-V"].some((flag) => subcommand === flag || args.includes(flag))) {
    print(`pppoe-proxy ${VERSION}\n`);
    return 0;
  }
  const fault = subcommandFault(program, subcommand, args);
  if (fault !== undefined) return fail(fault, 2);
  const command = commandOf(program, subcommand);
  if (
    args.includes("--help") || args.includes("-h") || (side !== undefined && args[0] === "help")
  ) {
    print(subcommandHelp(subcommand, command)!);
    return 0;
  }
  if (Deno.build.os !== "linux") {
    return fail("Cannot run on this system: only Linux has packet sockets; run it on Linux", 1);
  }
  const missing = permissionFault(subcommand);
  if (missing !== undefined) return fail(missing, 2);
  const run = await load(subcommand);
  try {
    return await run(args, name);
  } catch (error) {
    if (error instanceof ConfigurationError) return fail(error.message, 2);
    if (!(error instanceof UsageError)) throw error;
    return fail(`${error.message}; see ${command} --help`, 2);
  }
}

/** Describes the fault of a word that is not a subcommand of this program. */
function subcommandFault(
  { name, side }: Program,
  subcommand: string,
  args: string[],
): string | undefined {
  if (side !== undefined) {
    if (!SUBCOMMANDS.includes(args[0])) return undefined;
    return `Cannot run ${args[0]}: this program is only the ${side}; use pppoe-proxy ${args[0]}`;
  }
  if (SUBCOMMANDS.includes(subcommand)) return undefined;
  const see = `see ${name} --help`;
  if (isFlag(subcommand)) {
    const flag = closest(bareFlag(subcommand), ["help", "version"]);
    if (flag !== undefined) return `Unknown flag ${subcommand} (did you mean --${flag}?); ${see}`;
    return `Give a subcommand before ${subcommand}: ${SUBCOMMAND_NAMES}; ${see}`;
  }
  const nearest = subcommand === "version"
    ? "--version"
    : GENERATORS.includes(subcommand)
    ? "keygen"
    : closest(subcommand.toLowerCase(), [...SUBCOMMANDS, "help"]);
  const hint = nearest === undefined ? "" : ` (did you mean ${nearest}?)`;
  return `Unknown subcommand ${subcommand || '""'}${hint}; ${see}`;
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

const path = Deno.build.standalone ? process.argv0 : undefined;
Deno.exit(await main(programOf(Deno.args, path)));
