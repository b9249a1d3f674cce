// What the two sides of each tunnel tell each other about themselves, so that both show why there is no
// internet: the state of the link, and the problems that concern the other side.

import type { EventSink } from "../observe/events.ts";
import { type Problem, type ProblemId, problemOfCode, PROBLEMS } from "../problem.ts";
import type { Side } from "../side.ts";
import { emitState, FRAME, parseState, type PeerState } from "../wire/mod.ts";
import { nameInText } from "../wire/text.ts";
import type { Tunnel, Tunnels } from "./tunnels.ts";

/** The problems of which a peer has told, by the tunnel. */
interface Told {
  /** The newest state, which a hostile peer may change very often. */
  state: PeerState | undefined;
  /** The problems that were reported, with their subject. */
  reported: ProblemId[];
  changed: boolean;
}

/** Sends this side's state into the tunnels, and reports that of the peers. */
export class PeerStates {
  readonly #tunnels: Pick<Tunnels, "list">;
  readonly #events: Pick<EventSink, "push">;
  readonly #side: Side;
  readonly #told = new Map<number, Told>();
  /** The payload of this side's state. */
  #payload: Uint8Array<ArrayBuffer> = emitState({ linkUp: true, problems: [] });
  /** The tunnels that have it. */
  readonly #sent = new Set<number>();

  constructor(tunnels: Pick<Tunnels, "list">, events: Pick<EventSink, "push">, side: Side) {
    this.#tunnels = tunnels;
    this.#events = events;
    this.#side = side;
  }

  /** Tells the peers, at the end of this turn or as soon as there is room, of a change. */
  set(state: PeerState): void {
    const payload = emitState(state);
    const same = payload.length === this.#payload.length &&
      payload.every((byte, at) => byte === this.#payload[at]);
    if (same) return;
    this.#payload = payload;
    this.#sent.clear();
  }

  /** Takes the payload of a STATE frame. */
  heard(tunnel: number, payload: Uint8Array): void {
    const told = this.#told.get(tunnel);
    const state = parseState(payload);
    if (told === undefined || state === undefined) return;
    told.state = state;
    told.changed = true;
  }

  /** Begins with a new tunnel, unless its peer is too old for it. */
  added({ channel }: Tunnel): void {
    if (channel.legacy) return;
    this.#told.set(channel.id, { state: undefined, reported: [], changed: false });
  }

  /** Forgets a tunnel that has ended. */
  removed(tunnel: number): void {
    const told = this.#told.get(tunnel);
    if (told === undefined) return;
    this.#told.delete(tunnel);
    this.#sent.delete(tunnel);
    this.#end(tunnel, told.reported);
  }

  /** Sends and reports what has changed; to be called about once a second, and after a change of the link. */
  tick(nowMs: number): void {
    for (const tunnel of this.#tunnels.list) {
      const { channel } = tunnel;
      const { id } = channel;
      const told = this.#told.get(id);
      if (told === undefined || channel.ended !== undefined) continue;
      if (told.changed) this.#report(tunnel, told);
      if (this.#sent.has(id)) continue;
      const { length } = this.#payload;
      if (channel.queue(FRAME.STATE, this.#payload, length, "control", nowMs)) this.#sent.add(id);
    }
  }

  #report(tunnel: Tunnel, told: Told): void {
    told.changed = false;
    const problems = this.#problemsOf(tunnel, told.state!);
    const ids = problems.map(({ id }) => id);
    this.#end(tunnel.channel.id, told.reported.filter((id) => !ids.includes(id)));
    told.reported = ids;
    for (const problem of problems) this.#events.push({ type: "problem-begun", problem });
  }

  #end(tunnel: number, ids: readonly ProblemId[]): void {
    for (const id of ids) this.#events.push({ type: "problem-ended", id, subject: `${tunnel}` });
  }

  #problemsOf({ channel, name }: Tunnel, { linkUp, problems }: PeerState): Problem[] {
    const isServer = this.#side === "client";
    const called = nameInText(name);
    const peer = `${isServer ? "server" : "client"} ${called}`;
    const subject = `${channel.id}`;
    const found: Problem[] = [];
    if (!linkUp) {
      found.push({
        id: "far-link-down",
        subject,
        what: `The interface of ${peer} is down, so ` +
          (isServer ? "no AC can be reached" : "its hosts cannot dial"),
        advice: "check the cable there, and the log or the status of that side, which tells why",
        blocks: isServer,
        // The hosts of other clients may have problems of their own.
        tunnel: isServer ? undefined : channel.id,
      });
    }
    const ids = problems.map(problemOfCode).filter((id) => id !== undefined);
    // A client has one server at a time, so that it is as useless.
    const isSwapped = isServer && ids.includes("sides-swapped");
    if (isSwapped) found.push(swapped(peer, subject));
    const titles = ids.filter((id) => !isSwapped || id !== "sides-swapped")
      .map((id) => PROBLEMS[id].title);
    if (titles.length > 0) {
      found.push({
        id: "far-problem",
        subject,
        what: `${isServer ? "Server" : "Client"} ${called} reports: ${titles.join("; ")}`,
        advice: "see the log or the status of that side, which tells what to do",
      });
    }
    return found;
  }
}

function swapped(peer: string, subject: string): Problem {
  return {
    id: "sides-swapped",
    subject,
    what:
      `The interface of ${peer} leads to hosts instead of an AC: client and server are swapped, ` +
      "or it is the wrong interface there",
    advice:
      "run the server on the machine beside the AC and the client on that beside the hosts, " +
      "or correct --interface at the server",
    blocks: true,
  };
}
