// All kinds of log lines: the level, the message and the fields of each. docs/LOG.md is made from these tables.

import type { Facts, FieldValue, Log, LogLevel } from "./log_record.ts";

/** The fields of log lines, with their meanings. A field means the same in every line. */
export const LOG_FIELDS = {
  ac: "The AC's address",
  action: "What could not be done",
  address: "An IP address, or HOST:PORT",
  advice: "What to do about a problem",
  allow: "The addresses that may connect (`--allow`)",
  bytesDown: "The bytes from the tunnel to the link",
  bytesUp: "The bytes from the link to the tunnel",
  cause: "The reason as a code, for programs",
  destination: "The destination address of a frame",
  endpoint: "HOST:PORT of a peer",
  error: "The text of an error",
  fault: "What is wrong with a name or a frame",
  file: "A file",
  flags: "The names of flags, separated by commas",
  frames: "The number of recorded frames",
  framesDown: "The frames from the tunnel to the link",
  framesPerSecond: "The number of frames in a second",
  framesUp: "The frames from the link to the tunnel",
  from: "The source: the `link` or the `tunnel` of a frame, or the address of a request",
  held: "The number of sessions that are held",
  host: "The host's address",
  id: "The session id, such as `0x0011`",
  interface: "The name of an interface",
  keptAs: "The name under which a file is kept",
  keys: "The number of keys",
  leftOut: "The number of frames that could not be recorded",
  like: "The words with which the lines begin",
  limit: "A limit that was reached",
  lines: "The number of lines that are missing, or that cannot be read",
  lost: "True if this machine no longer has the tunnel's own address",
  mac: "The address of an interface",
  name: "The name of a side: its own, or that of the peer",
  path: "A file or directory",
  peer: "The address of a peer",
  port: "A TCP port",
  problem: "The id of a problem, as in the status",
  proxies: "The addresses of proxies (`--proxy-protocol`)",
  proxy: "HOST:PORT of the proxy between client and server",
  reachable: "True if there is a way to the server",
  reason: "The reason as text, for people",
  seconds: "A time in seconds: how long something has lasted, or will",
  server: "HOST:PORT of a server, as it was given",
  sessions: "The number of sessions",
  side: "`client` or `server`",
  software: "The peer's program and version",
  source: "The source address of a frame",
  suppressed: "The number of such lines that were left out before this one",
  tags: "The tags of a discovery frame by their names; a list for a tag that occurs more than once",
  tunnel: "The name of the peer at the other end of a session's tunnel",
  type: "The type of a discovery frame, such as `PADI`",
  undeliveredPadts: "The number of PADTs that the link has not taken yet",
  warning: "The text of a warning",
  which: "The frames that a capture has: `discovery`, `control` or `all`",
  who: "The name of a client, or the address of a host",
  what: "What is wrong, in words",
} as const;

/** The name of a field. */
export type FieldName = keyof typeof LOG_FIELDS;

/** A kind of log line. */
export interface LineKind {
  /** The level; undefined for a line that has the level of others. */
  readonly level?: LogLevel;
  /**
   * The message. `{field}` stands for the value of a field or a word, which then does not follow the message;
   * `{: field}` for that with `: ` before it, or for nothing if there is none.
   */
  readonly message: string;
  /** The fields, in their order. */
  readonly fields: readonly FieldName[];
  /** The fields that the text of a line leaves out, because a word in the message says the same. */
  readonly said?: readonly FieldName[];
  /** The names in the message that are no fields. */
  readonly words?: readonly string[];
}

const SESSION = ["id", "ac", "host", "tunnel"] as const;
const DIAL = [...SESSION, "reason", "suppressed", "cause"] as const;

