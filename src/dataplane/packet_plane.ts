// A data plane over the machine's own sockets: an interface, TCP connections, and a state directory.

import { drainEventFd, EventSet } from "../../ffi/mod.ts";
import { PacketLink } from "../link/packet_link.ts";
import type { Counters } from "../observe/counters.ts";
import { RateLimit } from "../observe/rate_limit.ts";
import { Journal } from "../state/mod.ts";
import { DataPlane } from "./data_plane.ts";
import type { FromWorker, KeptState, PlaneOptions } from "./messages.ts";
import { SessionJournal } from "./session_journal.ts";

/**
 * How many ready descriptors one turn hears of: as many as there can be, so that the control lane is never
 * left out. Besides 1000 clients as many may come back that were away.
 */
const READY_A_TURN = 2100;
/** How often a journal that cannot be written is told of. */
const FAILURE_EVERY_MS = 60_000;

/** The surroundings of such a data plane. */
export interface PacketPlaneParts {
  counters: Counters;
  /** An eventfd, the caller's, that ends a wait. */
  wakeFd: number;
  /** Takes the messages of a turn. */
  post(messages: FromWorker[]): void;
  /** A clock that only goes forward, in ms. */
  now(): number;
  /** The clock that the kernel stamps frames with, in ms; `Date.now` without it. */
  wall?(): number;
}

/**
 * Opens the link and the journal, and makes a data plane of them.
 *
 * @throws {ConfigurationError} If there is no such interface, or it can't be captured on
 * @throws {Error} If a socket is refused
 */
export function makePacketPlane(options: PlaneOptions, parts: PacketPlaneParts): DataPlane {
  const { interfaceName, mac, ringFrames, state } = options;
  const { wakeFd } = parts;
  const link = new PacketLink(interfaceName, { promiscuous: mac !== "own", ringFrames });
  return new DataPlane(options, {
    ...parts,
    link,
    poller: () => new EventSet(READY_A_TURN),
    wake: { fd: wakeFd, drain: () => void drainEventFd(wakeFd) },
    journal: state && openJournal(state, parts),
  });
}

function openJournal(
  { path, segment, away }: KeptState,
  { post, now }: PacketPlaneParts,
): SessionJournal {
  const failures = new RateLimit(FAILURE_EVERY_MS);
  const journal = Journal.open(path, segment, {
    full: (segment) => post([{ type: "segment", segment }]),
    failed: ({ message: reason }) => {
      const suppressed = failures.allow(path, now());
      if (suppressed < 0) return;
      post([{ type: "notice", notice: { id: "state-unwritable", path, reason }, suppressed }]);
    },
  });
  return new SessionJournal(journal, away.keys());
}
