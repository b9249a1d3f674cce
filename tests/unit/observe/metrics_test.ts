// Tests of the status in the text format of Prometheus.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type MetricFamily, METRICS } from "../../../src/observe/metric_families.ts";
import { renderMetrics as render } from "../../../src/observe/metrics.ts";
import type { StatusSummary } from "../../../src/observe/status.ts";
import { DialCounts, DROP_REASONS } from "../../../src/relay/mod.ts";
import { CODE } from "../../../src/wire/mod.ts";
import { aFullStatus, aStatus } from "../../support/status.ts";

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const PROCESS = { startSeconds: 1_700_000_000, usage: undefined };
const renderMetrics = (status: StatusSummary) => render(status, PROCESS);

/** Parses the text exposition format 0.0.4. Each sample must follow its HELP and TYPE. */
function parse(text: string): { samples: Sample[]; types: Record<string, string> } {
  assert(text.endsWith("\n"));
  const types: Record<string, string> = {};
  const samples: Sample[] = [];
  let helped = "";
  let family = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const help = /^# HELP (\w+) \S.*$/.exec(line);
    const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line);
    if (help) helped = help[1];
    else if (type) {
      assertEquals(type[1], helped);
      assert(!(type[1] in types), `${line}: a second time`);
      family = type[1];
      types[family] = type[2];
    } else {
      const sample = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
      assert(sample, line);
      const [, name, list = "", value] = sample;
      const suffixes = types[family] === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
      assert(suffixes.some((suffix) => name === family + suffix), line);
      samples.push({ name, labels: parseLabels(list), value: Number(value) });
    }
  }
  return { samples, types };
}

function parseLabels(list: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = list;
  while (rest !== "") {
    const label = /^(\w+)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/.exec(rest);
    assert(label, rest);
    labels[label[1]] = label[2].replace(/\\(.)/g, (_, c) => c === "n" ? "\n" : c);
    rest = rest.slice(label[0].length);
  }
  return labels;
}

/** Returns the samples of a metric as [labels, value]. */
function of(
  name: string,
  { samples }: ReturnType<typeof parse>,
): [Record<string, string>, number][] {
  return samples.filter((sample) => sample.name === `pppoe_proxy_${name}`)
    .map(({ labels, value }) => [labels, value]);
}

Deno.test("renderMetrics() has each metric with its type", () => {
  const usage = { cpuSeconds: 1.5, residentBytes: 1e8, threads: 9 };
  assertEquals(parse(render(aStatus(), { ...PROCESS, usage })).types, {
    pppoe_proxy_build_info: "gauge",
    pppoe_proxy_healthy: "gauge",
    pppoe_proxy_interface_up: "gauge",
    process_start_time_seconds: "gauge",
    process_cpu_seconds_total: "counter",
    process_resident_memory_bytes: "gauge",
    process_threads: "gauge",
    pppoe_proxy_frames_total: "counter",
    pppoe_proxy_bytes_total: "counter",
    pppoe_proxy_offered_frames_total: "counter",
    pppoe_proxy_queued_frames: "gauge",
    pppoe_proxy_sessions: "gauge",
    pppoe_proxy_tunnels: "gauge",
    pppoe_proxy_control_as_data_total: "counter",
    pppoe_proxy_drops_total: "counter",
    pppoe_proxy_discovery_frames_total: "counter",
    pppoe_proxy_dials_total: "counter",
    pppoe_proxy_padi_to_pado_seconds: "histogram",
    pppoe_proxy_padr_to_pads_seconds: "histogram",
    pppoe_proxy_handshakes: "gauge",
    pppoe_proxy_connections_refused_total: "counter",
    pppoe_proxy_problem: "gauge",
    pppoe_proxy_reconnects_total: "counter",
    pppoe_proxy_tunnel_rtt_seconds: "gauge",
    pppoe_proxy_tunnel_retransmits_total: "counter",
    pppoe_proxy_tunnel_queued_bytes: "gauge",
    pppoe_proxy_tunnel_held_back_seconds_total: "counter",
    pppoe_proxy_tunnel_congestion_info: "gauge",
    pppoe_proxy_tunnel_encryption_info: "gauge",
  });
});

