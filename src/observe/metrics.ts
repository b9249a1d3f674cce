// The status in the text format of Prometheus (text exposition format 0.0.4).

import type { Side } from "../side.ts";
import type { ProcessFacts } from "./process_usage.ts";
import type { StatusSummary, TunnelStatus } from "./status.ts";

/**
 * Renders a status as metrics.
 *
 * @param status The status
 * @param process The process
 * @returns The text
 */
export function renderMetrics(status: StatusSummary, process: ProcessFacts): string {
  const lines: string[] = [];
  const family = (name: string, type: "counter" | "gauge", help: string) => {
    lines.push(`# HELP pppoe_proxy_${name} ${help}`, `# TYPE pppoe_proxy_${name} ${type}`);
  };
  const sample = (name: string, labels: Record<string, string>, value: number) => {
    const list = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`).join();
    lines.push(`pppoe_proxy_${name}${list && `{${list}}`} ${value}`);
  };

  family("build_info", "gauge", "Version and side of the program.");
  sample("build_info", { version: status.version, side: status.mode }, 1);
  family("healthy", "gauge", "1 while the program does its job, as in /healthz.");
  sample("healthy", {}, Number(status.healthy));
  family("interface_up", "gauge", "1 while the interface is up.");
  sample("interface_up", { interface: status.interface }, Number(status.interfaceState === "up"));
  renderProcess(process, lines);
  for (const unit of ["frames", "bytes"] as const) {
    family(
      `${unit}_total`,
      "counter",
      `Ethernet ${unit} carried, from this side's link or tunnel; direction is an older label, removed in 1.0.`,
    );
    for (const [from, direction] of [["link", "uplink"], ["tunnel", "downlink"]] as const) {
      for (const kind of ["discovery", "session"] as const) {
        const labels = { direction, kind, from };
        sample(`${unit}_total`, labels, status[unit][direction][kind]);
      }
    }
  }
  for (
    const [name, field, type, help] of [
      ["offered_frames_total", "offered", "counter", "Frames offered: carried, dropped or queued."],
      [
        "queued_frames",
        "queued",
        "gauge",
        "Frames that wait for a tunnel or the link, or are under way in a tunnel.",
      ],
    ] as const
  ) {
    family(name, type, help);
    for (const [from, direction] of [["link", "fromLink"], ["tunnel", "fromTunnel"]] as const) {
      for (const kind of ["discovery", "session"] as const) {
        sample(name, { kind, from }, status.balance[direction][kind][field]);
      }
    }
  }
  family("sessions", "gauge", "PPPoE sessions.");
  for (const state of ["open", "held"] as const) {
    sample("sessions", { state }, status.sessionCounts[state]);
  }
  family("tunnels", "gauge", "Tunnels that are up.");
  const up = status.tunnels.filter((tunnel) => tunnel.state === "up");
  sample("tunnels", {}, up.length);
  family(
    "control_as_data_total",
    "counter",
    "Control frames beyond their session's budget, treated as data.",
  );
  const { fromLink, fromTunnel } = status.controlAsData;
  sample("control_as_data_total", { from: "link" }, fromLink);
  sample("control_as_data_total", { from: "tunnel" }, fromTunnel);
  family("drops_total", "counter", "Dropped frames, by reason.");
  for (const [reason, count] of Object.entries(status.drops)) {
    sample("drops_total", { reason }, count);
  }
  if (status.handshakes !== undefined) {
    family("handshakes", "gauge", "Connections in their handshake.");
    sample("handshakes", {}, status.handshakes);
  }
  if (status.refused !== undefined) {
    family("connections_refused_total", "counter", "Refused connections, by reason.");
    for (const [reason, count] of Object.entries(status.refused)) {
      sample("connections_refused_total", { reason }, count);
    }
  }
  family("problem", "gauge", "Current problems, by kind.");
  for (const [id, alike] of Map.groupBy(status.problems, ({ id }) => id)) {
    sample("problem", { id }, alike.length);
  }
  family("reconnects_total", "counter", "Number of times that the tunnel was established again.");
  sample("reconnects_total", {}, status.reconnects);
  // The samples of all tunnels. A server does not label them by the client's port, which is another one each
  // time, so several tunnels may have the same labels: clients with one name behind one address.
  const ofTunnels = (
    name: string,
    type: "counter" | "gauge",
    help: string,
    value: (tunnel: TunnelStatus) => number | null,
    more: (tunnel: TunnelStatus) => Record<string, string> = () => ({}),
  ) => {
    family(name, type, help);
    const samples = new Map<string, { labels: Record<string, string>; value: number }>();
    for (const tunnel of up) {
      const one = value(tunnel);
      if (one === null) continue;
      const labels = {
        tunnel: tunnel.name,
        peer: peerLabel(tunnel.peer, status.mode),
        ...more(tunnel),
      };
      const key = JSON.stringify(labels);
      const before = samples.get(key)?.value ?? 0;
      samples.set(key, {
        labels,
        value: type === "counter" ? before + one : Math.max(before, one),
      });
    }
    for (const { labels, value } of samples.values()) sample(name, labels, value);
  };
  ofTunnels(
    "tunnel_rtt_seconds",
    "gauge",
    "Smoothed round-trip time of the tunnel.",
    ({ rttMs }) => rttMs === null ? null : rttMs / 1000,
  );
  ofTunnels(
    "tunnel_retransmits_total",
    "counter",
    "Retransmitted TCP segments.",
    ({ retransmits }) => retransmits,
  );
  ofTunnels(
    "tunnel_queued_bytes",
    "gauge",
    "Bytes queued for the tunnel.",
    ({ queuedBytes }) => queuedBytes,
  );
  ofTunnels(
    "tunnel_held_back_seconds_total",
    "counter",
    "Time for which the peer was not read because it sent more than it may.",
    ({ heldBackMs }) => heldBackMs / 1000,
  );
  ofTunnels(
    "tunnel_congestion_info",
    "gauge",
    "TCP congestion control used by this side.",
    ({ congestion }) => congestion === null ? null : 1,
    ({ congestion }) => ({ congestion: `${congestion}` }),
  );
  ofTunnels(
    "tunnel_encryption_info",
    "gauge",
    "Cipher of an encrypted tunnel.",
    ({ encryption }) => encryption === null ? null : 1,
    ({ encryption }) => ({ cipher: `${encryption?.cipher}`, kernel: `${encryption?.kernel}` }),
  );
  if (status.keys !== undefined) {
    family(
      "key_last_use_seconds",
      "gauge",
      "Time since a key was last used; 0 while it is in use.",
    );
    for (const { name, id: key, lastUsedS } of status.keys) {
      if (lastUsedS !== null) sample("key_last_use_seconds", { name, key }, lastUsedS);
    }
  }
  return lines.join("\n") + "\n";
}

// The metrics that every program should have, under their usual names.
function renderProcess({ startSeconds, usage }: ProcessFacts, lines: string[]): void {
  const metric = (name: string, type: "counter" | "gauge", help: string, value: number) => {
    lines.push(`# HELP process_${name} ${help}`, `# TYPE process_${name} ${type}`);
    lines.push(`process_${name} ${value}`);
  };
  metric(
    "start_time_seconds",
    "gauge",
    "Start of the program, in seconds since the epoch.",
    startSeconds,
  );
  if (usage === undefined) return;
  const { cpuSeconds, residentBytes, threads } = usage;
  metric("cpu_seconds_total", "counter", "CPU time of all threads.", cpuSeconds);
  metric("resident_memory_bytes", "gauge", "Resident memory.", residentBytes);
  metric("threads", "gauge", "Threads.", threads);
}

/** Returns a peer as a label: a client by its address alone, because its port is another one each time. */
function peerLabel(peer: string, side: Side): string {
  return side === "client" ? peer : peer.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

function escape(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => character === "\n" ? "\\n" : `\\${character}`);
}