/** All kinds of log lines, by the names that they have as JSON (`event`). */
export const LOG_LINES = {
  // Start and stop
  "start-failed": { level: "error", message: "{reason}", fields: ["reason"] },
  "worker-died": { level: "error", message: "{reason}", fields: ["reason"] },
  "stopped": { level: "info", message: "Stopped", fields: [] },
  "hangup": { level: "info", message: "Stopping after SIGHUP: {reason}", fields: ["reason"] },
  "cannot-keep-sessions": {
    level: "error",
    message: "Cannot stop and keep the sessions: set --state-dir, and a --grace other than 0",
    fields: [],
  },
  "configuration-reloaded": { level: "info", message: "Configuration reloaded", fields: ["file"] },
  "restart-needed": {
    level: "warning",
    message: "Some changes take effect only after a restart",
    fields: ["flags"],
  },
  "reload-failed": {
    level: "error",
    message: "Cannot reload the configuration; nothing was changed",
    fields: ["reason"],
  },
  "host-name-unusable": {
    level: "warning",
    message: "The machine's host name {fault}; --name sets another one",
    fields: ["fault", "name"],
  },
  "claim-unsure": {
    level: "warning",
    message: "Cannot make sure that no other {side} uses {interface}: {reason}",
    fields: ["side", "interface", "reason"],
  },
  "congestion-control": { level: "warning", message: "{warning}", fields: ["warning"] },

  // The link
  "link-up": {
    level: "info",
    message: "Interface {interface} is up{, reason}",
    fields: ["interface", "reason", "mac"],
  },
  "link-down": {
    level: "warning",
    message: "Interface {interface} is down{, reason}",
    fields: ["interface", "reason", "mac"],
  },
  "link-missing": {
    level: "warning",
    message: "Interface {interface} is gone{, reason}",
    fields: ["interface", "reason", "mac"],
  },
  "too-many-padts": {
    level: "warning",
    message: "Cannot keep another PADT for {interface}: {limit} are already waiting",
    fields: ["interface", "limit", "suppressed"],
  },

  // Discovery and sessions
  "discovery-frame": {
    level: "debug",
    message: "From the {from}: {frame}",
    fields: [
      "from",
      "type",
      "source",
      "destination",
      "id",
      "tags",
      "fault",
      "suppressed",
    ],
    said: ["type", "source", "destination", "id", "tags", "fault"],
    words: ["frame"],
  },
  "session-opened": { level: "info", message: "Session opened", fields: SESSION },
  "session-closed": {
    level: "info",
    message: "Session closed",
    fields: [
      ...SESSION,
      "reason",
      "seconds",
      "framesUp",
      "framesDown",
      "bytesUp",
      "bytesDown",
      "cause",
    ],
  },
  "dial-no-pado": { level: "info", message: "No AC answers a host's PADI", fields: DIAL },
  "dial-no-pads": { level: "info", message: "The AC does not answer a host's PADR", fields: DIAL },
  "dial-refused": { level: "info", message: "A host is refused a session", fields: DIAL },
  "dial-lcp-silent": {
    level: "info",
    message: "LCP gets no answer in a new session",
    fields: DIAL,
  },
  "dial-auth-failed": {
    level: "info",
    message: "The AC rejects a host's credentials",
    fields: DIAL,
  },
  "dial-short": { level: "info", message: "The session has ended within seconds", fields: DIAL },
  "dialling-limited": {
    level: "warning",
    message: "A PADI or PADR was dropped: its host, or its client as a whole, dials too often " +
      "(--padi-rate, --padi-rate-client)",
    fields: ["suppressed"],
  },
  "session-limit-key": {
    level: "warning",
    message: "A session was refused: {who} has {sessions} already, the maximum of its key " +
      "(sessions= in the server's key file)",
    fields: ["who", "sessions", "suppressed"],
  },
  "session-limit-client": {
    level: "warning",
    message: "A session was refused: {who} has {sessions} already, the maximum of each client " +
      "(--max-sessions)",
    fields: ["who", "sessions", "suppressed"],
  },
  "session-limit-share": {
    level: "warning",
    message: "A session was refused: {who} has {sessions} already, and no more are left for one " +
      "client of those that a server can have; move some clients to another server",
    fields: ["who", "sessions", "suppressed"],
  },
  "session-limit-host": {
    level: "warning",
    message: "A session was refused: {who} has {sessions} already, as many as one host can have",
    fields: ["who", "sessions", "suppressed"],
  },
  "frame-dropped": {
    level: "warning",
    message: "A frame was dropped: {reason}",
    fields: ["reason", "suppressed"],
  },
  "problem": {
    level: "warning",
    message: "{what}: {advice}",
    fields: ["what", "advice", "problem"],
  },
  "problem-solved": {
    level: "info",
    message: "Solved: {what}",
    fields: ["what", "problem", "seconds"],
  },

  // Tunnels, at the client
  "tunnel-up": {
    level: "info",
    message: "Tunnel up",
    fields: ["name", "peer", "software", "held"],
  },
  "tunnel-lost": {
    level: "warning",
    message: "Tunnel lost",
    fields: ["reason", "held", "cause"],
  },
  "connect-failed": {
    level: "warning",
    message: "{reason}",
    fields: ["reason", "server", "suppressed", "cause"],
    said: ["server", "cause"],
  },
  "handshake-failed": {
    level: "warning",
    message: "{reason}",
    fields: ["reason", "server", "suppressed", "cause"],
    said: ["cause"],
  },
  "rival": {
    level: "error",
    message: "Another program is connected as this client: is its state directory a copy?",
    fields: [],
  },
  "rival-with-key": {
    level: "error",
    message: "Another program is connected with this client's key: make one for each client with " +
      "keygen",
    fields: [],
  },
  "connecting-again": {
    level: "info",
    message: "Connecting again",
    fields: ["server", "seconds"],
  },
  "key-changed": {
    level: "info",
    message: "The key has changed; the next connection uses it",
    fields: ["name"],
  },
  "way-changed": {
    level: "debug",
    message: "The way to the server has changed",
    fields: ["lost", "reachable"],
  },

  // Tunnels, at the server
  "listening": { level: "info", message: "Listening", fields: ["address", "allow", "proxies"] },
  "keys-read": { level: "info", message: "Keys read", fields: ["file", "keys"] },
  "no-keys": {
    level: "warning",
    message: "Nobody can connect, because {holder} has no key: make one with keygen",
    fields: ["file"],
    said: ["file"],
    words: ["holder"],
  },
  "allow-list": { level: "warning", message: "{warning}", fields: ["warning"] },
  "descriptor-limit": { level: "warning", message: "{warning}", fields: ["warning"] },
  "client-connected": {
    level: "info",
    message: "Client connected",
    fields: ["name", "peer", "software", "held", "proxy"],
  },
  "client-gone": {
    level: "info",
    message: "Client gone",
    fields: ["name", "reason", "held", "cause"],
  },
  "client-not-allowed": {
    level: "info",
    message: "Client is no longer allowed",
    fields: ["name", "peer", "reason", "cause"],
  },
  "connection-refused": {
    level: "warning",
    message: "Connection refused",
    fields: ["peer", "reason", "name", "suppressed", "cause"],
  },

  // Tunnels, at both sides
  "path-fragments": {
    level: "info",
    message: "Routers may split packets to this peer, because large ones were lost on this path " +
      "before (path MTU)",
    fields: ["peer", "address"],
  },
  "path-small-packets": {
    level: "info",
    message:
      "Only small packets are sent to this peer, because large ones were lost on this path " +
      "before (path MTU)",
    fields: ["peer", "address"],
  },
  "path-smallest-packets": {
    level: "info",
    message: "Only packets of at most 576 bytes are sent to this peer, because larger ones were " +
      "lost on this path before (path MTU)",
    fields: ["peer", "address"],
  },
  "held-back": {
    level: "warning",
    message: "{peer} ({endpoint}) sends too many frames that belong to no session, " +
      "{framesPerSecond} a second, so it is read more slowly",
    fields: ["peer", "endpoint", "framesPerSecond", "suppressed"],
  },

  // The state directory
  "restored": {
    level: "info",
    message: "Restored from an earlier run",
    fields: ["sessions", "undeliveredPadts"],
  },
  "sessions-not-kept": {
    level: "error",
    message: "Sessions are closed, because they cannot be kept in {path}",
    fields: ["path", "suppressed"],
  },
  "state-dir-gone": {
    level: "error",
    message: "Sessions are closed, because {path} is gone",
    fields: ["path"],
  },
  "journal-unwritable": {
    level: "warning",
    message: "Cannot keep sessions in {path}: {reason}",
    fields: ["path", "reason", "suppressed"],
  },
  "state-failure": {
    level: "warning",
    message: "Cannot {action} {path}: {reason}",
    fields: ["action", "path", "reason"],
  },
  "state-dir-unsafe": {
    level: "warning",
    message: "Other users can replace the files in {path}, and so take over or end sessions: " +
      "run chmod go-w {quoted}",
    fields: ["path"],
    words: ["quoted"],
  },
  "identity-unsafe": {
    level: "warning",
    message: "Other users can read or change the secret in {path}: run chmod 600 {quoted}",
    fields: ["path"],
    words: ["quoted"],
  },
  "identity-unreadable": {
    level: "warning",
    message: "Cannot read {path}: {fault}; the file is kept as {keptAs} and a new identity is made",
    fields: ["path", "fault", "keptAs"],
  },
  "state-damaged": {
    level: "warning",
    message: "Cannot read {extent}{path}{: reason}; the file is kept as {keptAs}",
    fields: ["path", "lines", "reason", "keptAs"],
    said: ["lines"],
    words: ["extent"],
  },

  // The status
  "status-served": { level: "info", message: "Serving the status", fields: ["address"] },
  "status-exposed": {
    level: "warning",
    message: "Anyone who can reach the address of the status can read it, with the names of " +
      "clients and MAC addresses: use --status 127.0.0.1:{port}, or restrict {address} by a firewall",
    fields: ["address", "port"],
  },
  "status-unencrypted": {
    level: "warning",
    message: "The token and the status on {address} are not encrypted: use --status " +
      "127.0.0.1:{port} behind a proxy with TLS, or an SSH tunnel",
    fields: ["address", "port"],
  },
  "status-token-wrong": {
    level: "warning",
    message: "Status request refused: wrong token",
    fields: ["from", "suppressed"],
  },
  "status-accept-failed": {
    level: "warning",
    message: "Cannot accept a status request",
    fields: ["error"],
  },
  "status-request-failed": { level: "error", message: "Status request failed", fields: ["error"] },

  "local-socket-served": {
    level: "debug",
    message: "Serving the status on the local socket",
    fields: ["path"],
  },
  "local-socket-missing": {
    level: "debug",
    message: "There is no local socket",
    fields: ["reason"],
  },
  "capture-begun": { level: "info", message: "Capture begun", fields: ["file", "which"] },
  "capture-ended": {
    level: "info",
    message: "Capture ended",
    fields: ["file", "frames", "leftOut"],
  },
  "capture-incomplete": {
    level: "warning",
    message: "Frames are missing in the capture {file}: {reason}",
    fields: ["file", "reason"],
  },
  "capture-secret": {
    level: "warning",
    message: "The capture {file} has the passwords of hosts; delete it after use",
    fields: ["file"],
  },
  "padt-sent": {
    level: "info",
    message: "PADT sent for an operator",
    fields: ["id", "ac", "host"],
  },

  // The log itself
  "lines-left-out": {
    message: "Too many log lines of one kind, some were left out",
    fields: ["like", "lines", "seconds"],
  },
  "lines-lost": { level: "warning", message: "Log lines were lost", fields: ["lines"] },
} as const satisfies Record<string, LineKind>;

