// The command line. Subcommands are loaded on demand, so that this help and the version need neither
// libc nor Linux.

import { closest } from "./src/cli/hint.ts";
import { UsageError } from "./src/cli/options.ts";
import { VERSION } from "./src/version.ts";

const HELP = `pppoe-proxy ${VERSION}: carries PPPoE across an IP network

Usage: pppoe-proxy SUBCOMMAND [flags]

  server   run beside the access concentrator and accept tunnels from clients
  client   run beside the PPPoE hosts and keep a tunnel to the server
  demo     show both at work in network namespaces of this machine

  --help     show this help, or that of a subcommand
  --version  show the version

Quick start, on two machines:
  pppoe-proxy server --interface eth1 --listen 0.0.0.0:8000 --allow 198.51.100.7
  pppoe-proxy client --interface eth1 --connect 192.0.2.1:8000
`;

const SUBCOMMANDS = ["server", "client", "demo"];

interface Subcommand {
  help: string;
  run(args: string[]): Promise<number>;
}

async function load(name: string): Promise<Subcommand | undefined> {
  switch (name) {
    case "server": {
      const { server, SERVER_HELP } = await import("./src/cli/server.ts");
      return { run: server, help: SERVER_HELP };
    }
    case "client": {
      const { client, CLIENT_HELP } = await import("./src/cli/client.ts");
      return { run: client, help: CLIENT_HELP };
    }
    case "demo": {
      const { demo, DEMO_HELP } = await import("./src/cli/demo.ts");
      return { run: demo, help: DEMO_HELP };
    }
  }
  return undefined;
}

async function main([name, ...args]: string[]): Promise<number> {
  if (name === "help" && args[0] !== undefined) [name, args] = [args[0], ["--help"]];
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    print(HELP);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-V" || args.includes("--version") || args.includes("-V")) {
    print(`pppoe-proxy ${VERSION}\n`);
    return 0;
  }
  if (Deno.build.os !== "linux") {
    return fail("Cannot run on this system: only Linux has packet sockets; run it on Linux", 1);
  }
  const subcommand = await load(name);
  if (subcommand === undefined) {
    const nearest = closest(name, SUBCOMMANDS);
    const hint = nearest === undefined ? "" : ` (did you mean ${nearest}?)`;
    return fail(`Unknown subcommand ${name}${hint}; see pppoe-proxy --help`, 2);
  }
  if (args.includes("--help") || args.includes("-h")) {
    print(subcommand.help);
    return 0;
  }
  try {
    return await subcommand.run(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return fail(`${error.message}; see pppoe-proxy ${name} --help`, 2);
  }
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function fail(message: string, status: number): number {
  Deno.stderr.writeSync(new TextEncoder().encode(`pppoe-proxy: ${message}\n`));
  return status;
}

Deno.exit(await main(Deno.args));
