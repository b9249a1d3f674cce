// Finds and reports tunnels whose paths lose large packets.

import type { Problem } from "../problem.ts";
import { type PathFault, SMALL_PACKET, SMALLEST_PACKET } from "../transport/transport.ts";
import { nameInText } from "../wire/text.ts";
import type { EventBatch } from "./event_batch.ts";
import type { Tunnel, Tunnels } from "./tunnels.ts";

/** The time between two reports of a fault for the status, which shows it for twice as long. */
const REPORT_MS = 60_000;
/** The time between two looks at a path that is suspected to have a fault. */
const SUSPECTED_MS = 250;
/** The reason for the end of a tunnel whose large packets are lost. */
const LOST = "large packets are lost (path MTU); the next tunnel sends small ones";

/** Finds tunnels whose paths lose large packets, although small ones get through. */
export class PathFaults {
  readonly #tunnels: Tunnels;
  readonly #events: EventBatch;
  /** The time of the next look at a suspected path; `Infinity` if there is none. */
  dueMs = Infinity;
  #reportMs = 0;

  constructor(tunnels: Tunnels, events: EventBatch) {
    this.#tunnels = tunnels;
    this.#events = events;
  }

  /** Reports the fault that is remembered of a new tunnel's path. */
  added(id: number): void {
    const tunnel = this.#tunnels.get(id);
    const fault = tunnel?.channel.transport.pathFault;
    if (fault === undefined) return;
    const { name: peer, pathAddress: address } = tunnel!;
    const { remedy } = fault;
    if (remedy !== "none") this.#events.push({ type: "path-remembered", peer, address, remedy });
    this.#events.push({ type: "problem", problem: problemOf(tunnel!, fault) });
  }

  /**
   * Looks for faults, and ends the tunnels that cannot go on; to be called about once a second, and at
   * `dueMs`.
   */
  tick(nowMs: number): void {
    this.dueMs = Infinity;
    const reports = nowMs >= this.#reportMs;
    if (reports) this.#reportMs = nowMs + REPORT_MS;
    for (const tunnel of this.#tunnels.list) {
      const { transport } = tunnel.channel;
      const verdict = transport.watchPath(nowMs);
      if (verdict === "suspected") this.dueMs = nowMs + SUSPECTED_MS;
      const fault = transport.pathFault;
      if (fault === undefined) continue;
      const problem = problemOf(tunnel, fault);
      const isNew = verdict === "mended" || verdict === "lost" || verdict === "helpless";
      if (isNew) this.#events.problem(problem);
      else if (reports) this.#events.push({ type: "problem", problem });
      if (verdict === "lost") tunnel.channel.end(LOST, "path-mtu");
    }
  }
}

const REMEDIES: Record<PathFault["remedy"], string> = {
  "fragments": "routers may now split them",
  "small-packets": `packets to it now have at most ${SMALL_PACKET} bytes, which is slower`,
  "smallest-packets":
    `packets to it now have at most ${SMALLEST_PACKET} bytes, which is much slower`,
  "none": "nothing is left to try until the cause is removed",
};

function problemOf({ channel, name, address, pathAddress }: Tunnel, fault: PathFault): Problem {
  const { packetBytes, remedy, fragmentsLost } = fault;
  const called = nameInText(name);
  const end = pathAddress === address ? called : `the proxy of ${called}`;
  return {
    id: "path-mtu",
    tunnel: channel.id,
    what: `Packets of ${packetBytes} bytes to ${end} (${pathAddress}) are lost, ` +
      `${fragmentsLost ? "in fragments too, " : ""}although small ones arrive (path MTU); ` +
      REMEDIES[remedy],
    advice: 'let firewalls pass ICMP "fragmentation needed" and "packet too big", ' +
      "set the real MTU on the route to the peer, or clamp the MSS of TCP on a router",
  };
}
