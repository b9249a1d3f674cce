// A moving chart of two rates over time, as SVG, with the same values as a table.

import { el, follow, setText } from "./dom.js";
import { formatDuration, formatRate, formatRoundRate } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
/** The times that the chart can show, with the time between two of its labels, in ms. It grows with what is known. */
const RANGES = [
  { lengthMs: 60_000, stepMs: 15_000 },
  { lengthMs: 120_000, stepMs: 30_000 },
  { lengthMs: 300_000, stepMs: 60_000 },
];
const KEPT_MS = RANGES.at(-1).lengthMs;
/** The time of a row in the table. */
const ROW_MS = 30_000;
const HEIGHT = 200;
const MARGIN = { top: 12, right: 8, bottom: 22, left: 78 };
/** The highest value of the axis is one of these, times a power of ten. */
const STEPS = [1, 2, 4, 5, 8, 10];
/** The lowest range of the axis, in bit/s. */
const LOWEST_TOP = 1000;
/** The number of parts of the vertical axis. */
const PARTS = 4;
/** A longer time than this between two samples is a gap. */
const GAP_MS = 3500;

/**
 * Returns the highest value of an axis that shows a value.
 *
 * @param {number} value The value
 * @returns {number} A round number that is not lower
 */
export function topOf(value) {
  if (value <= LOWEST_TOP) return LOWEST_TOP;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * STEPS.find((step) => step * power >= value);
}

/**
 * Returns the range that an axis of time shows.
 *
 * @param {number} knownMs The time since the first sample
 * @returns {{ lengthMs: number, stepMs: number }} The range, with the time between two labels
 */
export function rangeOf(knownMs) {
  return RANGES.find(({ lengthMs }) => knownMs <= lengthMs) ?? RANGES.at(-1);
}

/**
 * Averages samples over rows of half a minute, the newest first.
 *
 * @param {readonly { atMs: number, values: readonly number[] }[]} samples The samples, the oldest first
 * @returns {{ agoMs: number, values: number[] }[]} The rows that have samples
 */
export function rowsOf(samples) {
  const endMs = samples.at(-1)?.atMs ?? 0;
  const groups = Map.groupBy(samples, ({ atMs }) => Math.floor((endMs - atMs) / ROW_MS));
  return [...groups].sort(([a], [b]) => a - b).map(([row, group]) => ({
    agoMs: row * ROW_MS,
    values: group[0].values.map((_, at) =>
      group.reduce((sum, { values }) => sum + values[at], 0) / group.length
    ),
  }));
}

