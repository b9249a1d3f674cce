import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Column, ratios, table } from "../../bench/report.ts";

function column(name: string, values: Record<string, number>): Column {
  const figures = Object.entries(values).map(([key, value]) => [key, { value }]);
  return { name, note: "", figures: Object.fromEntries(figures) };
}

Deno.test("ratios() compares ours with the others if both have the figure", () => {
  const titles = Object.fromEntries(
    ratios([
      column("ours", { "rate.1514.1.up": 180_000, "latency.1000.p50": 90 }),
      column("openvpn", { "rate.1514.1.up": 60_000, "latency.1000.p50": 120 }),
      column("vxlan", { "rate.1514.1.up": 90_000, "latency.1000.p50": 10 }),
    ]).map(({ title, value }) => [title, value]),
  );
  assertEquals(titles, {
    "ours/openvpn: frames/s without loss, 1514 B, 1 session, one way": 3,
    "ours/openvpn: latency p50 at 1,000/s": 0.75,
    "ours/vxlan: frames/s without loss, 1514 B, 1 session, one way": 2,
  });
});

Deno.test("ratios() compares ours with cubic, and with the others, over each lossy path", () => {
  const key = "lossy.10.1.arrived";
  const found = ratios([
    column("ours", { [key]: 98 }),
    column("ours-cubic", { [key]: 14 }),
    column("openvpn", { [key]: 20 }),
    column("vxlan", { [key]: 98 }),
  ]);
  assertEquals(found, [
    { title: "ours/openvpn: 10 ms, 1 % lost, 45 Mbit/s: arrived", value: 4.9 },
    { title: "ours/vxlan: 10 ms, 1 % lost, 45 Mbit/s: arrived", value: 1 },
    { title: "ours/ours-cubic: 10 ms, 1 % lost, 45 Mbit/s: arrived", value: 7 },
  ]);
});

Deno.test("ratios() compares many sessions of ours with one", () => {
  const [ratio] = ratios([column("ours", { "rate.100.1.both": 100, "rate.100.100.both": 90 })]);
  assertEquals(ratio, {
    title: "100 sessions/1 session of ours: frames/s, 100 B, both ways",
    value: 0.9,
  });
});

Deno.test("ratios() omits figures that cannot be divided by", () => {
  const none = { "saturation.control.loss": 0 };
  assertEquals(ratios([column("ours", none), column("openvpn", none)]), []);
});

Deno.test("ratios() keeps the bounds and marks of its figures", () => {
  const key = "rate.100.1.up";
  const ours = { name: "ours", note: "", figures: { [key]: { value: 100, unsure: true } } };
  const vxlan = { name: "vxlan", note: "", figures: { [key]: { value: 200, atLeast: true } } };
  const [ratio] = ratios([ours, vxlan]);
  assertEquals([ratio.value, ratio.bound, ratio.unsure], [0.5, "≤", true]);
});

Deno.test("table() marks figures that are bounds, and figures that are unsure", () => {
  const text = table([{
    name: "bridge",
    note: "",
    figures: { "rate.100.1.up": { value: 123_456, atLeast: true, unsure: true } },
  }]);
  assertStringIncludes(text, "≥123,000?");
});

Deno.test("table() shows the share that arrives over a lossy path, and the latency", () => {
  const lines = table([
    column("ours", {
      "lossy.10.0.1.arrived": 99.96,
      "lossy.10.0.1.p50": 24_300,
      "lossy.10.0.1.p99": 40_860,
    }),
  ]).split("\n").map((line) => line.split(/\s{2,}/));
  assertEquals(lines, [
    ["", "ours"],
    ["10 ms, 0.1 % lost, 45 Mbit/s: arrived", "100.0 %"],
    ["10 ms, 0.1 % lost, 45 Mbit/s: p50", "24.3 ms"],
    ["10 ms, 0.1 % lost, 45 Mbit/s: p99", "40.9 ms"],
  ]);
});

Deno.test("table() has a row for each figure of any path, and a dash for a missing one", () => {
  const lines = table([
    column("ours", { "memory.rss": 2 ** 20, "latency.1000.p50": 90 }),
    column("bridge", { "latency.1000.p50": 5 }),
  ]).split("\n").map((line) => line.split(/\s{2,}/));
  assertEquals(lines, [
    ["", "ours", "bridge"],
    ["latency p50 at 1,000/s", "90 µs", "5 µs"],
    ["memory after the rates, RSS", "1 MiB", "-"],
  ]);
});
