// A data plane over a real interface, with a journal in a state directory. The worker makes its transports.

import { drainEventFd, epochMs, EventSet, NetworkWatch, sinceBootMs } from "../../ffi/mod.ts";
import { PacketLink } from "../link/packet_link.ts";
import type { Counters } from "../observe/counters.ts";
import { RateLimit } from "../observe/rate_limit.ts";
import { Journal } from "../state/mod.ts";
import { DataPlane } from "./data_plane.ts";
import type { FromWorker, KeptState, PlaneOptions } from "./messages.ts";
import { SessionJournal } from "./session_journal.ts";

/**
 * The number of ready descriptors that one turn can see. It covers all that can exist, so that the control
 * lane is never left out: 1000 clients, and as many new connections of clients that come back.
 */
const READY_PER_TURN = 2100;
/** The time between two notices that the journal cannot be written. */
const FAILURE_EVERY_MS = 60_000;

/** The parts of such a data plane that its owner provides. */
export interface PacketPlaneParts {
  counters: Counters;
  /** An eventfd that ends a wait; its owner closes it. */
  wakeFd: number;
  /** Takes the messages of a turn. */
  post(messages: FromWorker[]): void;
  /** Returns the time in ms, by a monotonic clock. */
  now(): number;
  /** Returns the time in ms, by the clock with which the kernel stamps frames; `Date.now` by default. */
  wall?(): number;
}

/**
 * Opens the link and the journal, and makes a data plane of them.
 *
 * @param options The options
 * @param parts The other parts
 * @returns The data plane
 * @throws {ConfigurationError} If there is no such interface, or frames cannot be captured on it
 * @throws {Error} If a socket is refused
 */
export function makePacketPlane(options: PlaneOptions, parts: PacketPlaneParts): DataPlane {
  const { interfaceName, mac, ringFrames, state } = options;
  const { wakeFd } = parts;
  const clock = stateClock(state, parts);
  // Closes what is open if a later step fails.
  using opened = new DisposableStack();
  const keep = <T extends { close(): void }>(part: T) => opened.adopt(part, (part) => part.close());
  const link = new PacketLink(interfaceName, { promiscuous: mac !== "own", ringFrames });
  opened.defer(() => link.dispose());
  // Only a client can do something about a change.
  const network = options.side === "client" ? keep(new NetworkWatch()) : undefined;
  const plane = new DataPlane(options, {
    ...parts,
    link,
    poller: () => keep(new EventSet(READY_PER_TURN)),
    wake: { fd: wakeFd, drain: () => void drainEventFd(wakeFd) },
    network,
    stamp: parts.wall ?? epochMs,
    clock,
    journal: state && keep(openJournal(state, parts, clock)),
  });
  opened.move();
  return plane;
}

// Returns the clock of the state directory.
function stateClock(
  state: KeptState | undefined,
  { wall = Date.now }: PacketPlaneParts,
): () => number {
  const offsetMs = state?.clockOffsetMs;
  return offsetMs === undefined ? wall : () => sinceBootMs() + offsetMs;
}

function openJournal(
  { path, segment, away }: KeptState,
  { post, now }: PacketPlaneParts,
  clock: () => number,
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
  return new SessionJournal(journal, away.keys(), clock);
}
