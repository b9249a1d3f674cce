// Paths through pppoe-proxy.

import { httpGet } from "../../../src/lab/http.ts";
import { Program } from "../../../src/lab/program.ts";
import { KeyFiles, writtenKey } from "../../support/keys.ts";
import { type Line, WAN } from "../line.ts";
import type { Path } from "./path.ts";

const TUNNEL = `${WAN.server}:8863`;
const STATUS = { hostname: "127.0.0.1", port: 8864 };
const UP_MS = 15_000;
const POLL_MS = 20;

/** Makes a path with pppoe-proxy. Each set of flags that deserves a column gets a path of its own. */
function ours(
  name: string,
  note: string,
  flags: { both?: string[]; server?: string[]; client?: string[] } = {},
  measures?: Path["measures"],
  hasKeys = false,
): Path {
  return {
    name,
    note,
    hasTunnel: true,
    measures,
    obstacle: () => undefined,
    async start(line) {
      const own = {
        server: ["--interface", "isp0", "--listen", TUNNEL, "--allow", WAN.client],
        client: ["--interface", "lan0", "--connect", TUNNEL],
      };
      const files = hasKeys ? new KeyFiles([writtenKey("bench")]) : undefined;
      const status = ["--status", `${STATUS.hostname}:${STATUS.port}`];
      const run = (side: "server" | "client") =>
        Program.start({
          namespace: line[side],
          args: [
            side,
            ...own[side],
            ...files === undefined ? [] : ["--key-file", files[side]],
            "--mac",
            "own",
            ...status,
            // All hosts of the load share one address, so the limit per host would affect them all.
            "--padi-rate",
            "0",
            ...flags.both ?? [],
            ...flags[side] ?? [],
          ],
        });
      const server = run("server");
      const client = run("client");
      try {
        await healthy(line, line.server, server);
        await healthy(line, line.client, client);
      } catch (error) {
        await Promise.all([client.stop(), server.stop()]);
        files?.[Symbol.dispose]();
        throw error;
      }
      return {
        pids: [client.pid, server.pid],
        async drops() {
          const sides = { client: line.client, server: line.server };
          const drops: Record<string, number> = {};
          for (const [side, namespace] of Object.entries(sides)) {
            const { body } = await httpGet(line.net.path(namespace), STATUS, "/api/status");
            const counts = (JSON.parse(body) as { drops: Record<string, number> }).drops;
            for (const [reason, count] of Object.entries(counts)) {
              if (count > 0) drops[`${side} ${reason}`] = count;
            }
          }
          return drops;
        },
        async stop() {
          await client.stop();
          await server.stop();
          files?.[Symbol.dispose]();
        },
      };
    },
  };
}

/** pppoe-proxy with default settings. */
export const oursPath = ours("ours", "pppoe-proxy, server and client, --mac own");

/** pppoe-proxy with an encrypted tunnel. */
export const oursKeysPath = ours(
  "ours, keys",
  "the same with a pre-shared key, so that the tunnel is encrypted",
  {},
  undefined,
  true,
);

/** pppoe-proxy with the system's congestion control, which is cubic on the lossy paths. */
export const oursCubicPath = ours(
  "ours-cubic",
  "the same with --congestion system, which is cubic on the lossy paths",
  { both: ["--congestion", "system"] },
  ["lossy"],
);

async function healthy(line: Line, namespace: string, program: Program): Promise<void> {
  let ended = false;
  program.status.then(() => ended = true);
  for (const giveUp = Date.now() + UP_MS; Date.now() < giveUp && !ended;) {
    const path = line.net.path(namespace);
    const answer = await httpGet(path, STATUS, "/healthz").catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`Cannot bring pppoe-proxy up: ${program.lines.at(-1) ?? "it logged nothing"}`);
}
