// The schemas with names, to which the routes refer.

import { PROBLEMS } from "../../problem.ts";
import type { DialValues, HistogramValues } from "../../relay/mod.ts";
import type { StatusEvent } from "../event_hub.ts";
import type { ProblemStatus } from "../problems.ts";
import type {
  Balance,
  KeyStatus,
  SessionCounts,
  SessionStatus,
  Status,
  StatusSummary,
  TunnelEncryption,
  TunnelStatus,
} from "../status.ts";
import { count, listOf, objectOf, ref, type Schema, text } from "./schema.ts";

const MAC_EXAMPLE = { examples: ["02:00:00:00:00:11"] };
const TIME = { examples: ["2026-01-31T12:00:00.000Z"] };

const NULL_OR = {
  text: (description: string): Schema => ({ type: ["string", "null"], description }),
  number: (description: string): Schema => ({ type: ["number", "null"], minimum: 0, description }),
};

function seconds(description: string): Schema {
  return { type: "number", minimum: 0, description };
}

function flag(description: string): Schema {
  return { type: "boolean", description };
}

/** Makes the schema of values for the directions of frames, with their older names. */
function byDirection(of: Schema): Schema {
  const properties = { fromLink: of, fromTunnel: of, uplink: of, downlink: of };
  return objectOf<Record<keyof typeof properties, unknown>>(properties);
}

function byKind(of: Schema): Schema {
  return objectOf<Record<"discovery" | "session", unknown>>({ discovery: of, session: of });
}

const COUNTS: Schema = { type: "object", additionalProperties: count("The number so far") };
const FRAMES = byDirection(byKind(count("The number since the start")));
const DEMOTED = count("Control frames beyond their session's budget");

const PROBLEM = objectOf<ProblemStatus>({
  id: text("The kind of the problem", { enum: Object.keys(PROBLEMS) }),
  since: text("The time at which it began", TIME),
  what: text("The problem in words"),
  advice: text("The advice on how to solve it"),
  blocks: flag("True if the program cannot do its job because of it"),
});

const ENCRYPTION = objectOf<TunnelEncryption>({
  cipher: text("The cipher", { examples: ["AES-128-GCM"] }),
  kernel: flag("True if the kernel encrypts what this side sends"),
});

const TUNNEL = objectOf<TunnelStatus>({
  name: text("The name that the peer gives itself"),
  peer: text("The peer's address and port"),
  state: text("The state", { enum: ["up", "connecting", "waiting"] }),
  rttMs: NULL_OR.number("The smoothed round-trip time in ms; null until it has been measured"),
  framesIn: count("Ethernet frames that came out of the tunnel"),
  framesOut: count("Ethernet frames that the peer's machine has"),
  bytesIn: count("Bytes in the frames that came out of the tunnel"),
  bytesOut: count("Bytes in the frames that went into the tunnel"),
  queuedBytes: count("Bytes that wait for the connection"),
  queuedFrames: count("Frames that wait or are under way"),
  heldBackMs: seconds("The time for which the peer was not read, in ms"),
  unsentBytes: count("Bytes that the connection has not sent yet"),
  retransmits: count("Retransmitted TCP segments"),
  congestion: NULL_OR.text("The TCP congestion control of this side; null without a connection"),
  encryption: { ...ENCRYPTION, type: ["object", "null"] },
});

const KEY = objectOf<KeyStatus>({
  name: text("The name of its client"),
  id: text("The first 8 digits of its id"),
  lastUsedS: NULL_OR.number("The time since it was last used, in seconds"),
  tunnels: count("The number of tunnels that use it"),
});

const SESSION = objectOf<SessionStatus>({
  id: text("The session id", { pattern: "^0x[0-9a-f]{4}$", examples: ["0x0011"] }),
  sessionId: count("The session id as a number", { maximum: 0xffff }),
  ac: text("The AC's address", MAC_EXAMPLE),
  host: text("The host's address", MAC_EXAMPLE),
  tunnel: text("The name of the peer"),
  state: text("The state", { enum: ["open", "held"] }),
  ageSeconds: count("The time since the PADS, in seconds"),
  framesFromLink: count("Session frames from this side's link"),
  framesFromTunnel: count("Session frames from the tunnel"),
  bytesFromLink: count("Bytes in the frames from the link"),
  bytesFromTunnel: count("Bytes in the frames from the tunnel"),
  framesUp: count("An older name of framesFromLink"),
  framesDown: count("An older name of framesFromTunnel"),
  bytesUp: count("An older name of bytesFromLink"),
  bytesDown: count("An older name of bytesFromTunnel"),
});

const SESSION_COUNTS = objectOf<SessionCounts>({
  open: count("Sessions whose peer has a tunnel"),
  held: count("Sessions that are held for a peer without a tunnel"),
});

