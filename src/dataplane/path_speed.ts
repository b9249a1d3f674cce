// Finds and reports tunnels whose paths are slow, lossy or silent.

import type { EventSink } from "../observe/events.ts";
import type { Problem, ProblemId } from "../problem.ts";
import type { Side } from "../side.ts";
import { PathQuality, SAMPLE_MS } from "../tunnel/path_quality.ts";
import { nameInText } from "../wire/text.ts";
import type { Tunnel, Tunnels } from "./tunnels.ts";

/** The time for which a problem lasts after its last sign, in ms. */
const LASTS_MS = 30_000;
/** The time for which a server must be silent, in pings that it leaves unanswered, and at least, in ms. */
const SILENT = { pings: 2, leastMs: 8000 };

/** The path of one tunnel, as far as it is known. */
interface Path {
  readonly quality: PathQuality;
  sampleMs: number;
  isSilent: boolean;
  /** The problems that were reported, to end with the tunnel. */
  readonly reported: Set<ProblemId>;
}

/** Watches the paths of all tunnels. */
export class PathSpeed {
  readonly #tunnels: Pick<Tunnels, "list">;
  readonly #events: Pick<EventSink, "push" | "problem">;
  readonly #side: Side;
  readonly #silentMs: number;
  readonly #paths = new Map<number, Path>();

  /**
   * Makes a watch.
   *
   * @param tunnels The tunnels
   * @param events Takes the problems
   * @param options The side, and the time between two pings
   */
  constructor(
    tunnels: Pick<Tunnels, "list">,
    events: Pick<EventSink, "push" | "problem">,
    { side, pingMs }: { side: Side; pingMs: number },
  ) {
    this.#tunnels = tunnels;
    this.#events = events;
    this.#side = side;
    this.#silentMs = Math.max(SILENT.leastMs, SILENT.pings * pingMs);
  }

  /** Looks at all paths; to be called about once a second. */
  tick(nowMs: number): void {
    const present = new Set<number>();
    for (const tunnel of this.#tunnels.list) {
      const { id } = tunnel.channel;
      present.add(id);
      let path = this.#paths.get(id);
      if (path === undefined) {
        path = {
          quality: new PathQuality(),
          sampleMs: nowMs,
          isSilent: false,
          reported: new Set(),
        };
        this.#paths.set(id, path);
      }
      if (this.#side === "client") this.#listen(tunnel, path, nowMs);
      if (nowMs < path.sampleMs) continue;
      path.sampleMs = nowMs + SAMPLE_MS;
      this.#sample(tunnel, path);
    }
    for (const [id, { reported }] of this.#paths) {
      if (present.has(id)) continue;
      this.#paths.delete(id);
      for (const kind of reported) this.#end(kind, id);
    }
  }

  #sample(tunnel: Tunnel, { quality, reported }: Path): void {
    const { channel, stale } = tunnel;
    const { retransmits, congestion } = channel.transport.status();
    const { rttMs, carried } = channel;
    const frames = carried.sessionFrames + carried.discoveryFrames;
    const { isLossy, isSlow } = quality.look({ rttMs, frames, stale, retransmits, congestion });
    const found: Problem[] = [];
    if (isLossy) found.push(lossy(tunnel, congestion!));
    if (isSlow) found.push(slow(tunnel));
    for (const problem of found) {
      reported.add(problem.id);
      this.#events.problem(problem, LASTS_MS);
    }
  }

  // A tunnel ends only after a longer time, in which nobody should wonder what is wrong.
  #listen(tunnel: Tunnel, path: Path, nowMs: number): void {
    const { channel } = tunnel;
    const isSilent = !channel.legacy && !tunnel.heldBack && !tunnel.queued &&
      channel.silentMs(nowMs) >= this.#silentMs;
    if (isSilent === path.isSilent) return;
    path.isSilent = isSilent;
    if (!isSilent) {
      path.reported.delete("no-server");
      return this.#end("no-server", channel.id);
    }
    path.reported.add("no-server");
    this.#events.push({ type: "problem-begun", problem: silent(tunnel, this.#silentMs) });
  }

  #end(id: ProblemId, tunnel: number): void {
    this.#events.push({ type: "problem-ended", id, subject: `${tunnel}` });
  }
}

function silent({ channel, endpoint }: Tunnel, forMs: number): Problem {
  return {
    id: "no-server",
    subject: `${channel.id}`,
    what: `Server ${endpoint} does not answer any more: nothing has come from it for ` +
      `${Math.round(forMs / 1000)} s`,
    advice: "check this machine's connection to it (ping, ip route get), and that the server's " +
      "machine is up",
    blocks: true,
  };
}

function lossy({ channel, name, address }: Tunnel, congestion: string): Problem {
  return {
    id: "congestion-control",
    subject: `${channel.id}`,
    tunnel: channel.id,
    what:
      `The path to ${
        nameInText(name)
      } (${address}) loses packets, and the congestion control ${congestion} ` +
      "takes each loss for congestion, so the tunnel is much slower than the path",
    advice:
      "use bbr on this side: load it (modprobe tcp_bbr), and leave --congestion out or give " +
      "--congestion bbr; the next tunnel uses it",
  };
}

function slow({ channel, name, address }: Tunnel): Problem {
  return {
    id: "slow-path",
    subject: `${channel.id}`,
    tunnel: channel.id,
    what:
      `The path to ${
        nameInText(name)
      } (${address}) is slower than the traffic from this side, so frames ` +
      "wait, and some are dropped because they are too old",
    advice:
      "look for other traffic on the path, a slow link in it, or a limit in the key's line at the " +
      "server (up=, down=); limit the hosts if the path is just that slow",
  };
}
