// Linux bridges, which three of the paths have at both ends.

import type { Line } from "../line.ts";

/** Bridges interfaces of a namespace. The bridge sends no frames of its own, like STP or queries. */
export async function bridge(line: Line, namespace: string, ports: string[]): Promise<void> {
  const quiet = ["stp_state", "0", "mcast_snooping", "0"];
  await line.net.ip(namespace, "link", "add", "br0", "type", "bridge", ...quiet);
  for (const port of ports) {
    await line.net.ip(namespace, "link", "set", port, "master", "br0", "up");
  }
  await line.net.ip(namespace, "link", "set", "br0", "up");
}
