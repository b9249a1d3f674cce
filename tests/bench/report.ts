// The table of figures and the ratios between paths.

import type { Figure, Figures } from "./figures.ts";
import { LOSSY_MBIT, LOSSY_PATHS, lossyName } from "./measures/lossy.ts";

/** The column of a path. */
export interface Column {
  name: string;
  note: string;
  figures: Figures;
}

interface Row {
  key: string;
  title: string;
  format: (value: number) => string;
}

const count = (value: number) => Math.round(value).toLocaleString("en-US");
const perSecond = (value: number) => count(Number(value.toPrecision(3)));
const micros = (value: number) => `${count(value)} µs`;
const millis = (value: number) => `${(value / 1000).toFixed(1)} ms`;
const seconds = (value: number) => value.toFixed(1);
const mebibytes = (value: number) => `${count(value / 2 ** 20)} MiB`;

const ROWS: Row[] = [
  ...[1514, 100].flatMap((bytes) =>
    [1, 100].flatMap((sessions) =>
      [["up", "one way"], ["both", "both ways, total"]].map(([direction, way]) => ({
        key: `rate.${bytes}.${sessions}.${direction}`,
        title: `frames/s without loss, ${bytes} B, ${sessions} session${
          sessions === 1 ? "" : "s"
        }, ${way}`,
        format: perSecond,
      }))
    )
  ),
  ...[1000, 20_000].flatMap((rate) =>
    ["p50", "p99"].map((quantile) => ({
      key: `latency.${rate}.${quantile}`,
      title: `latency ${quantile} at ${count(rate)}/s`,
      format: micros,
    }))
  ),
  { key: "cpu.processes", title: "CPU s per million frames, its processes", format: seconds },
  { key: "cpu.others", title: "CPU s per million frames, machine without bench", format: seconds },
  { key: "cpu.machine", title: "CPU s per million frames, machine with bench", format: seconds },
  { key: "memory.rss", title: "memory after the rates, RSS", format: mebibytes },
  { key: "memory.highest", title: "memory after the rates, highest", format: mebibytes },
  {
    key: "saturation.control.loss",
    title: "full tunnel: control lost",
    format: (percent) => `${percent.toFixed(1)} %`,
  },
  { key: "saturation.control.p50", title: "full tunnel: control p50", format: millis },
  { key: "saturation.control.p99", title: "full tunnel: control p99", format: millis },
  { key: "saturation.control.max", title: "full tunnel: control max", format: millis },
  { key: "saturation.data.p50", title: "full tunnel: data p50", format: millis },
  { key: "saturation.data.p99", title: "full tunnel: data p99", format: millis },
  {
    key: "saturation.data.goodput",
    title: "full tunnel: data carried",
    format: (mbits) => `${mbits.toFixed(1)} Mbit/s`,
  },
  ...LOSSY_PATHS.flatMap((path) => {
    const title = `${path.delayMs} ms, ${path.lossPercent} % lost, ${LOSSY_MBIT} Mbit/s`;
    const key = lossyName(path);
    return [
      {
        key: `${key}.arrived`,
        title: `${title}: arrived`,
        format: (percent: number) => `${percent.toFixed(1)} %`,
      },
      { key: `${key}.p50`, title: `${title}: p50`, format: millis },
      { key: `${key}.p99`, title: `${title}: p99`, format: millis },
    ];
  }),
  { key: "setup.open", title: "4,000 sessions at 2,000/s: opened", format: count },
  { key: "setup.first", title: "  without a repeat", format: count },
  { key: "setup.seconds", title: "  in seconds", format: (value) => value.toFixed(2) },
  { key: "setup.up", title: "  carry up", format: count },
  { key: "setup.down", title: "  carry down", format: count },
];

/** Formats the table with one row per figure and one column per path. */
export function table(columns: Column[]): string {
  const rows = ROWS.filter(({ key }) => columns.some(({ figures }) => key in figures));
  const lines = [
    ["", ...columns.map(({ name }) => name)],
    ...rows.map(({ key, title, format }) => [
      title,
      ...columns.map(({ figures }) => figures[key] ? cell(figures[key], format) : "-"),
    ]),
  ];
  return align(lines);
}

/** A quotient of two figures, for comparison. Above 1 the first figure is larger. */
export interface Ratio {
  title: string;
  value: number;
  /** Set if one of the figures is only a lower bound. */
  bound?: "≥" | "≤";
  unsure?: boolean;
}

/** Pairs of paths, and the prefixes of the figures to compare if both paths have them. */
const PATH_RATIOS: [first: string, second: string, prefixes: string[]][] = [
  ["ours", "openvpn", [
    "rate.",
    "latency.",
    "cpu.processes",
    "cpu.others",
    "saturation.",
    "lossy.",
  ]],
  ["ours, keys", "ours", ["rate.", "latency.", "cpu.processes", "saturation.", "lossy."]],
  ["ours, keys", "openvpn", ["rate.", "latency."]],
  ["ours", "vxlan", ["rate.", "lossy."]],
  ["ours", "ours-cubic", ["lossy."]],
];

/** Computes all ratios for which there are figures. */
export function ratios(columns: Column[]): Ratio[] {
  const found: Ratio[] = [];
  const figuresOf = (name: string) => columns.find((column) => column.name === name)?.figures;
  const add = (title: string, first?: Figure, second?: Figure) => {
    if (!first || !second || !(second.value > 0)) return;
    const ratio: Ratio = { title, value: first.value / second.value };
    // If both figures are lower bounds, the ratio has no bound.
    if (!first.atLeast !== !second.atLeast) ratio.bound = first.atLeast ? "≥" : "≤";
    if (first.unsure || second.unsure || first.atLeast && second.atLeast) ratio.unsure = true;
    found.push(ratio);
  };
  for (const [one, other, prefixes] of PATH_RATIOS) {
    for (const { key, title } of ROWS) {
      if (!prefixes.some((prefix) => key.startsWith(prefix))) continue;
      add(`${one}/${other}: ${title}`, figuresOf(one)?.[key], figuresOf(other)?.[key]);
    }
  }
  const ours = figuresOf("ours");
  for (const bytes of [1514, 100]) {
    for (const direction of ["up", "both"]) {
      const of = (sessions: number) => ours?.[`rate.${bytes}.${sessions}.${direction}`];
      const way = direction === "up" ? "one way" : "both ways";
      add(`100 sessions/1 session of ours: frames/s, ${bytes} B, ${way}`, of(100), of(1));
    }
  }
  return found;
}

/** Formats the ratios, one per line. */
export function ratioLines(columns: Column[]): string {
  return align(
    ratios(columns).map(({ title, value, bound = "", unsure }) => [
      title,
      `${bound}${value.toFixed(2)}${unsure ? "?" : ""}`,
    ]),
  );
}

function cell({ value, atLeast, unsure }: Figure, format: Row["format"]): string {
  if (!Number.isFinite(value)) return "none";
  return `${atLeast ? "≥" : ""}${format(value)}${unsure ? "?" : ""}`;
}

function align(lines: string[][]): string {
  if (lines.length === 0) return "";
  const widths = lines[0].map((_, at) => Math.max(...lines.map((line) => line[at].length)));
  return lines.map((line) =>
    line.map((text, at) => at === 0 ? text.padEnd(widths[at]) : text.padStart(widths[at]))
      .join("  ").trimEnd()
  ).join("\n");
}
