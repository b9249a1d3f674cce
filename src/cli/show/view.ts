// What is shown of a side, read from the answers of its status server. These come from another process, perhaps
// of another version, so everything is checked: each text is made safe for a terminal, and what is missing or of
// another type gets a value that says so.

import type { Side } from "../../side.ts";
import { escapeUnprintable, formatHex } from "../../wire/text.ts";

/** The maximum length of a text; longer ones are cut. */
const TEXT_MAX = 1000;

/** The frames and bytes of one direction. */
export interface Traffic {
  frames: number;
  bytes: number;
}

/** The traffic of both directions. */
export interface BothWays {
  fromLink: Traffic;
  fromTunnel: Traffic;
}

/** A problem. */
export interface ProblemView {
  id: string;
  /** The time of its start in ms; undefined if it is unknown. */
  sinceMs: number | undefined;
  what: string;
  advice: string;
  blocks: boolean;
}

/** A tunnel. */
export interface TunnelView extends BothWays {
  name: string;
  peer: string;
  state: string;
  rttMs: number | undefined;
  retransmits: number;
  congestion: string | undefined;
  /** The encryption in words; undefined if there is none. */
  encryption: string | undefined;
}

/** A session. */
export interface SessionView extends BothWays {
  id: string;
  host: string;
  ac: string;
  tunnel: string;
  state: string;
  ageSeconds: number;
}

/** A key of a server. */
export interface KeyView {
  name: string;
  id: string;
  /** The time since its last use; undefined if it was never used. */
  lastUsedSeconds: number | undefined;
  tunnels: number;
}

/** A number with its name. */
export type NamedCount = [name: string, count: number];

/** The status of a side without its sessions. */
export interface StatusView extends BothWays {
  side: Side;
  version: string;
  uptimeSeconds: number;
  interface: string;
  interfaceState: string;
  interfaceReason: string | undefined;
  healthy: boolean;
  problems: ProblemView[];
  reconnects: number;
  tunnels: TunnelView[];
  /** The keys; undefined at a side that has no list of them. */
  keys: KeyView[] | undefined;
  open: number;
  held: number;
  /** The dropped frames by reason, without the reasons that have none. */
  drops: NamedCount[];
  /** The refused connections by reason, without the reasons that have none. */
  refused: NamedCount[];
}

/** Some sessions of a side. */
export interface SessionsView {
  sessions: SessionView[];
  /** The number of all sessions. */
  total: number;
  /** The number to continue with; undefined on the last page. */
  next: number | undefined;
}

/**
 * Reads the answer to `GET /api/summary`, or to `GET /api/status`.
 *
 * @param value The JSON
 * @returns The status; undefined if it is something else
 */
export function statusOf(value: unknown): StatusView | undefined {
  const status = recordIn(value);
  const side = status.mode;
  if (side !== "server" && side !== "client") return undefined;
  if (typeof status.version !== "string" || !Array.isArray(status.tunnels)) return undefined;
  const [frames, bytes] = [recordIn(status.frames), recordIn(status.bytes)];
  const traffic = (direction: string) => ({
    frames: sumOf(frames[direction]),
    bytes: sumOf(bytes[direction]),
  });
  const counts = recordIn(status.sessionCounts);
  return {
    side,
    version: textIn(status.version),
    uptimeSeconds: numberIn(status.uptimeSeconds),
    interface: textIn(status.interface),
    interfaceState: textIn(status.interfaceState),
    interfaceReason: status.interfaceReason === undefined
      ? undefined
      : textIn(status.interfaceReason),
    healthy: status.healthy === true,
    problems: listIn(status.problems).map(problemIn),
    reconnects: numberIn(status.reconnects),
    tunnels: status.tunnels.map(tunnelIn),
    keys: Array.isArray(status.keys) ? status.keys.map(keyIn) : undefined,
    open: numberIn(counts.open),
    held: numberIn(counts.held),
    fromLink: traffic("fromLink"),
    fromTunnel: traffic("fromTunnel"),
    drops: countsIn(status.drops),
    refused: countsIn(status.refused),
  };
}