Deno.test("renderMetrics() renders the values of the status", () => {
  const metrics = parse(renderMetrics(aStatus({ reconnects: 3 })));
  const four = (a: number, b: number, c: number, d: number) => [
    [{ direction: "uplink", kind: "discovery", from: "link" }, a],
    [{ direction: "uplink", kind: "session", from: "link" }, b],
    [{ direction: "downlink", kind: "discovery", from: "tunnel" }, c],
    [{ direction: "downlink", kind: "session", from: "tunnel" }, d],
  ];
  assertEquals(of("frames_total", metrics) as unknown, four(1, 2, 3, 4));
  assertEquals(of("bytes_total", metrics) as unknown, four(60, 2 ** 40, 62, 5));
  assertEquals(of("sessions", metrics), [[{ state: "open" }, 1], [{ state: "held" }, 0]]);
  const balance = (a: number, b: number, c: number, d: number) => [
    [{ kind: "discovery", from: "link" }, a],
    [{ kind: "session", from: "link" }, b],
    [{ kind: "discovery", from: "tunnel" }, c],
    [{ kind: "session", from: "tunnel" }, d],
  ];
  assertEquals(of("offered_frames_total", metrics) as unknown, balance(6, 10, 3, 9));
  assertEquals(of("queued_frames", metrics) as unknown, balance(3, 5, 0, 0));
  assertEquals(of("tunnels", metrics), [[{}, 2]]);
  assertEquals(of("reconnects_total", metrics), [[{}, 3]]);
  assertEquals(of("control_as_data_total", metrics), [
    [{ from: "link" }, 8],
    [{ from: "tunnel" }, 9],
  ]);
  assertEquals(
    of("drops_total", metrics),
    DROP_REASONS.map((reason, index) => [{ reason }, index]),
  );
});

Deno.test("renderMetrics() renders the handshakes and refused connections of a server, and none of a client", () => {
  const metrics = parse(renderMetrics(aStatus()));
  assertEquals(of("handshakes", metrics), [[{}, 2]]);
  assertEquals(of("connections_refused_total", metrics), [
    [{ reason: "crowded" }, 3],
    [{ reason: "timeout" }, 1],
  ]);
  const client = parse(renderMetrics(aStatus({ handshakes: undefined, refused: undefined })));
  assertEquals([of("handshakes", client), of("connections_refused_total", client)], [[], []]);
});

Deno.test("renderMetrics() has the metrics and labels of their table, in its order", () => {
  const usage = { cpuSeconds: 1.5, residentBytes: 1e8, threads: 9 };
  const { samples, types } = parse(render(aFullStatus(), { ...PROCESS, usage }));
  assertEquals(Object.keys(types), Object.keys(METRICS));
  for (const [name, { type, labels = [] }] of Object.entries<MetricFamily>(METRICS)) {
    assertEquals(types[name], type);
    const first = type === "histogram" ? `${name}_count` : name;
    const sample = samples.find((sample) => sample.name === first);
    assertEquals(sample && Object.keys(sample.labels), [...labels], name);
  }
});

Deno.test("renderMetrics() counts discovery frames by type and direction, and dials by outcome", () => {
  const counts = new DialCounts();
  counts.frame(CODE.PADI, "link");
  counts.frame(CODE.PADI, "link");
  counts.frame(CODE.PADO, "tunnel");
  counts.outcome("refused");
  const metrics = parse(renderMetrics(aStatus({ dials: counts.read() })));
  const frames = ["padi", "pado", "padr", "pads", "padt"].flatMap((type) =>
    ["link", "tunnel"].map((from) => [{ type, from }, 0])
  );
  frames[0][1] = 2;
  frames[3][1] = 1;
  assertEquals(of("discovery_frames_total", metrics) as unknown, frames);
  assertEquals(
    of("dials_total", metrics).map(([{ outcome }, count]) => [outcome, count]),
    [
      ["opened", 0],
      ["no-pado", 0],
      ["no-pads", 0],
      ["refused", 1],
      ["lcp-silent", 0],
      ["auth-failed", 0],
      ["short", 0],
    ],
  );
});

