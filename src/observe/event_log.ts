// Log lines from events.

import { describeEnd, type SessionLimit } from "../relay/mod.ts";
import { formatHex } from "../wire/text.ts";
import type { DataPlaneEvent, Notice, SessionFacts } from "./events.ts";
import type { Fields } from "./log.ts";

/** A line for the log. */
export interface LogLine {
  level: "debug" | "info" | "warning" | "error";
  message: string;
  fields: Fields;
}

const LINK_WORDS = { up: "is up", down: "is down", missing: "is gone" } as const;

/**
 * Describes an event as a line for the log.
 *
 * @param event The event
 * @returns The line; undefined for an event that is not logged
 */
export function describeEvent(event: DataPlaneEvent): LogLine | undefined {
  switch (event.type) {
    case "link": {
      const { name, state, mac, reason } = event;
      const level = state === "up" ? "info" : "warning";
      const message = `Interface ${name} ${LINK_WORDS[state]}`;
      if (reason === undefined) return { level, message, fields: { mac } };
      // The reason may end with a command to copy, so no fields follow it.
      return { level, message: `${message}, ${reason}`, fields: {} };
    }
    case "session-opened":
      return { level: "info", message: "Session opened", fields: sessionFields(event.session) };
    case "session-closed": {
      const { session, end, seconds, counts } = event;
      const fields = {
        ...sessionFields(session),
        reason: describeEnd(end),
        seconds,
        framesUp: counts.framesFromLink,
        framesDown: counts.framesFromTunnel,
        bytesUp: counts.bytesFromLink,
        bytesDown: counts.bytesFromTunnel,
        cause: end.cause,
      };
      return { level: "info", message: "Session closed", fields };
    }
    case "restored": {
      const { sessions, undeliveredPadts } = event;
      const fields = { sessions, undeliveredPadts };
      return { level: "info", message: "Restored from an earlier run", fields };
    }
    case "path-remembered": {
      const { peer, address, remedy } = event;
      return { level: "info", message: PATH_REMEDIES[remedy], fields: { peer, address } };
    }
    case "discovery": {
      const { from, frame, suppressed } = event;
      return {
        level: "debug",
        message: `From the ${from}: ${frame}`,
        fields: suppressedField(suppressed),
      };
    }
    case "notice": {
      const { notice, suppressed } = event;
      const level = notice.id === "sessions-not-kept" ? "error" : "warning";
      return { level, message: describeNotice(notice), fields: suppressedField(suppressed) };
    }
    default:
      return undefined;
  }
}

/** The messages for a path that is known to lose large packets. */
const PATH_REMEDIES = {
  "fragments":
    "Routers may split packets to this peer, because large ones were lost on this path before (path MTU)",
  "small-packets":
    "Only small packets are sent to this peer, because large ones were lost on this path before (path MTU)",
  "smallest-packets":
    "Only packets of at most 576 bytes are sent to this peer, because larger ones were lost on this path before (path MTU)",
} as const;

function suppressedField(suppressed: number): Fields {
  return suppressed > 0 ? { suppressed } : {};
}

function sessionFields({ id, ...others }: SessionFacts): Fields {
  return { id: formatHex(id, 4), ...others };
}

function describeNotice(notice: Notice): string {
  switch (notice.id) {
    case "too-many-padts":
      return `Cannot keep another PADT for ${notice.interface}: ${notice.limit} are already waiting`;
    case "limit":
      if (notice.sessions !== undefined) return describeSessionLimit(notice.sessions);
      return LIMIT_MESSAGES[notice.reason] ?? `A frame was dropped: ${notice.reason}`;
    case "held-back": {
      const { peer, endpoint, framesPerSecond } = notice;
      return `${peer} (${endpoint}) sends too many frames that belong to no session, ` +
        `${framesPerSecond} a second, so it is read more slowly`;
    }
    case "state-unwritable":
      return `Cannot keep sessions in ${notice.path}: ${notice.reason}`;
    case "sessions-not-kept":
      return `Sessions are closed, because they cannot be kept in ${notice.path}`;
  }
}

/** Tells which limit has refused a session, and where to change it. */
function describeSessionLimit({ source, who, sessions }: SessionLimit): string {
  const refused = `A session was refused: ${who} has ${sessions} already`;
  switch (source) {
    case "key":
      return `${refused}, the maximum of its key (sessions= in the server's key file)`;
    case "client":
      return `${refused}, the maximum of each client (--max-sessions)`;
    case "share":
      return `${refused}, and no more are left for one client of those that a server can have; ` +
        "move some clients to another server";
    case "host":
      return `${refused}, as many as one host can have`;
  }
}

/** The messages for drops because of a limit. */
const LIMIT_MESSAGES: { readonly [reason: string]: string } = {
  "padi-rate": "A PADI or PADR was dropped: its host, or its client as a whole, dials too often " +
    "(--padi-rate, --padi-rate-client)",
};
