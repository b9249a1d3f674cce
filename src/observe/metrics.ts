// The status in the text format of Prometheus (text exposition format 0.0.4).

import type { StatusSummary } from "./status.ts";

/** Renders a status as metrics. */
export function renderMetrics(status: StatusSummary): string {
  const lines: string[] = [];
  const family = (name: string, type: "counter" | "gauge", help: string) => {
    lines.push(`# HELP pppoe_proxy_${name} ${help}`, `# TYPE pppoe_proxy_${name} ${type}`);
  };
  const sample = (name: string, labels: Record<string, string>, value: number) => {
    const list = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`).join();
    lines.push(`pppoe_proxy_${name}${list && `{${list}}`} ${value}`);
  };

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
  family("tunnel_rtt_seconds", "gauge", "Smoothed round-trip time of the tunnel.");
  for (const { name, peer, rttMs } of up) {
    if (rttMs !== null) sample("tunnel_rtt_seconds", { tunnel: name, peer }, rttMs / 1000);
  }
  family("tunnel_retransmits_total", "counter", "Retransmitted TCP segments.");
  for (const { name, peer, retransmits } of up) {
    sample("tunnel_retransmits_total", { tunnel: name, peer }, retransmits);
  }
  family("tunnel_queued_bytes", "gauge", "Bytes queued for the tunnel.");
  for (const { name, peer, queuedBytes } of up) {
    sample("tunnel_queued_bytes", { tunnel: name, peer }, queuedBytes);
  }
  family(
    "tunnel_held_back_seconds_total",
    "counter",
    "Time for which the peer was not read because it sent more than it may.",
  );
  for (const { name, peer, heldBackMs } of up) {
    sample("tunnel_held_back_seconds_total", { tunnel: name, peer }, heldBackMs / 1000);
  }
  family("tunnel_congestion_info", "gauge", "TCP congestion control used by this side.");
  for (const { name, peer, congestion } of up) {
    if (congestion !== null) {
      sample("tunnel_congestion_info", { tunnel: name, peer, congestion }, 1);
    }
  }
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
  family("tunnel_encryption_info", "gauge", "Cipher of an encrypted tunnel.");
  for (const { name, peer, encryption } of up) {
    if (encryption === null) continue;
    const { cipher, kernel } = encryption;
    sample("tunnel_encryption_info", { tunnel: name, peer, cipher, kernel: `${kernel}` }, 1);
  }
  return lines.join("\n") + "\n";
}

function escape(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => character === "\n" ? "\\n" : `\\${character}`);
}
