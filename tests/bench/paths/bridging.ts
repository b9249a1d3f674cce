// Linux bridges, as three of the paths have them at both ends.
import type { Line } from "../line.ts";

/** Joins interfaces of a namespace. The bridge sends nothing of its own: no STP, no queries. */
export async function bridge(line: Line, namespace: string, ports: string[]): Promise<void> {
  const quiet = ["stp_state", "0", "mcast_snooping", "0"];
  await line.net.ip(namespace, "link", "add", "br0", "type", "bridge", ...quiet);
  for (const port of ports) {
    await line.net.ip(namespace, "link", "set", port, "master", "br0", "up");
  }
  await line.net.ip(namespace, "link", "set", "br0", "up");
}
