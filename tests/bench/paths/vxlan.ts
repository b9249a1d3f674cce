// A path through VXLAN.

import { type Line, WAN } from "../line.ts";
import { bridge } from "./bridging.ts";
import type { Path } from "./path.ts";

const WAN_MTU = "1600"; // a whole frame and VXLAN's headers

/** The kernel's VXLAN. */
export const vxlanPath: Path = {
  name: "vxlan",
  note: "kernel VXLAN over UDP, bridged at both ends, on a wire with an MTU of 1600",
  hasTunnel: true,
  obstacle: () => undefined,
  async start(line) {
    await side(line, line.client, "lan0", WAN.client, WAN.server);
    await side(line, line.server, "isp0", WAN.server, WAN.client);
    return { pids: [], stop: () => Promise.resolve() };
  },
};

async function side(line: Line, namespace: string, link: string, local: string, remote: string) {
  const ip = (...args: string[]) => line.net.ip(namespace, ...args);
  await ip("link", "set", "wan0", "mtu", WAN_MTU);
  const ends = ["local", local, "remote", remote, "dstport", "4789", "dev", "wan0"];
  await ip("link", "add", "vx0", "type", "vxlan", "id", "42", ...ends);
  await ip("link", "set", "vx0", "mtu", "1500");
  await bridge(line, namespace, [link, "vx0"]);
}
