import { bridge } from "./bridging.ts";
import type { Path } from "./path.ts";

/** Plain bridges: what the line itself can do. */
export const bridgePath: Path = {
  name: "bridge",
  note: "plain bridges on one wire: no tunnel at all, what the line itself can do",
  hasTunnel: true,
  measures: ["rate", "latency", "saturation", "setup"],
  obstacle: () => undefined,
  async start(line) {
    await bridge(line, line.client, ["lan0", "wan0"]);
    await bridge(line, line.server, ["isp0", "wan0"]);
    return { pids: [], stop: () => Promise.resolve() };
  },
};
