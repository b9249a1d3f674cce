// Log lines from events.

import { describeEnd, type DropReason, type SessionLimit } from "../relay/mod.ts";
import { formatHex } from "../wire/text.ts";
import type { DataPlaneEvent, Notice, SessionFacts } from "./events.ts";
import { describeLine, type LogLine } from "./log_lines.ts";

/**
 * Describes an event as a line for the log.
 *
 * @param event The event
 * @returns The line; undefined for an event that is not logged
 */
export function describeEvent(event: DataPlaneEvent): LogLine | undefined {
  switch (event.type) {
    case "link": {
      const { name, state, reason } = event;
      // The reason may end with a command to copy, so no fields follow it.
      const mac = reason === undefined ? event.mac : undefined;
      return describeLine(`link-${state}`, { interface: name, reason, mac });
    }
    case "session-opened":
      return describeLine("session-opened", sessionFields(event.session));
    case "session-closed": {
      const { session, end, seconds, counts } = event;
      return describeLine("session-closed", {
        ...sessionFields(session),
        reason: describeEnd(end),
        seconds,
        framesUp: counts.framesFromLink,
        framesDown: counts.framesFromTunnel,
        bytesUp: counts.bytesFromLink,
        bytesDown: counts.bytesFromTunnel,
        cause: end.cause,
      });
    }
    case "restored": {
      const { sessions, undeliveredPadts } = event;
      return describeLine("restored", { sessions, undeliveredPadts });
    }
    case "path-remembered": {
      const { peer, address, remedy } = event;
      return describeLine(`path-${remedy}`, { peer, address });
    }
    case "discovery": {
      const { from, frame, fields, suppressed } = event;
      return describeLine("discovery-frame", {
        from,
        frame,
        ...fields,
        suppressed: suppressed || undefined,
      });
    }
    case "dial-failed": {
      const { failure: { outcome, id, ac, host, tunnel, detail }, suppressed } = event;
      return describeLine(`dial-${outcome}`, {
        id,
        ac,
        host,
        tunnel,
        reason: detail,
        suppressed: suppressed || undefined,
        cause: outcome,
      });
    }
    case "notice":
      return describeNotice(event.notice, event.suppressed || undefined);
    default:
      return undefined;
  }
}

function sessionFields({ id, ...others }: SessionFacts) {
  return { id: formatHex(id, 4), ...others };
}

function describeNotice(notice: Notice, suppressed: number | undefined): LogLine {
  switch (notice.id) {
    case "too-many-padts":
      return describeLine("too-many-padts", { ...notice, suppressed });
    case "limit":
      return describeLimit(notice.reason, notice.sessions, suppressed);
    case "held-back":
      return describeLine("held-back", { ...notice, suppressed });
    case "state-unwritable":
      return describeLine("journal-unwritable", { ...notice, suppressed });
    case "sessions-not-kept":
      return describeLine("sessions-not-kept", { ...notice, suppressed });
  }
}

/** Tells which limit has dropped a frame or refused a session, and where to change it. */
function describeLimit(
  reason: DropReason,
  limit: SessionLimit | undefined,
  suppressed: number | undefined,
): LogLine {
  if (limit !== undefined) {
    const { source, who, sessions } = limit;
    return describeLine(`session-limit-${source}`, { who, sessions, suppressed });
  }
  if (reason === "padi-rate") return describeLine("dialling-limited", { suppressed });
  return describeLine("frame-dropped", { reason, suppressed });
}
