// The client's log lines, from the notes of its machine.

import { describeConnectFailure } from "../net/connect_attempt.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { logLine } from "../observe/log_lines.ts";
import type { Log } from "../observe/log_record.ts";
import { nameInText } from "../wire/text.ts";
import type { ClientFailure, ClientNote } from "./messages.ts";

/**
 * Writes a note to the log.
 *
 * @param log The log
 * @param note The note
 * @param hasKey True if the client has a key, which says who it is
 */
export function logNote(
  log: Pick<Log, "info" | "warning" | "error">,
  note: ClientNote,
  hasKey = false,
): void {
  switch (note.type) {
    case "greeted": {
      const { name, endpoint: peer, software, held } = note;
      return logLine(log, "tunnel-up", { name, peer, software, held });
    }
    case "tunnel-lost":
      return logLine(log, "tunnel-lost", {
        reason: note.reason,
        held: note.held,
        cause: note.cause,
      });
    case "failed": {
      const { server, failure, suppressed } = note;
      const kind = failure.step === "greet" ? "handshake-failed" : "connect-failed";
      return logLine(log, kind, {
        reason: describeFailure(server, failure),
        server: formatEndpoint(server),
        suppressed: suppressed || undefined,
        cause: failure.step,
      });
    }
    case "rival":
      return logLine(log, hasKey ? "rival-with-key" : "rival", {});
    case "connecting-again":
      return logLine(log, "connecting-again", {
        server: formatEndpoint(note.server),
        seconds: Math.round(note.delayMs / 100) / 10,
      });
  }
}

/**
 * Describes the failure of an attempt.
 *
 * @param server The server
 * @param failure The reason
 * @returns A sentence without a full stop
 */
export function describeFailure(server: Endpoint, failure: ClientFailure): string {
  switch (failure.step) {
    case "resolve":
    case "connect": {
      const { step, reason } = failure;
      const hint = /reset by peer/.test(reason) ? ": is this machine on its --allow list?" : "";
      return describeConnectFailure(server, { step, reason }) + hint;
    }
    case "lookup":
      return `Cannot find ${server.hostname}: ${failure.reason}; its last addresses are tried`;
    case "link-down":
      return `The interface of the server ${nameInText(failure.name)} is not up`;
    default:
      return failure.reason;
  }
}
