// A sample status.

import { DialCounts, DROP_REASONS, type DropReason } from "../../src/relay/mod.ts";
import type { Direction, Status } from "../../src/observe/status.ts";

/** Makes the status of a server with two clients and one session, with the given changes. */
export function aStatus(over: Partial<Status> = {}): Status {
  const tunnel = {
    framesIn: 1,
    framesOut: 2,
    bytesIn: 3,
    bytesOut: 4,
    queuedBytes: 5,
    queuedFrames: 1,
    heldBackMs: 7,
    unsentBytes: 0,
    retransmits: 6,
    congestion: "bbr",
    encryption: null,
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
      id: "0x0011",
      sessionId: 17,
      ac: "02:00:00:00:00:a1",
      host: "02:00:00:00:00:11",
      tunnel: "osaka",
      state: "open",
      ageSeconds: 5,
      framesFromLink: 10,
      framesFromTunnel: 20,
      bytesFromLink: 1000,
      bytesFromTunnel: 2000,
      framesUp: 10,
      framesDown: 20,
      bytesUp: 1000,
      bytesDown: 2000,
    }],
    sessionCounts: { open: 1, held: 0 },
    frames: directions({ discovery: 1, session: 2 }, { discovery: 3, session: 4 }),
    bytes: directions({ discovery: 60, session: 2 ** 40 }, { discovery: 62, session: 5 }),
    drops: Object.fromEntries(DROP_REASONS.map((reason, index) => [reason, index])) as Record<
      DropReason,
      number
    >,
    controlAsData: { fromLink: 8, fromTunnel: 9 },
    balance: {
      fromLink: {
        discovery: { offered: 6, carried: 1, dropped: 2, queued: 3 },
        session: { offered: 10, carried: 2, dropped: 3, queued: 5 },
      },
      fromTunnel: {
        discovery: { offered: 3, carried: 3, dropped: 0, queued: 0 },
        session: { offered: 9, carried: 4, dropped: 5, queued: 0 },
      },
    },
    dials: new DialCounts().read(),
    handshakes: 2,
    refused: { crowded: 3, timeout: 1 },
    ...over,
  };
}

/** Makes a record of both directions, with their older names too. */
export function directions<T>(fromLink: T, fromTunnel: T): Record<Direction, T> {
  return { fromLink, fromTunnel, uplink: fromLink, downlink: fromTunnel };
}

/** Makes the status of a server that has something for every metric. */
export function aFullStatus(): Status {
  const [osaka] = aStatus().tunnels;
  return aStatus({
    tunnels: [{ ...osaka, encryption: { cipher: "AES-128-GCM", kernel: false } }],
    problems: [{ id: "vlan", since: "", what: "w", advice: "a", blocks: false }],
    keys: [{ name: "osaka", id: "0123abcd", lastUsedS: 0, tunnels: 1 }],
  });
}
