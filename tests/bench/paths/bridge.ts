// A path of plain bridges.

import { bridge } from "./bridging.ts";
import type { Path } from "./path.ts";

/** Plain bridges, which show the limits of the line itself. */
export const bridgePath: Path = {
  name: "bridge",
  note: "plain bridges on one wire without any tunnel, which show the limits of the line itself",
  hasTunnel: true,
  measures: ["rate", "latency", "saturation", "setup"],
  obstacle: () => undefined,
  async start(line) {
    await bridge(line, line.client, ["lan0", "wan0"]);
    await bridge(line, line.server, ["isp0", "wan0"]);
    return { pids: [], stop: () => Promise.resolve() };
  },
};
