// The alert rules and the dashboard in contrib/ name only what the metrics have.

import { assert, assertEquals } from "@std/assert";
import { type MetricFamily, METRICS } from "../../src/observe/metric_families.ts";
import { renderMetrics } from "../../src/observe/metrics.ts";
import { PROBLEMS } from "../../src/problem.ts";
import { DIAL_OUTCOMES, DROP_MEANINGS, DROP_REASONS } from "../../src/relay/mod.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { aFullStatus } from "../support/status.ts";

const RULES = new URL("../../contrib/prometheus/rules.yml", import.meta.url);
const RULES_TEST = new URL("../../contrib/prometheus/rules_test.yml", import.meta.url);
const DASHBOARD = new URL("../../contrib/grafana/pppoe-proxy.json", import.meta.url);

/** Labels that Prometheus adds. */
const ADDED = ["job", "instance", "le"];
/** The values of the labels of which only some exist. */
const VALUES: Record<string, readonly string[]> = {
  reason: DROP_REASONS,
  outcome: DIAL_OUTCOMES,
  id: Object.keys(PROBLEMS),
  state: ["open", "held"],
};

const METRICS_TEXT = renderMetrics(aFullStatus(), {
  startSeconds: 1_700_000_000,
  usage: { cpuSeconds: 1.5, residentBytes: 1e8, threads: 9 },
});
const SAMPLES = new Set(METRICS_TEXT.match(/^\w+/gm));

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

async function readDashboard(): Promise<
  {
    templating: { list: { name: string }[] };
    annotations: { list: { expr: string }[] };
    panels: Panel[];
  }
> {
  return JSON.parse(await Deno.readTextFile(DASHBOARD));
}

/** Returns all expressions of the dashboard, with values in the places of its variables. */
async function dashboardExpressions(): Promise<string[]> {
  const { annotations, panels } = await readDashboard();
  const all = [...annotations.list, ...panels.flatMap(({ targets = [] }) => targets)];
  return all.map(({ expr }) =>
    expr.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".+")
  );
}

/** Checks the metrics and the labels that a text names. */
function checkNames(text: string): void {
  const names = text.match(/\b(pppoe_proxy|process)_\w+/g) ?? [];
  assert(names.length > 0);
  for (const name of names) assert(SAMPLES.has(name), `no metric ${name}`);
  for (const [, name, selectors] of text.matchAll(/(\b(?:pppoe_proxy|process)_\w+)\{(.*?)\}/g)) {
    const base = name.replace(/_(bucket|sum|count)$/, "") as keyof typeof METRICS;
    const { labels = [] }: MetricFamily = METRICS[base] ?? METRICS[name as typeof base];
    for (const [, label, value] of selectors.matchAll(/(\w+)[=!]~?\\?"(.*?)\\?"/g)) {
      assert([...labels, ...ADDED].includes(label), `${name} has no label ${label}`);
      for (const each of label in VALUES ? value.split("|") : []) {
        assert(VALUES[label].includes(each), `no ${label} is called ${each}`);
      }
    }
  }
  const all = Object.values<MetricFamily>(METRICS).flatMap(({ labels = [] }) => labels);
  for (const [, list] of text.matchAll(/\b(?:by|without|on) \((.*?)\)/g)) {
    for (const label of list.split(", ")) {
      assert([...all, ...ADDED].includes(label), `no metric has a label ${label}`);
    }
  }
}

for (const url of [RULES, RULES_TEST, DASHBOARD]) {
  const name = url.pathname.split("/").slice(-3).join("/");
  Deno.test(`${name} names only metrics and labels that exist`, async () => {
    checkNames(await Deno.readTextFile(url));
  });
}

Deno.test("contrib/prometheus/rules.yml gives each alert a severity, a summary and a description, and a test", async () => {
  const alerts = (await Deno.readTextFile(RULES)).split(/^ +- alert: /m).slice(1);
  const test = await Deno.readTextFile(RULES_TEST);
  assert(alerts.length >= 5);
  for (const alert of alerts) {
    const [name] = alert.split("\n");
    for (const part of ["severity: ", "summary: ", "description: >-"]) {
      assert(alert.includes(part), `${name} has no ${part}`);
    }
    assert(test.includes(`alertname: ${name}\n`), `${name} has no test`);
  }
});

Deno.test("contrib/prometheus/rules.yml has an alert for exactly the drops of which each one should worry", async () => {
  const [, list] = /PppoeProxyBadDrops.*?reason=~"(.*?)"/s.exec(await Deno.readTextFile(RULES))!;
  const worrying = DROP_REASONS.filter((reason) => DROP_MEANINGS[reason].worry === "yes");
  assertEquals(list.split("|").sort(), [...worrying].sort());
});

Deno.test("contrib/grafana/pppoe-proxy.json shows each metric, of the instances that are chosen", async () => {
  const { templating } = await readDashboard();
  assertEquals(templating.list.map(({ name }) => name), ["datasource", "instance"]);
  const text = (await dashboardExpressions()).join("\n");
  for (const name of Object.keys(METRICS)) assert(text.includes(name), `${name} is not shown`);
  const { panels } = await readDashboard();
  for (const { title, targets = [] } of panels) {
    for (const { expr } of targets) assert(expr.includes('{instance=~"$instance"'), title);
  }
});

/** Runs promtool, which must succeed. */
async function promtool(args: string[], input = ""): Promise<void> {
  const command = new Deno.Command("promtool", {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  assertEquals(code, 0, output);
}

const noPromtool = whyNot("promtool");

testUnless(noPromtool, "promtool finds the names and units of the metrics good", async () => {
  await promtool(["check", "metrics"], METRICS_TEXT);
});

testUnless(noPromtool, "promtool reads the rules, and their tests pass", async () => {
  await promtool(["check", "rules", RULES.pathname]);
  await promtool(["test", "rules", RULES_TEST.pathname]);
});

testUnless(noPromtool, "promtool reads each expression of the dashboard", async () => {
  const rules = (await dashboardExpressions()).map((expr, index) => ({
    record: `dashboard:${index}`,
    expr,
  }));
  const file = await Deno.makeTempFile({ suffix: ".yml" });
  try {
    // JSON is YAML too.
    await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    await promtool(["check", "rules", file]);
  } finally {
    await Deno.remove(file);
  }
});