/** A chart in an element. */
export class Chart {
  #names;
  #samples = [];
  #width = 0;
  #pointedAt = undefined;
  #svg = svg("svg", { role: "img", height: String(HEIGHT) });
  #grid = svg("g", { class: "grid" });
  #areas = [svg("path", { class: "area a" }), svg("path", { class: "area b" })];
  #lines = [svg("path", { class: "line a" }), svg("path", { class: "line b" })];
  #cursor = svg("g", { class: "cursor" });
  #tip = el("p", { class: "tip", "aria-hidden": "true" });
  #body = el("tbody");
  #heads = [
    el("th", { scope: "col", class: "number" }),
    el("th", { scope: "col", class: "number" }),
  ];
  #details;
  #describedMs = -Infinity;

  /**
   * @param {HTMLElement} parent The element
   * @param {readonly [string, string]} names The names of the two rates
   */
  constructor(parent, names) {
    this.#names = names;
    this.#svg.append(this.#grid, ...this.#areas, ...this.#lines, this.#cursor);
    this.#tip.hidden = true;
    const plot = el("div", { class: "plot" }, this.#svg, this.#tip);
    const head = el("tr", {}, el("th", { scope: "col" }, "Time"), ...this.#heads);
    const table = el("table", { class: "plain" }, el("thead", {}, head), this.#body);
    this.#details = el("details", {}, el("summary", {}, "Show as a table"), table);
    this.#details.addEventListener("toggle", () => this.#fillTable());
    parent.append(plot, this.#details);
    new ResizeObserver(([{ contentRect }]) => {
      this.#width = Math.floor(contentRect.width);
      this.#draw();
    }).observe(plot);
    plot.addEventListener("pointermove", ({ offsetX }) => this.#point(offsetX));
    plot.addEventListener("pointerleave", () => this.#point(undefined));
    this.setNames(names);
    this.#svg.setAttribute("aria-label", "Rates: nothing is known yet.");
  }

  /** Sets the names of the two rates. */
  setNames(names) {
    this.#names = names;
    for (const [at, name] of names.entries()) setText(this.#heads[at], name);
  }

  /**
   * Adds a sample at its right end.
   *
   * @param {number} atMs The time
   * @param {readonly [number, number]} values The rates in bit/s
   */
  add(atMs, values) {
    this.#samples.push({ atMs, values });
    while (this.#samples[0].atMs < atMs - KEPT_MS) this.#samples.shift();
    this.#draw();
    if (this.#details.open) this.#fillTable();
  }

  /** The range that it shows. */
  get range() {
    return rangeOf((this.#samples.at(-1)?.atMs ?? 0) - (this.#samples[0]?.atMs ?? 0));
  }

  /** The range in words, such as `the last 5 minutes`. */
  get rangeText() {
    const minutes = this.range.lengthMs / 60_000;
    return minutes === 1 ? "the last minute" : `the last ${minutes} minutes`;
  }

  #draw() {
    const width = this.#width;
    const samples = this.#samples;
    if (width < 100) return;
    const endMs = samples.at(-1)?.atMs ?? 0;
    const range = this.range;
    const top = topOf(Math.max(0, ...samples.flatMap(({ values }) => values)));
    const left = MARGIN.left;
    const right = width - MARGIN.right;
    const bottom = HEIGHT - MARGIN.bottom;
    const x = (atMs) => right - (endMs - atMs) / range.lengthMs * (right - left);
    const y = (value) => bottom - value / top * (bottom - MARGIN.top);
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.#svg.setAttribute("width", String(width));
    this.#drawGrid({ left, right, bottom, top, x, y, endMs, range });
    for (const at of [0, 1]) {
      const runs = runsOf(samples).map((run) =>
        run.map(({ atMs, values }) => `${x(atMs).toFixed(1)} ${y(values[at]).toFixed(1)}`)
      );
      const lines = runs.map((points) => `M${points.join("L")}`);
      const areas = runs.map((points) => {
        const [first] = points[0].split(" ");
        const [last] = points.at(-1).split(" ");
        return `M${first} ${bottom}L${points.join("L")}L${last} ${bottom}Z`;
      });
      this.#lines[at].setAttribute("d", lines.join(""));
      this.#areas[at].setAttribute("d", areas.join(""));
    }
    this.#drawCursor({ left, right, bottom, x, y });
    this.#describe(endMs);
  }

  #drawGrid({ left, right, bottom, top, x, y, endMs, range }) {
    const marks = [];
    for (let part = 0; part <= PARTS; part++) {
      const value = top * part / PARTS;
      const at = Math.round(y(value)) + 0.5;
      marks.push(svg("path", { d: `M${left} ${at}H${right}`, class: part === 0 ? "axis" : "" }));
      if (part % 2 === 0) {
        const label = svg("text", { x: String(left - 8), y: String(at + 4), class: "end" });
        label.textContent = part === 0 ? "0" : formatRoundRate(value);
        marks.push(label);
      }
    }
    const steps = range.lengthMs / range.stepMs;
    for (let step = 0; step <= steps; step++) {
      const isEnd = step === 0 || step === steps;
      const label = svg("text", {
        x: String(x(endMs - step * range.stepMs)),
        y: String(bottom + 16),
        class: step === 0 ? "end" : isEnd ? "" : "middle",
      });
      const text = formatDuration(step * range.stepMs / 1000).replace(/ 0 s$/, "");
      label.textContent = step === 0 ? "now" : text;
      if (isEnd || right - left > 360) marks.push(label);
    }
    this.#grid.replaceChildren(...marks);
  }

  #point(offsetX) {
    this.#pointedAt = offsetX;
    this.#draw();
  }

  #drawCursor({ left, right, bottom, x, y }) {
    const at = this.#pointedAt;
    const isInside = at !== undefined && at >= left && at <= right && this.#samples.length > 0;
    this.#tip.hidden = !isInside;
    if (!isInside) return this.#cursor.replaceChildren();
    const sample = this.#samples.reduce((best, one) =>
      Math.abs(x(one.atMs) - at) < Math.abs(x(best.atMs) - at) ? one : best
    );
    const px = x(sample.atMs);
    const dots = sample.values.map((value, at) =>
      svg("circle", { cx: String(px), cy: String(y(value)), r: "4", class: "ab"[at] })
    );
    this.#cursor.replaceChildren(svg("path", { d: `M${px} ${MARGIN.top}V${bottom}` }), ...dots);
    const ago = Math.round((this.#samples.at(-1).atMs - sample.atMs) / 1000);
    const values = sample.values.map((value, at) => `${this.#names[at]} ${formatRate(value)}`);
    setText(this.#tip, [ago === 0 ? "now" : `${ago} s ago`, ...values].join("\n"));
    // The content security policy forbids style attributes in HTML, not properties that a script sets.
    this.#tip.style.left = `${Math.min(Math.max(px, 90), right - 82)}px`;
  }

  /** Describes the chart for those who cannot see it, not too often, because a screen reader may be in it. */
  #describe(endMs) {
    if (endMs - this.#describedMs < 10_000 || this.#samples.length === 0) return;
    this.#describedMs = endMs;
    const parts = this.#names.map((name, at) => {
      const values = this.#samples.map(({ values }) => values[at]);
      return `${name}: now ${formatRate(values.at(-1))}, highest ${
        formatRate(Math.max(...values))
      }`;
    });
    this.#svg.setAttribute(
      "aria-label",
      `Rates of ${this.rangeText}. ${parts.join(". ")}.`,
    );
  }

  #fillTable() {
    follow(
      this.#body,
      this.#details.open ? rowsOf(this.#samples) : [],
      ({ agoMs }) => String(agoMs),
      () =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }),
          el("td", { class: "number" }),
          el("td", { class: "number" }),
        ),
      (row, { agoMs, values }) => {
        const seconds = agoMs / 1000;
        setText(row.children[0], `${seconds} to ${seconds + ROW_MS / 1000} s ago`);
        for (const [at, value] of values.entries()) {
          setText(row.children[at + 1], formatRate(value));
        }
      },
    );
  }
}

/** Returns the samples in runs without a gap. */
function runsOf(samples) {
  const runs = [];
  let lastMs = -Infinity;
  for (const sample of samples) {
    if (sample.atMs - lastMs > GAP_MS) runs.push([]);
    runs.at(-1).push(sample);
    lastMs = sample.atMs;
  }
  return runs;
}

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
