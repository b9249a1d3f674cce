// Refusals of connections: what the log says of them, and the reason by which they are counted.

import { HandshakeError } from "../tunnel/handshake.ts";
import { REASON } from "../wire/mod.ts";
import type { RefusalReason } from "./admission.ts";

/** A refusal, with the reason for the log; undefined if it is not worth a line. */
export class Refusal extends Error {
  readonly reason: string | undefined;
  /** The reason to count it by; undefined if it is counted already. */
  readonly counted: RefusalReason | undefined;
  /** The reason as a code. */
  readonly code: RefusalReason | undefined;

  /** Makes the error of a refused connection. */
  constructor(reason: string | undefined, counted?: RefusalReason, code = counted) {
    super(reason);
    this.reason = reason;
    this.counted = counted;
    this.code = code;
  }
}

/**
 * Finds out why a handshake has failed.
 *
 * @param error The error
 * @param isLocal True for a connection of a proxy itself, as for a health check
 * @returns The reason for the log; undefined if it is not worth a line
 */
export function refusalReason(error: unknown, isLocal: boolean): string | undefined {
  if (error instanceof Refusal) return error.reason;
  if (!(error instanceof Error)) return `${error}`;
  // A proxy that checks this server's health says nothing, and closes.
  const saysNothing = error instanceof HandshakeError &&
    (error.reason === undefined || error.reason === REASON.TIMEOUT);
  return isLocal && saysNothing ? undefined : error.message;
}

/**
 * Finds the reason by which a failed handshake is counted.
 *
 * @param error The error
 * @returns The reason; undefined if it is counted already
 */
export function countedReason(error: unknown): RefusalReason | undefined {
  if (error instanceof Refusal) return error.counted;
  if (!(error instanceof HandshakeError)) return "handshake";
  return reasonCounted(error.reason);
}

/**
 * Finds the code for the log of a failed handshake.
 *
 * @param error The error
 * @returns The reason, also if it is counted already
 */
export function refusalCause(error: unknown): RefusalReason {
  return (error instanceof Refusal ? error.code : countedReason(error)) ?? "handshake";
}

/**
 * Finds the reason by which a refusal is counted.
 *
 * @param code The code of its goodbye; undefined without one
 * @returns The reason
 */
export function reasonCounted(code: number | undefined): RefusalReason {
  if (code === REASON.FULL) return "full";
  if (code === REASON.NOT_ALLOWED) return "not-allowed";
  return code === REASON.TIMEOUT ? "timeout" : "handshake";
}
