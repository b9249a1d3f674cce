// The metrics by name: type, labels and meaning. docs/OPERATIONS.md has the same table.

/** A metric: all samples of one name. */
export interface MetricFamily {
  /** The kind of its values: they only grow, they go up and down, or they count times by length. */
  type: "counter" | "gauge" | "histogram";
  /** The labels that its samples have, in this order; none by default. */
  labels?: readonly string[];
  /** Its meaning, in one sentence. */
  help: string;
}

const OF_A_TUNNEL = ["tunnel", "peer"];

/** All metrics, in the order in which they are rendered. Released names and labels stay. */
export const METRICS = {
  pppoe_proxy_build_info: {
    type: "gauge",
    labels: ["version", "side"],
    help: "Version and side of the program.",
  },
  pppoe_proxy_healthy: {
    type: "gauge",
    help: "1 while the program does its job, as in /healthz.",
  },
  pppoe_proxy_interface_up: {
    type: "gauge",
    labels: ["interface"],
    help: "1 while the interface is up.",
  },
  process_start_time_seconds: {
    type: "gauge",
    help: "Start of the program, in seconds since the epoch.",
  },
  process_cpu_seconds_total: { type: "counter", help: "CPU time of all threads." },
  process_resident_memory_bytes: { type: "gauge", help: "Resident memory." },
  process_threads: { type: "gauge", help: "Threads." },
  pppoe_proxy_frames_total: {
    type: "counter",
    labels: ["direction", "kind", "from"],
    help:
      "Ethernet frames carried, from this side's link or tunnel; direction is an older label, removed in 1.0.",
  },
  pppoe_proxy_bytes_total: {
    type: "counter",
    labels: ["direction", "kind", "from"],
    help:
      "Ethernet bytes carried, from this side's link or tunnel; direction is an older label, removed in 1.0.",
  },
  pppoe_proxy_offered_frames_total: {
    type: "counter",
    labels: ["kind", "from"],
    help: "Frames offered: carried, dropped or queued.",
  },
  pppoe_proxy_queued_frames: {
    type: "gauge",
    labels: ["kind", "from"],
    help: "Frames that wait for a tunnel or the link, or are under way in a tunnel.",
  },
  pppoe_proxy_sessions: {
    type: "gauge",
    labels: ["state"],
    help: "PPPoE sessions, open or held.",
  },
  pppoe_proxy_tunnels: { type: "gauge", help: "Tunnels that are up." },
  pppoe_proxy_control_as_data_total: {
    type: "counter",
    labels: ["from"],
    help: "Control frames beyond their session's budget, treated as data.",
  },
  pppoe_proxy_drops_total: {
    type: "counter",
    labels: ["reason"],
    help: "Dropped frames, by reason.",
  },
  pppoe_proxy_discovery_frames_total: {
    type: "counter",
    labels: ["type", "from"],
    help: "Discovery frames seen, by type: padi, pado, padr, pads or padt.",
  },
  pppoe_proxy_dials_total: {
    type: "counter",
    labels: ["outcome"],
    help: "Dials, by outcome; a session that was opened and failed soon after has two.",
  },
  pppoe_proxy_padi_to_pado_seconds: {
    type: "histogram",
    help: "Time from the first PADI of a dial to its first PADO.",
  },
  pppoe_proxy_padr_to_pads_seconds: {
    type: "histogram",
    help: "Time from the first PADR of a dial to its PADS.",
  },
  pppoe_proxy_handshakes: {
    type: "gauge",
    help: "Connections in their handshake; only at a server.",
  },
  pppoe_proxy_connections_refused_total: {
    type: "counter",
    labels: ["reason"],
    help: "Refused connections, by reason; only at a server.",
  },
  pppoe_proxy_problem: {
    type: "gauge",
    labels: ["id"],
    help: "Current problems, by kind; no sample for a kind without any.",
  },
  pppoe_proxy_reconnects_total: {
    type: "counter",
    help: "Number of times that the tunnel was established again; always 0 at a server.",
  },
  pppoe_proxy_tunnel_rtt_seconds: {
    type: "gauge",
    labels: OF_A_TUNNEL,
    help: "Smoothed round-trip time of the tunnel.",
  },
  pppoe_proxy_tunnel_retransmits_total: {
    type: "counter",
    labels: OF_A_TUNNEL,
    help: "Retransmitted TCP segments.",
  },
  pppoe_proxy_tunnel_queued_bytes: {
    type: "gauge",
    labels: OF_A_TUNNEL,
    help: "Bytes queued for the tunnel.",
  },
  pppoe_proxy_tunnel_held_back_seconds_total: {
    type: "counter",
    labels: OF_A_TUNNEL,
    help: "Time for which the peer was not read because it sent more than it may.",
  },
  pppoe_proxy_tunnel_congestion_info: {
    type: "gauge",
    labels: [...OF_A_TUNNEL, "congestion"],
    help: "TCP congestion control used by this side.",
  },
  pppoe_proxy_tunnel_encryption_info: {
    type: "gauge",
    labels: [...OF_A_TUNNEL, "cipher", "kernel"],
    help: "Cipher of an encrypted tunnel, and true if the kernel encrypts.",
  },
  pppoe_proxy_key_last_use_seconds: {
    type: "gauge",
    labels: ["name", "key"],
    help: "Time since a key was last used, 0 while it is in use; only at a server with keys.",
  },
} as const satisfies Record<string, MetricFamily>;

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;
