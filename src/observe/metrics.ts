// The status in the text format of Prometheus (text exposition format 0.0.4).

import type { HistogramValues } from "../relay/mod.ts";
import type { Side } from "../side.ts";
import { type MetricFamily, type MetricName, METRICS } from "./metric_families.ts";
import type { ProcessFacts } from "./process_usage.ts";
import type { StatusSummary, TunnelStatus } from "./status.ts";

/** The types of discovery frames, in the order of a dial. */
const DISCOVERY_TYPES = ["padi", "pado", "padr", "pads", "padt"] as const;

/** The two directions, as the label `from`, the field of the status, and the older label `direction`. */
const DIRECTIONS = [["link", "fromLink", "uplink"], ["tunnel", "fromTunnel", "downlink"]] as const;

/**
 * Renders a status as metrics.
 *
 * @param status The status
 * @param process The process
 * @returns The text
 */
export function renderMetrics(status: StatusSummary, process: ProcessFacts): string {
  const page = new Page();
  page.single("pppoe_proxy_build_info", 1, { version: status.version, side: status.mode });
  page.single("pppoe_proxy_healthy", Number(status.healthy));
  page.single("pppoe_proxy_interface_up", Number(status.interfaceState === "up"), {
    interface: status.interface,
  });
  renderProcess(page, process);
  renderFrames(page, status);
  page.family("pppoe_proxy_sessions");
  for (const state of ["open", "held"] as const) {
    page.sample({ state }, status.sessionCounts[state]);
  }
  const up = status.tunnels.filter((tunnel) => tunnel.state === "up");
  page.single("pppoe_proxy_tunnels", up.length);
  page.family("pppoe_proxy_control_as_data_total");
  for (const [from, field] of DIRECTIONS) page.sample({ from }, status.controlAsData[field]);
  page.family("pppoe_proxy_drops_total");
  for (const [reason, count] of Object.entries(status.drops)) page.sample({ reason }, count);
  renderDials(page, status);
  if (status.handshakes !== undefined) page.single("pppoe_proxy_handshakes", status.handshakes);
  if (status.refused !== undefined) {
    page.family("pppoe_proxy_connections_refused_total");
    for (const [reason, count] of Object.entries(status.refused)) page.sample({ reason }, count);
  }
  page.family("pppoe_proxy_problem");
  for (const [id, alike] of Map.groupBy(status.problems, ({ id }) => id)) {
    page.sample({ id }, alike.length);
  }
  page.single("pppoe_proxy_reconnects_total", status.reconnects);
  renderTunnels(page, up, status.mode);
  if (status.keys !== undefined) {
    page.family("pppoe_proxy_key_last_use_seconds");
    for (const { name, id: key, lastUsedS } of status.keys) {
      if (lastUsedS !== null) page.sample({ name, key }, lastUsedS);
    }
  }
  return page.text();
}

// The metrics that every program should have, under their usual names.
function renderProcess(page: Page, { startSeconds, usage }: ProcessFacts): void {
  page.single("process_start_time_seconds", startSeconds);
  if (usage === undefined) return;
  page.single("process_cpu_seconds_total", usage.cpuSeconds);
  page.single("process_resident_memory_bytes", usage.residentBytes);
  page.single("process_threads", usage.threads);
}

function renderFrames(page: Page, status: StatusSummary): void {
  for (const unit of ["frames", "bytes"] as const) {
    page.family(`pppoe_proxy_${unit}_total`);
    for (const [from, field, direction] of DIRECTIONS) {
      for (const kind of ["discovery", "session"] as const) {
        page.sample({ direction, kind, from }, status[unit][field][kind]);
      }
    }
  }
  for (
    const [name, value] of [
      ["pppoe_proxy_offered_frames_total", "offered"],
      ["pppoe_proxy_queued_frames", "queued"],
    ] as const
  ) {
    page.family(name);
    for (const [from, field] of DIRECTIONS) {
      for (const kind of ["discovery", "session"] as const) {
        page.sample({ kind, from }, status.balance[field][kind][value]);
      }
    }
  }
}

