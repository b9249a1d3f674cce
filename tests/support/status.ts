// A status to show.

import { DROP_REASONS, type DropReason } from "../../src/relay/mod.ts";
import type { Status } from "../../src/observe/status.ts";

/** The status of a server with two clients and one session; what a test is about is given. */
export function aStatus(over: Partial<Status> = {}): Status {
  const tunnel = {
    framesIn: 1,
    framesOut: 2,
    bytesIn: 3,
    bytesOut: 4,
    queuedBytes: 5,
    retransmits: 6,
    congestion: "bbr",
  };
  return {
    mode: "server",
    version: "0.0.0",
    uptimeSeconds: 7,
    interface: "eth1",
    interfaceState: "up",
    healthy: true,
    problems: [],
    reconnects: 0,
    tunnels: [
      { name: "osaka", peer: "192.0.2.1:5000", state: "up", rttMs: 12.5, ...tunnel },
      { name: "tokyo", peer: "192.0.2.2:5000", state: "up", rttMs: null, ...tunnel },
    ],
    sessions: [{
      sessionId: 17,
      ac: "02:00:00:00:00:a1",
      host: "02:00:00:00:00:11",
      tunnel: "osaka",
      state: "open",
      ageSeconds: 5,
      framesUp: 10,
      framesDown: 20,
      bytesUp: 1000,
      bytesDown: 2000,
    }],
    frames: { uplink: { discovery: 1, session: 2 }, downlink: { discovery: 3, session: 4 } },
    bytes: { uplink: { discovery: 60, session: 2 ** 40 }, downlink: { discovery: 62, session: 5 } },
    drops: Object.fromEntries(DROP_REASONS.map((reason, index) => [reason, index])) as Record<
      DropReason,
      number
    >,
    ...over,
  };
}
