// A path through OpenVPN.

import { WAN } from "../line.ts";
import { missing, Process } from "../process.ts";
import { bridge } from "./bridging.ts";
import type { Path } from "./path.ts";

const PORT = "5000";
const CONNECTED = "TCP connection established";
const CONNECT_MS = 10_000;

// Point to point without certificates and key, so that all data is unencrypted, like ours.
const COMMON = ["--dev", "tap0", "--cipher", "none", "--auth", "none", "--verb", "3"];
const NODELAY = ["--socket-flags", "TCP_NODELAY"];

/** OpenVPN with a tap interface over TCP. */
export const openvpnPath: Path = {
  name: "openvpn",
  note: "OpenVPN, tap over TCP without cipher, TCP_NODELAY, bridged at both ends",
  hasTunnel: true,
  obstacle: () => missing("openvpn") ?? noTap(),
  async start(line) {
    for (const [namespace, link] of [[line.client, "lan0"], [line.server, "isp0"]]) {
      await line.net.ip(namespace, "tuntap", "add", "dev", "tap0", "mode", "tap");
      await bridge(line, namespace, [link, "tap0"]);
    }
    const run = (namespace: string, ...args: string[]) =>
      Process.start(namespace, ["openvpn", ...COMMON, ...NODELAY, ...args]);
    const listen = ["--proto", "tcp-server", "--local", WAN.server, "--port", PORT];
    const connect = ["--proto", "tcp-client", "--remote", WAN.server, PORT, "--nobind"];
    const server = run(line.server, ...listen);
    await server.untilLine("Listening for incoming TCP", CONNECT_MS);
    const client = run(line.client, ...connect);
    await Promise.all([
      server.untilLine(CONNECTED, CONNECT_MS),
      client.untilLine(CONNECTED, CONNECT_MS),
    ]);
    return {
      pids: [client.pid, server.pid],
      async stop() {
        await client.stop();
        await server.stop();
      },
    };
  },
};

function noTap(): string | undefined {
  try {
    Deno.openSync("/dev/net/tun", { read: true, write: true }).close();
  } catch (error) {
    return `cannot open /dev/net/tun: ${(error as Error).message}`;
  }
}
