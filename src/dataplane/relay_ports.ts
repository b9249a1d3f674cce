// Connects the relay to the rest of the data plane: frames, drops, problems, and the life of sessions.

import type { Recorder } from "../capture/recorder.ts";
import type { LinkOutput } from "../link/link_output.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import type { RelayPorts } from "../relay/mod.ts";
import type { EventBatch } from "./event_batch.ts";
import type { SessionJournal } from "./session_journal.ts";
import type { ToTunnels } from "./to_tunnels.ts";

/** The parts of a data plane that its relay uses. */
export interface RelaySurroundings {
  readonly output: LinkOutput;
  readonly toTunnels: ToTunnels;
  readonly counters: Counters;
  readonly events: EventBatch;
  readonly journal: SessionJournal | undefined;
  /** Returns the recorder of a capture; undefined if there is none. */
  recorder(): Recorder | undefined;
  /** Returns the start of the present turn. */
  nowMs(): number;
}

/** Makes the ports of a relay. */
export function relayPorts(surroundings: RelaySurroundings): RelayPorts {
  const { output, toTunnels, counters, events, journal, recorder, nowMs } = surroundings;
  return {
    toLink: (frame) => {
      counters.offer(FRAMES.discoveryFromTunnel);
      recorder()?.passing(frame, undefined);
      output.discovery(frame);
      recorder()?.passed();
    },
    toTunnel: (tunnel, frame) => {
      recorder()?.passing(frame, toTunnels.nameOf(tunnel));
      toTunnels.discovery(tunnel, frame, nowMs());
      recorder()?.passed();
    },
    listToTunnel: (tunnel, payload) => toTunnels.list(tunnel, payload, nowMs()),
    drop: (reason, from, limit) => {
      const flow = from === "link" ? FRAMES.discoveryFromLink : FRAMES.discoveryFromTunnel;
      counters.offer(flow);
      counters.drop(reason, flow);
      events.dropped(reason, limit);
    },
    problem: (problem) => events.problem(problem),
    problemBegun: (problem) => events.problemBegun(problem),
    problemEnded: (id, subject) => events.problemEnded(id, subject),
    dialFailed: (failure) => events.dialFailed(failure),
    opened: (session) => {
      // The session must be in the journal before anybody learns that it is open.
      journal?.opened(session, nowMs());
      events.opened(session);
      // The PADS may have come from the AC after the tunnel was lost.
      if (session.peer.held) events.held(session.peer);
    },
    closed: (session, end) => {
      journal?.closed(session);
      events.closed(session, end);
      if (session.peer.held) events.held(session.peer);
    },
    forgotten: (peer) => {
      journal?.notAway(peer);
      if (peer.key !== undefined) events.push({ type: "held", peer: peer.key, sessions: 0 });
    },
  };
}