function renderDials(page: Page, { dials }: StatusSummary): void {
  page.family("pppoe_proxy_discovery_frames_total");
  for (const type of DISCOVERY_TYPES) {
    for (const [from, field] of DIRECTIONS) page.sample({ type, from }, dials[type][field]);
  }
  page.family("pppoe_proxy_dials_total");
  for (const [outcome, count] of Object.entries(dials.outcomes)) page.sample({ outcome }, count);
  page.histogram("pppoe_proxy_padi_to_pado_seconds", dials.padiToPadoMs);
  page.histogram("pppoe_proxy_padr_to_pads_seconds", dials.padrToPadsMs);
}

// The samples of all tunnels. A server does not label them by the client's port, which is another one each
// time, so several tunnels may have the same labels: clients with one name behind one address.
function renderTunnels(page: Page, tunnels: readonly TunnelStatus[], side: Side): void {
  const metric = (
    name: MetricName,
    value: (tunnel: TunnelStatus) => number | null,
    more: (tunnel: TunnelStatus) => Record<string, string> = () => ({}),
  ) => {
    page.family(name);
    const samples = new Map<string, { labels: Record<string, string>; value: number }>();
    for (const tunnel of tunnels) {
      const one = value(tunnel);
      if (one === null) continue;
      const labels = { tunnel: tunnel.name, peer: peerLabel(tunnel.peer, side), ...more(tunnel) };
      const key = JSON.stringify(labels);
      const before = samples.get(key)?.value ?? 0;
      const isCounter = METRICS[name].type === "counter";
      samples.set(key, { labels, value: isCounter ? before + one : Math.max(before, one) });
    }
    for (const { labels, value } of samples.values()) page.sample(labels, value);
  };
  metric(
    "pppoe_proxy_tunnel_rtt_seconds",
    ({ rttMs }) => rttMs === null ? null : rttMs / 1000,
  );
  metric("pppoe_proxy_tunnel_retransmits_total", ({ retransmits }) => retransmits);
  metric("pppoe_proxy_tunnel_queued_bytes", ({ queuedBytes }) => queuedBytes);
  metric("pppoe_proxy_tunnel_held_back_seconds_total", ({ heldBackMs }) => heldBackMs / 1000);
  metric(
    "pppoe_proxy_tunnel_congestion_info",
    ({ congestion }) => congestion === null ? null : 1,
    ({ congestion }) => ({ congestion: `${congestion}` }),
  );
  metric(
    "pppoe_proxy_tunnel_encryption_info",
    ({ encryption }) => encryption === null ? null : 1,
    ({ encryption }) => ({ cipher: `${encryption?.cipher}`, kernel: `${encryption?.kernel}` }),
  );
}

/** The lines of all metrics. */
class Page {
  readonly #lines: string[] = [];
  #name = "";

  /** Begins a metric, to which the samples that follow belong. */
  family(name: MetricName): void {
    const { help, type }: MetricFamily = METRICS[name];
    this.#name = name;
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  /** Adds a sample, of a histogram with the suffix of its name. */
  sample(labels: Record<string, string>, value: number, suffix = ""): void {
    const list = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`).join();
    this.#lines.push(`${this.#name}${suffix}${list && `{${list}}`} ${value}`);
  }

  /** Adds a metric with one sample. */
  single(name: MetricName, value: number, labels: Record<string, string> = {}): void {
    this.family(name);
    this.sample(labels, value);
  }

  /** Adds a histogram. Each bucket of Prometheus has the smaller ones in it. */
  histogram(name: MetricName, { le, counts, count, sumMs }: HistogramValues): void {
    this.family(name);
    let sum = 0;
    for (const [index, ms] of le.entries()) {
      sum += counts[index];
      this.sample({ le: `${ms / 1000}` }, sum, "_bucket");
    }
    this.sample({ le: "+Inf" }, count, "_bucket");
    this.sample({}, sumMs / 1000, "_sum");
    this.sample({}, count, "_count");
  }

  /** Returns the text. */
  text(): string {
    return this.#lines.join("\n") + "\n";
  }
}

/** Returns a peer as a label: a client by its address alone, because its port is another one each time. */
function peerLabel(peer: string, side: Side): string {
  return side === "client" ? peer : peer.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

function escape(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => character === "\n" ? "\\n" : `\\${character}`);
}