Deno.test("renderMetrics() has histograms in seconds, in which each bucket has the smaller ones in it", () => {
  const counts = new DialCounts();
  for (const ms of [1, 3, 20, 20_000]) counts.padiToPado.note(ms);
  const metrics = parse(renderMetrics(aStatus({ dials: counts.read() })));
  assertEquals(
    of("padi_to_pado_seconds_bucket", metrics).map(([{ le }, count]) => [le, count]),
    [
      ["0.001", 1],
      ["0.002", 1],
      ["0.005", 2],
      ["0.01", 2],
      ["0.02", 3],
      ["0.05", 3],
      ["0.1", 3],
      ["0.2", 3],
      ["0.5", 3],
      ["1", 3],
      ["2", 3],
      ["5", 3],
      ["10", 3],
      ["+Inf", 4],
    ],
  );
  assertEquals(of("padi_to_pado_seconds_sum", metrics), [[{}, 20.024]]);
  assertEquals(of("padi_to_pado_seconds_count", metrics), [[{}, 4]]);
  assertEquals(of("padr_to_pads_seconds_count", metrics), [[{}, 0]]);
});

Deno.test("renderMetrics() renders the round-trip time of each tunnel in seconds, if it is known", () => {
  assertEquals(of("tunnel_rtt_seconds", parse(renderMetrics(aStatus()))), [
    [{ tunnel: "osaka", peer: "192.0.2.1" }, 0.0125],
  ]);
});

Deno.test("renderMetrics() renders the congestion control of each tunnel that is up", () => {
  const [osaka, tokyo] = aStatus().tunnels;
  const tunnels = [{ ...osaka, congestion: "cubic" }, tokyo, { ...tokyo, congestion: null }];
  assertEquals(of("tunnel_congestion_info", parse(renderMetrics(aStatus({ tunnels })))), [
    [{ tunnel: "osaka", peer: "192.0.2.1", congestion: "cubic" }, 1],
    [{ tunnel: "tokyo", peer: "192.0.2.2", congestion: "bbr" }, 1],
  ]);
});

Deno.test("renderMetrics() tells version, side, health and the state of the interface", () => {
  const metrics = parse(renderMetrics(aStatus({ healthy: false, interfaceState: "down" })));
  const { version, mode: side, interface: name } = aStatus();
  assertEquals(of("build_info", metrics), [[{ version, side }, 1]]);
  assertEquals(of("healthy", metrics), [[{}, 0]]);
  assertEquals(of("interface_up", metrics), [[{ interface: name }, 0]]);
});

Deno.test("renderMetrics() tells what the process uses, as far as it is known", () => {
  const usage = { cpuSeconds: 1.5, residentBytes: 1e8, threads: 9 };
  const values = (text: string) =>
    parse(text).samples.filter(({ name }) => name.startsWith("process_"))
      .map(({ name, value }) => [name, value]);
  const start = ["process_start_time_seconds", PROCESS.startSeconds];
  assertEquals(values(render(aStatus(), { ...PROCESS, usage })), [
    start,
    ["process_cpu_seconds_total", 1.5],
    ["process_resident_memory_bytes", 1e8],
    ["process_threads", 9],
  ]);
  assertEquals(values(renderMetrics(aStatus())), [start]);
});

Deno.test("renderMetrics() adds up the tunnels of clients with one name behind one address", () => {
  const [osaka] = aStatus().tunnels;
  const twin = { ...osaka, peer: "192.0.2.1:6000", retransmits: 5, rttMs: 3 };
  const tunnels = [{ ...osaka, retransmits: 2, rttMs: 7 }, twin];
  const metrics = parse(renderMetrics(aStatus({ tunnels })));
  const labels = { tunnel: "osaka", peer: "192.0.2.1" };
  assertEquals(of("tunnel_retransmits_total", metrics), [[labels, 7]]);
  assertEquals(of("tunnel_rtt_seconds", metrics), [[labels, 0.007]]);
});