/** The name of a kind of log line. */
export type LineName = keyof typeof LOG_LINES;

type Kinds = typeof LOG_LINES;
type WordOf<N extends LineName> = Kinds[N] extends { words: readonly (infer W extends string)[] }
  ? W
  : never;
type LevelOf<N extends LineName> = Kinds[N] extends { level: infer L extends LogLevel } ? L
  : LogLevel;

/** The values for a kind of log line: all its fields and words, those without a value as undefined. */
export type LineValues<N extends LineName> =
  & { [F in Exclude<Kinds[N]["fields"][number], "tags">]: FieldValue | undefined }
  & { [F in Extract<Kinds[N]["fields"][number], "tags">]: Facts[string] | undefined }
  & { [W in WordOf<N>]: string };

/** A line for the log. */
export interface LogLine {
  level: LogLevel;
  message: string;
  /** The fields that follow the message. */
  fields: Record<string, FieldValue | undefined>;
  /** What only programs need: the kind of the line, and the fields that the message says already. */
  facts: Facts;
}

/**
 * Makes a line.
 *
 * @param name The name of its kind
 * @param values The values of its fields and words
 * @returns The line, whose level is `info` if its kind has none
 */
export function describeLine<N extends LineName>(name: N, values: LineValues<N>): LogLine {
  const kind: LineKind = LOG_LINES[name];
  const given = values as Facts;
  const inMessage = new Set<string>(kind.said);
  // The values are put in at once, so that braces in a value stay as they are.
  const message = kind.message.replace(PLACEHOLDER, (_all, before: string, field: string) => {
    inMessage.add(field);
    const value = given[field];
    return value === undefined ? "" : `${before}${value}`;
  });
  const fields: LogLine["fields"] = {};
  const facts: Facts = { event: name };
  for (const field of kind.fields) {
    if (given[field] === undefined) continue;
    if (inMessage.has(field)) facts[field] = given[field];
    else fields[field] = given[field] as FieldValue;
  }
  return { level: kind.level ?? "info", message, fields, facts };
}

/** A name in the message of a {@linkcode LineKind}, with what comes before it. */
export const PLACEHOLDER = /\{([^a-zA-Z{}]*)([a-zA-Z]+)\}/g;

/**
 * Writes a line to a log.
 *
 * @param log The log
 * @param name The name of the line's kind
 * @param values The values of its fields and words
 */
export function logLine<N extends LineName>(
  log: Pick<Log, LevelOf<N>>,
  name: N,
  values: LineValues<N>,
): void {
  writeLine(log as Log, describeLine(name, values));
}

/**
 * Writes a line that was made before.
 *
 * @param log The log
 * @param line The line
 */
export function writeLine(log: Log, { level, message, fields, facts }: LogLine): void {
  log[level](message, fields, facts);
}