/**
 * Reads the answer to `GET /api/sessions`, or the sessions in that to `GET /api/status`.
 *
 * @param value The JSON
 * @returns The sessions; undefined if it is something else
 */
export function sessionsOf(value: unknown): SessionsView | undefined {
  const { sessions, total, next } = recordIn(value);
  if (!Array.isArray(sessions)) return undefined;
  return {
    sessions: sessions.map(sessionIn),
    total: typeof total === "number" ? total : sessions.length,
    next: typeof next === "number" ? next : undefined,
  };
}

/**
 * Makes a text safe for a terminal.
 *
 * @param value The text
 * @returns The text on one line, without control characters, and cut if it is very long; a question mark if it
 * is not a text
 */
export function textIn(value: unknown): string {
  if (typeof value !== "string") return "?";
  const text = escapeUnprintable(value);
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}...`;
}

function problemIn(value: unknown): ProblemView {
  const { id, since, what, advice, blocks } = recordIn(value);
  const sinceMs = typeof since === "string" ? Date.parse(since) : NaN;
  return {
    id: textIn(id),
    sinceMs: Number.isFinite(sinceMs) ? sinceMs : undefined,
    what: textIn(what),
    advice: textIn(advice),
    blocks: blocks === true,
  };
}

function tunnelIn(value: unknown): TunnelView {
  const tunnel = recordIn(value);
  const { encryption } = tunnel;
  const { cipher, kernel } = recordIn(encryption);
  return {
    name: textIn(tunnel.name),
    peer: textIn(tunnel.peer),
    state: textIn(tunnel.state),
    rttMs: typeof tunnel.rttMs === "number" ? tunnel.rttMs : undefined,
    retransmits: numberIn(tunnel.retransmits),
    congestion: typeof tunnel.congestion === "string" ? textIn(tunnel.congestion) : undefined,
    encryption: cipher === undefined
      ? undefined
      : `${textIn(cipher)}${kernel === true ? " (kernel)" : ""}`,
    fromLink: { frames: numberIn(tunnel.framesOut), bytes: numberIn(tunnel.bytesOut) },
    fromTunnel: { frames: numberIn(tunnel.framesIn), bytes: numberIn(tunnel.bytesIn) },
  };
}

function sessionIn(value: unknown): SessionView {
  const session = recordIn(value);
  return {
    // Older versions have only the number.
    id: typeof session.id === "string"
      ? textIn(session.id)
      : formatHex(numberIn(session.sessionId), 4),
    host: textIn(session.host),
    ac: textIn(session.ac),
    tunnel: textIn(session.tunnel),
    state: textIn(session.state),
    ageSeconds: numberIn(session.ageSeconds),
    fromLink: { frames: numberIn(session.framesFromLink), bytes: numberIn(session.bytesFromLink) },
    fromTunnel: {
      frames: numberIn(session.framesFromTunnel),
      bytes: numberIn(session.bytesFromTunnel),
    },
  };
}

function keyIn(value: unknown): KeyView {
  const { name, id, lastUsedS, tunnels } = recordIn(value);
  return {
    name: textIn(name),
    id: textIn(id),
    lastUsedSeconds: typeof lastUsedS === "number" ? lastUsedS : undefined,
    tunnels: numberIn(tunnels),
  };
}

function countsIn(value: unknown): NamedCount[] {
  return Object.entries(recordIn(value))
    .map(([name, count]): NamedCount => [textIn(name), numberIn(count)])
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);
}

function recordIn(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function listIn(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function numberIn(value: unknown): number {
  return typeof value === "number" && value >= 0 ? value : 0;
}

function sumOf(value: unknown): number {
  return Object.values(recordIn(value)).reduce<number>((sum, one) => sum + numberIn(one), 0);
}