Deno.test("renderMetrics() labels a server by its address and port, and a client without its port", () => {
  const [osaka] = aStatus().tunnels;
  const labelOf = (mode: "client" | "server", peer: string) => {
    const metrics = parse(renderMetrics(aStatus({ mode, tunnels: [{ ...osaka, peer }] })));
    return of("tunnel_rtt_seconds", metrics)[0][0].peer;
  };
  assertEquals(labelOf("client", "server.example:8000"), "server.example:8000");
  assertEquals(labelOf("server", "192.0.2.1:5000"), "192.0.2.1");
  assertEquals(labelOf("server", "[2001:db8::1]:5000"), "2001:db8::1");
});

Deno.test("renderMetrics() counts held and open sessions separately", () => {
  const sessionCounts = { open: 1, held: 2 };
  assertEquals(of("sessions", parse(renderMetrics(aStatus({ sessionCounts })))), [
    [{ state: "open" }, 1],
    [{ state: "held" }, 2],
  ]);
});

Deno.test("renderMetrics() counts only tunnels that are up", () => {
  const [tunnel] = aStatus().tunnels;
  const metrics = parse(renderMetrics(aStatus({ tunnels: [{ ...tunnel, state: "waiting" }] })));
  assertEquals(of("tunnels", metrics), [[{}, 0]]);
  assertEquals(of("tunnel_rtt_seconds", metrics), []);
});

Deno.test("renderMetrics() renders zeros for an empty status", () => {
  const metrics = parse(
    renderMetrics(aStatus({ tunnels: [], sessionCounts: { open: 0, held: 0 } })),
  );
  assertEquals([of("sessions", metrics), of("tunnels", metrics)], [
    [[{ state: "open" }, 0], [{ state: "held" }, 0]],
    [[{}, 0]],
  ]);
});

Deno.test("renderMetrics() accepts any name in a label", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'\\"\n\ta{}=, ü#') }), (name) => {
    const [tunnel] = aStatus().tunnels;
    const metrics = parse(renderMetrics(aStatus({ tunnels: [{ ...tunnel, name }] })));
    assertEquals(of("tunnel_rtt_seconds", metrics), [[
      { tunnel: name, peer: "192.0.2.1" },
      0.0125,
    ]]);
  }));
});

Deno.test("renderMetrics() has a sample for each problem of the status", () => {
  const problem = {
    id: "loop" as const,
    since: "2026-11-28T12:00:00.000Z",
    what: "w",
    advice: "a",
    blocks: false,
  };
  const text = renderMetrics(
    aStatus({ problems: [problem, { ...problem, id: "vlan" }, { ...problem, what: "x" }] }),
  );
  assertEquals(text.match(/^pppoe_proxy_problem.*$/gm), [
    'pppoe_proxy_problem{id="loop"} 2',
    'pppoe_proxy_problem{id="vlan"} 1',
  ]);
});

Deno.test("renderMetrics() has the last use of each key that was used, at a server with keys", () => {
  const keys = [
    { name: "osaka", id: "0123abcd", lastUsedS: 0, tunnels: 1 },
    { name: "osaka", id: "89abcdef", lastUsedS: null, tunnels: 0 },
    { name: "kobe", id: "00000000", lastUsedS: 90, tunnels: 0 },
  ];
  assertEquals(of("key_last_use_seconds", parse(renderMetrics(aStatus({ keys })))), [
    [{ name: "osaka", key: "0123abcd" }, 0],
    [{ name: "kobe", key: "00000000" }, 90],
  ]);
  assertEquals(of("key_last_use_seconds", parse(renderMetrics(aStatus()))), []);
});

Deno.test("renderMetrics() names the cipher of encrypted tunnels only", () => {
  const [tunnel, other] = aStatus({}).tunnels;
  const tunnels = [{ ...tunnel, encryption: { cipher: "AES-128-GCM", kernel: false } }, other];
  assertEquals(of("tunnel_encryption_info", parse(renderMetrics(aStatus({ tunnels })))), [
    [{ tunnel: "osaka", peer: "192.0.2.1", cipher: "AES-128-GCM", kernel: "false" }, 1],
  ]);
});
