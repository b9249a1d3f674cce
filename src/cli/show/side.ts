// One side as text: what it is, its tunnels, its traffic and its sessions.

import { clip, type Column, table, wrap } from "./layout.ts";
import { earlierOf, type Form, type Look, type SideView, titleOf } from "./look.ts";
import type { Meaning } from "./style.ts";
import { formatBytes, formatCount, formatDuration, formatMs, formatRate } from "./units.ts";
import type {
  BothWays,
  KeyView,
  NamedCount,
  SessionView,
  StatusView,
  Traffic,
  TunnelView,
} from "./view.ts";

const INDENT = "  ";
/** The width of a label with the space behind it. */
const LABEL = "from tunnel  ".length;
/** The maximum width of a name in a table. */
const NAME_MAX = 24;
/** The titles of the columns with the bytes of both directions. */
const BYTES = ["link", "tunnel"] as const;
/** The rate in frames per second below which it gets a digit behind the point. */
const FEW = 10;

/** A function that makes the lines beside a label, from a text or from groups of words that stay together. */
type Labelled = (label: string, text: string | string[], meaning?: Meaning) => string[];

/** What was there at an earlier look, and the time since then. */
interface Earlier {
  readonly side: SideView & { status: StatusView };
  readonly seconds: number;
}

/**
 * Shows a side.
 *
 * @param side The side, which has answered
 * @param look The look that it belongs to
 * @param form The form
 * @returns The lines
 */
export function renderSide(side: SideView, look: Look, form: Form): string[] {
  const { status } = side;
  if (status === undefined) return [];
  const earlier = earlierIn(side, look, form.before);
  const labelled: Labelled = (label, text, meaning) =>
    wrap(typeof text === "string" ? text.split(" ") : text, form.width - INDENT.length - LABEL).map(
      (line, at) => {
        const start = form.style("quiet", at === 0 ? label : "") +
          " ".repeat(LABEL - (at === 0 ? label.length : 0));
        return INDENT + start + (meaning === undefined ? line : form.style(meaning, line));
      },
    );
  return [
    form.style("heading", titleOf(side)),
    ...labelled("health", ...healthOf(side, status)),
    ...labelled("interface", ...interfaceOf(status)),
    ...labelled("version", versionOf(side, status)),
    ...status.side === "client"
      ? status.tunnels.flatMap((tunnel) => serverLines(tunnel, status, labelled))
      : clientLines(status, earlier, labelled, form),
    ...labelled("from link", trafficOf("fromLink", status, earlier)),
    ...labelled("from tunnel", trafficOf("fromTunnel", status, earlier)),
    ...countLines("dropped", status.drops, labelled),
    ...countLines("refused", status.refused, labelled),
    ...sessionLines(side, status, earlier, labelled, form),
    ...keyLines(status.keys, labelled, form),
  ];
}

function earlierIn(side: SideView, { atMs }: Look, before: Look | undefined): Earlier | undefined {
  const then = earlierOf(side, before);
  if (before === undefined || then?.status === undefined || atMs <= before.atMs) return undefined;
  return { side: { ...then, status: then.status }, seconds: (atMs - before.atMs) / 1000 };
}

function healthOf({ stopping }: SideView, status: StatusView): [text: string, meaning: Meaning] {
  const { healthy, problems } = status;
  if (stopping) return ["is about to end", "warning"];
  if (!healthy) return ["NOT OK, it cannot do its job", "bad"];
  if (problems.length === 0) return ["ok", "good"];
  return [`ok, with ${problems.length === 1 ? "a problem" : "problems"}`, "warning"];
}

function interfaceOf(
  { interface: name, interfaceState, interfaceReason }: StatusView,
): [text: string, meaning?: Meaning] {
  if (interfaceState === "up") return [`${name}, up`];
  return [
    `${name}, ${interfaceState}${interfaceReason === undefined ? "" : `: ${interfaceReason}`}`,
    "bad",
  ];
}