const BALANCE = objectOf<Balance>({
  offered: count("Frames that were there to be carried"),
  carried: count("Frames that were carried"),
  dropped: count("Frames that were dropped"),
  queued: count("Frames that wait or are under way"),
});

const HISTOGRAM = objectOf<HistogramValues>({
  le: { type: "array", items: seconds("The upper bound of a bucket, in ms") },
  counts: { type: "array", items: count("Times in a bucket; last those above all bounds") },
  count: count("All times"),
  sumMs: seconds("The sum of all times, in ms"),
});

const DISCOVERY_FRAMES = objectOf<DialValues["padi"]>({
  fromLink: count("Frames from this side's link"),
  fromTunnel: count("Frames from the tunnel"),
});

const DIALS = objectOf<DialValues>({
  padi: DISCOVERY_FRAMES,
  pado: DISCOVERY_FRAMES,
  padr: DISCOVERY_FRAMES,
  pads: DISCOVERY_FRAMES,
  padt: DISCOVERY_FRAMES,
  outcomes: objectOf<DialValues["outcomes"]>({
    opened: count("Sessions that were opened"),
    "no-pado": count("Dials whose PADIs had no answer"),
    "no-pads": count("Dials whose PADRs had no answer"),
    refused: count("Dials that were refused"),
    "lcp-silent": count("Sessions in which a station does not negotiate LCP"),
    "auth-failed": count("Sessions in which the host's credentials were rejected"),
    short: count("Sessions that ended within seconds"),
  }),
  padiToPadoMs: ref("Histogram"),
  padrToPadsMs: ref("Histogram"),
});

const INTERFACE_STATE: Schema = text("The state of the interface", {
  enum: ["up", "down", "missing"],
});

const SUMMARY_FIELDS: Record<keyof StatusSummary, Schema> = {
  mode: text("The side", { enum: ["server", "client"] }),
  version: text("The version of the program"),
  uptimeSeconds: count("The time since the start, in seconds"),
  interface: text("The name of the link's interface"),
  interfaceState: INTERFACE_STATE,
  interfaceReason: text("The reason why the interface is down"),
  healthy: flag("True if the program does its job"),
  problems: listOf(ref("Problem")),
  reconnects: count("The number of tunnels after the first one"),
  tunnels: listOf(ref("Tunnel")),
  keys: listOf(ref("Key"), "The keys, only at a server with keys"),
  sessionCounts: ref("SessionCounts"),
  frames: FRAMES,
  bytes: FRAMES,
  drops: COUNTS,
  controlAsData: objectOf<Status["controlAsData"]>({ fromLink: DEMOTED, fromTunnel: DEMOTED }),
  dials: ref("Dials"),
  balance: objectOf<Status["balance"]>({
    fromLink: byKind(ref("Balance")),
    fromTunnel: byKind(ref("Balance")),
  }),
  handshakes: count("Connections in their handshake, only at a server"),
  refused: COUNTS,
};
const OF_SOME: (keyof StatusSummary)[] = ["interfaceReason", "keys", "handshakes", "refused"];

const SUMMARY = objectOf<StatusSummary>(SUMMARY_FIELDS, OF_SOME);
const STATUS = objectOf<Status>({ ...SUMMARY_FIELDS, sessions: listOf(ref("Session")) }, OF_SOME);

const RATE = objectOf<{ framesPerSecond: number; bitsPerSecond: number }>({
  framesPerSecond: seconds("Frames carried per second"),
  bitsPerSecond: seconds("Bits in these frames per second"),
});

const STATUS_EVENT = objectOf<StatusEvent>({
  time: text("The time", TIME),
  uptimeSeconds: count("The time since the start, in seconds"),
  interfaceState: INTERFACE_STATE,
  interfaceReason: text("The reason why the interface is down"),
  healthy: flag("True if the program does its job"),
  problems: listOf(ref("Problem")),
  tunnels: listOf(ref("Tunnel"), "The first tunnels; a server can have more"),
  tunnelCount: count("The number of all tunnels"),
  sessionCounts: ref("SessionCounts"),
  rates: {
    ...objectOf<Exclude<StatusEvent["rates"], null>>({ fromLink: RATE, fromTunnel: RATE }),
    type: ["object", "null"],
    description: "The rates since the event before; null in the first one",
  },
  droppedPerSecond: NULL_OR.number("Frames dropped per second, for any reason"),
}, ["interfaceReason"]);

/** The schemas by their names. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Balance: BALANCE,
  Dials: DIALS,
  Histogram: HISTOGRAM,
  Key: KEY,
  Problem: PROBLEM,
  Session: SESSION,
  SessionCounts: SESSION_COUNTS,
  Status: STATUS,
  StatusEvent: STATUS_EVENT,
  StatusSummary: SUMMARY,
  Tunnel: TUNNEL,
};
