// The subcommand `keygen`, which makes the key of a client. It needs neither root nor system calls of its own.

import { shellWord } from "../files/shell_word.ts";
import { makeKey } from "../keys/keygen.ts";
import { KEYGEN_FLAGS } from "./flags.ts";
import { isFlag } from "./hint.ts";
import { path, readFlags, UsageError } from "./options.ts";
import { checkPermissions } from "./permissions.ts";

/** The directory to which the client's file is copied in the hint. */
const CLIENT_DIRECTORY = "/etc/";

/**
 * Runs the subcommand.
 *
 * @param args The command line
 * @param program The name by which the program was called
 * @returns The exit status
 */
export function keygen(args: string[], program: string): number {
  const { name, flags } = separate(args);
  const given = readFlags(KEYGEN_FLAGS, flags);
  if (name === undefined) throw new UsageError("NAME is missing; for example keygen osaka");
  const rotate = given.has("rotate");
  const directory = path(given, "dir") ?? ".";
  checkPermissions({ writes: [directory] }, "keygen");
  const made = makeKey({ name, directory, rotate });
  const [clientFile, serverFile] = [made.clientFile, made.serverFile].map(plainPath);
  const client = shellWord(clientFile);
  const server = shellWord(serverFile);
  const lines = [
    `Made ${clientFile}, and added a line for ${name} to ${serverFile}. Both are secret.`,
    "",
    "On the server:",
    `  ${program} server --interface eth1 --listen 0.0.0.0:8000 --key-file ${server}`,
    ...rotate ? ["or, if it runs already, tell it to read the file again: kill -HUP PID"] : [],
    "",
    "On the client, for the address SERVER, and the path of the file there:",
    `  ${program} client --interface eth1 --connect SERVER:8000 --key-file ${client}`,
    "",
    `Bring the file to the client by a way that keeps it secret, such as`,
    `  scp -p ${client} root@CLIENT:${CLIENT_DIRECTORY}`,
    "and remove it here. The client needs no other file, and no other client may use it.",
    ...rotate
      ? [
        "",
        `The old key of ${name} stays valid until you remove its line from ${serverFile}, the first of ` +
        "the two, and send SIGHUP to the server.",
      ]
      : [],
  ];
  Deno.stdout.writeSync(new TextEncoder().encode(`${lines.join("\n")}\n`));
  return 0;
}

/** Separates the one argument from the flags. */
function separate(args: string[]): { name: string | undefined; flags: string[] } {
  const flags: string[] = [];
  let name: string | undefined;
  for (let at = 0; at < args.length; at++) {
    if (args[at] === "--dir") flags.push(args[at], ...args.slice(++at, at + 1));
    else if (name !== undefined || args[at] === "" || isFlag(args[at])) flags.push(args[at]);
    else name = args[at];
  }
  return { name, flags };
}

/**
 * Returns a path as somebody would type it.
 *
 * @param path The path, perhaps with `./` before it
 * @returns The path without that, unless scp would take a part of it for a host
 */
export function plainPath(path: string): string {
  // scp takes what is before a colon for a host.
  return /^\.\/[^/]*:/.test(path) ? path : path.replace(/^\.\//, "");
}
