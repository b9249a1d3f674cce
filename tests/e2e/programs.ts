// The server and the client at the sites of the rig.

import { HOME_ADDRESS, ISP_ADDRESS, type Process, type Rig, type Site } from "./rig.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const STATUS_PORT = 9180;
/** Port of the server. */
export const TUNNEL_PORT = 4180;

/** The name of the client that the key belongs to. */
const CLIENT_NAME = "home";

/** Key files for both sides, in a directory of their own. */
export interface KeyFiles extends AsyncDisposable {
  readonly server: string;
  readonly client: string;
}

/** Makes a key with the program's own subcommand. */
export async function makeKeys(): Promise<KeyFiles> {
  const dir = await Deno.makeTempDir();
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, "keygen", CLIENT_NAME, "--dir", dir],
    stdin: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return {
    server: `${dir}/server.keys`,
    client: `${dir}/${CLIENT_NAME}.key`,
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

/** Returns the flags of a side that uses a key file. */
export function keyFlags(keys: KeyFiles | undefined, side: "server" | "client"): string[] {
  return keys === undefined ? [] : ["--key-file", keys[side]];
}

/** Starts the server, and waits until it is healthy. */
export function startServer(rig: Rig, ...flags: string[]): Promise<Process> {
  // deno-fmt-ignore
  return start(rig, "isp", "The server", [
    "server", "--interface", "tap-bras", "--listen", `${ISP_ADDRESS}:${TUNNEL_PORT}`,
    "--allow", `${HOME_ADDRESS}/32`, ...flags,
  ]);
}

/** Starts the client, and waits until its tunnel is up. */
export function startClient(rig: Rig, ...flags: string[]): Promise<Process> {
  // deno-fmt-ignore
  return start(rig, "home", "The client", [
    "client", "--interface", "tap-cpe", "--connect", `${ISP_ADDRESS}:${TUNNEL_PORT}`, ...flags,
  ]);
}

async function start(rig: Rig, site: Site, name: string, args: string[]): Promise<Process> {
  const status = ["--status", `127.0.0.1:${STATUS_PORT}`];
  const program = rig.start(site, name, Deno.execPath(), ["run", "-A", MAIN, ...args, ...status]);
  await program.until(`${name.toLowerCase()} is healthy`, 30_000, async () => {
    return await rig.get(site, STATUS_PORT, "/healthz") !== undefined;
  });
  return program;
}
