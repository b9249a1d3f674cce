// The server and the client at the sites of the rig.

import { HOME_ADDRESS, ISP_ADDRESS, type Process, type Rig, type Site } from "./rig.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const STATUS_PORT = 9180;
/** Port of the server. */
export const TUNNEL_PORT = 4180;

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
