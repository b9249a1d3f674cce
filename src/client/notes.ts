// The client's log lines, from the notes of its machine.

import { describeConnectFailure } from "../net/connect_attempt.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import type { Log } from "../observe/log.ts";
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
      return log.info("Tunnel up", { name, peer, software, held });
    }
    case "tunnel-lost":
      return log.warning("Tunnel lost", { reason: note.reason, held: note.held });
    case "failed": {
      const { server, failure, suppressed } = note;
      return log.warning(describeFailure(server, failure), {
        server: failure.step === "greet" ? formatEndpoint(server) : undefined,
        suppressed: suppressed || undefined,
      });
    }
    case "rival":
      return log.error(
        hasKey
          ? "Another program is connected with this client's key: make one for each client with keygen"
          : "Another program is connected as this client: is its state directory a copy?",
      );
    case "connecting-again":
      return log.info("Connecting again", {
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
      return `The interface of the server ${failure.name} is not up`;
    default:
      return failure.reason;
  }
}
