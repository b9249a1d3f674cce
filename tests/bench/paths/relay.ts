// A path through pppoe-relay.

import { missing, Process } from "../process.ts";
import type { Path } from "./path.ts";

const SETTLE_MS = 300;
const SESSIONS = "5000";

/** The relay of rp-pppoe. */
export const relayPath: Path = {
  name: "relay",
  note: "pppoe-relay in one namespace between two interfaces, without a tunnel",
  hasTunnel: false,
  obstacle: () => missing("pppoe-relay"),
  async start(line) {
    await line.net.ip(line.server, "link", "set", "isp0", "netns", line.client);
    await line.net.up({ namespace: line.client, name: "isp0" });
    const command = ["pppoe-relay", "-F", "-n", SESSIONS, "-C", "lan0", "-S", "isp0"];
    const relay = Process.start(line.client, command);
    // The relay prints nothing when it is ready.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return { pids: [relay.pid], stop: () => relay.stop() };
  },
};