function versionOf({ pid, uid }: SideView, { version, uptimeSeconds }: StatusView): string {
  return [
    version,
    `running for ${formatDuration(uptimeSeconds)}`,
    ...pid === undefined ? [] : [`process ${pid}`],
    ...uid === undefined ? [] : [`user ${uid}`],
  ].join(", ");
}

/** Describes the one tunnel of a client. */
function serverLines(
  tunnel: TunnelView,
  { reconnects }: StatusView,
  labelled: Labelled,
): string[] {
  const { name, peer, state, retransmits, congestion, encryption } = tunnel;
  const isUp = state === "up";
  const facts = [
    `round trip ${roundTrip(tunnel)}`,
    encryption ?? "not encrypted",
    ...congestion === undefined ? [] : [congestion],
    ...retransmits === 0 ? [] : [`${formatCount(retransmits)} retransmits`],
  ];
  const text = [
    name === "" ? peer : `${name} at ${peer}`,
    state,
    ...isUp ? facts : [],
    ...reconnects === 0 ? [] : [`reconnected ${times(reconnects)}`],
  ].join(", ");
  return labelled("server", text, isUp ? undefined : "bad");
}

/** Lists the tunnels of a server. */
function clientLines(
  { tunnels }: StatusView,
  earlier: Earlier | undefined,
  labelled: Labelled,
  form: Form,
): string[] {
  const shown = tunnels.slice(0, form.rows);
  const columns = [
    column("name", shown, ({ name }) => clip(name, NAME_MAX)),
    column("address", shown, ({ peer }) => peer),
    column("state", shown, ({ state }) => state),
    column("rtt", shown, roundTrip, true),
    column("encryption", shown, ({ encryption }) => encryption ?? "none"),
    column("TCP", shown, ({ congestion }) => congestion ?? "?"),
    ...trafficColumns(shown, earlier, ({ status }) => status.tunnels, isSameTunnel),
  ];
  const dispensable = [["TCP"], ["state"], ["encryption"], BYTES];
  return [
    ...labelled("clients", formatCount(tunnels.length)),
    ...tableLines(columns, dispensable, tunnels.length, form),
  ];
}

function trafficOf(
  direction: keyof BothWays,
  status: StatusView,
  earlier: Earlier | undefined,
): string {
  const now = status[direction];
  const then = earlier?.side.status[direction] ?? { frames: 0, bytes: 0 };
  const { bytes, frames } = rateOf(now, then, earlier?.seconds ?? status.uptimeSeconds);
  const perSecond = frames > 0 && frames < FEW ? frames.toFixed(1) : formatCount(frames);
  const average = earlier === undefined ? " on average" : "";
  return `${formatRate(bytes)}, ${perSecond} frames/s${average}; ` +
    `${formatBytes(now.bytes)} in ${formatCount(now.frames)} frames so far`;
}

function countLines(label: string, counts: readonly NamedCount[], labelled: Labelled): string[] {
  if (counts.length === 0) return [];
  return labelled(
    label,
    counts.map(([name, count], at) =>
      `${formatCount(count)} ${name}${at < counts.length - 1 ? "," : ""}`
    ),
  );
}

function sessionLines(
  side: SideView,
  { open, held }: StatusView,
  earlier: Earlier | undefined,
  labelled: Labelled,
  form: Form,
): string[] {
  const { sessions = [], total = 0 } = side.sessions ?? {};
  const shown = sessions.slice(0, form.rows);
  const columns = [
    column("id", shown, ({ id }) => id),
    column("host", shown, ({ host }) => host),
    column("AC", shown, ({ ac }) => ac),
    column("peer", shown, ({ tunnel }) => clip(tunnel, NAME_MAX)),
    column("state", shown, ({ state }) => state),
    column("age", shown, ({ ageSeconds }) => formatDuration(ageSeconds), true),
    ...trafficColumns(shown, earlier, ({ sessions }) => sessions?.sessions ?? [], isSameSession),
  ];
  const isPlain = shown.every(({ state }) => state === "open");
  const dispensable = [
    ["peer"],
    ...isPlain ? [["state"]] : [],
    // Rates are more telling.
    ...earlier === undefined ? [] : [BYTES],
    ["AC"],
    ["age"],
  ];
  const counts = [`${formatCount(open)} open`, ...held === 0 ? [] : [`${formatCount(held)} held`]];
  return [
    ...labelled("sessions", counts.join(", ")),
    ...tableLines(columns, dispensable, total, form),
  ];
}

function keyLines(
  keys: readonly KeyView[] | undefined,
  labelled: Labelled,
  form: Form,
): string[] {
  if (keys === undefined) return [];
  const shown = keys.slice(0, form.rows);
  const columns = [
    column("name", shown, ({ name }) => clip(name, NAME_MAX)),
    column("key", shown, ({ id }) => id),
    column("last use", shown, ({ lastUsedSeconds }) => lastUse(lastUsedSeconds), true),
    column("tunnels", shown, ({ tunnels }) => formatCount(tunnels), true),
  ];
  return [
    ...labelled("keys", formatCount(keys.length)),
    ...tableLines(columns, [], keys.length, form),
  ];
}

function lastUse(seconds: number | undefined): string {
  if (seconds === undefined) return "never";
  return seconds === 0 ? "now" : `${formatDuration(seconds)} ago`;
}

function roundTrip({ rttMs }: TunnelView): string {
  return rttMs === undefined ? "?" : formatMs(rttMs);
}

function isSameTunnel(one: TunnelView, other: TunnelView): boolean {
  return one.name === other.name && one.peer === other.peer;
}

function isSameSession(one: SessionView, other: SessionView): boolean {
  return one.id === other.id && one.host === other.host && one.ac === other.ac &&
    one.tunnel === other.tunnel;
}

/** Makes the columns of the bytes from the link and from the tunnel and, after an earlier look, of their rates. */
function trafficColumns<T extends BothWays>(
  rows: readonly T[],
  earlier: Earlier | undefined,
  earlierRows: (side: Earlier["side"]) => readonly T[],
  isSame: (one: T, other: T) => boolean,
): Column[] {
  const [link, tunnel] = BYTES;
  const columns = [
    column(link, rows, ({ fromLink }) => formatBytes(fromLink.bytes), true),
    column(tunnel, rows, ({ fromTunnel }) => formatBytes(fromTunnel.bytes), true),
  ];
  if (earlier === undefined) return columns;
  const others = earlierRows(earlier.side);
  const rate = (direction: keyof BothWays) => (row: T) => {
    const then = others.find((other) => isSame(row, other));
    if (then === undefined) return "";
    return formatRate(rateOf(row[direction], then[direction], earlier.seconds).bytes);
  };
  return [
    ...columns,
    column(`${link}/s`, rows, rate("fromLink"), true),
    column(`${tunnel}/s`, rows, rate("fromTunnel"), true),
  ];
}

function column<T>(
  title: string,
  rows: readonly T[],
  cell: (row: T) => string,
  isNumber = false,
): Column {
  return { title, cells: rows.map(cell), isNumber };
}

/** Makes the lines of a table, if it has any row. */
function tableLines(
  columns: readonly Column[],
  dispensable: readonly (readonly string[])[],
  total: number,
  { width, style }: Form,
): string[] {
  const [titles, ...rows] = table(columns, width - 2 * INDENT.length, dispensable);
  if (rows.length === 0) return [];
  const more = total - rows.length;
  return [
    style("quiet", titles),
    ...rows,
    ...more > 0 ? [style("quiet", `and ${formatCount(more)} more (--all)`)] : [],
  ].map((line) => INDENT + INDENT + line);
}

function rateOf(now: Traffic, then: Traffic, seconds: number): Traffic {
  if (seconds <= 0) return { frames: 0, bytes: 0 };
  return {
    frames: Math.max(0, now.frames - then.frames) / seconds,
    bytes: Math.max(0, now.bytes - then.bytes) / seconds,
  };
}

function times(count: number): string {
  return count === 1 ? "once" : `${formatCount(count)} times`;
}
