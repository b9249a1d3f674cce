// The way of a frame from the host to the AC, as steps with a state each: which part works, and which does not.

import { formatMs, formatNumberOf } from "./format.js";

/** The step that each kind of problem is about. */
const STEP_OF = {
  "no-ac": "ac",
  "ac-refuses": "ac",
  "no-pads": "ac",
  "auth-failed": "ac",
  "wrong-ac": "ac",
  "second-ac": "ac",
  "slow-ac": "ac",
  "quiet-link": "hosts",
  "lcp-silent": "hosts",
  "short-sessions": "hosts",
  "address-in-use": "hosts",
  "link-down": "own",
  "link-failure": "own",
  "sides-swapped": "own",
  "loop": "own",
  "vlan": "own",
  "small-mtu": "own",
  "joined-frames": "own",
  "frame-too-large": "own",
  "macvlan-mode": "own",
  "other-pppoe": "own",
  "local-pppd": "own",
  "state-unwritable": "own",
  "clock": "own",
  "memory": "own",
  "descriptors": "own",
  "key-unused": "own",
  "no-server": "tunnel",
  "server-refuses": "tunnel",
  "no-client": "tunnel",
  "path-mtu": "tunnel",
  "slow-path": "tunnel",
  "congestion-control": "tunnel",
  "bandwidth": "tunnel",
  "far-link-down": "far",
  "far-problem": "far",
};
const AC_WORDS = {
  "no-ac": "silent",
  "ac-refuses": "refuses",
  "no-pads": "grants nothing",
  "auth-failed": "refuses the login",
  "second-ac": "several answer",
};
const TUNNEL_WORDS = { connecting: "connecting", waiting: "waits to try again" };

/**
 * Finds the step that a problem is about.
 *
 * @param {string} id The kind of the problem
 * @returns {"hosts" | "own" | "tunnel" | "far" | "ac" | undefined} The step; undefined for a kind of a newer version
 */
export function stepOf(id) {
  return Object.hasOwn(STEP_OF, id) ? STEP_OF[id] : undefined;
}

/**
 * Describes the way of a frame.
 *
 * @param {"client" | "server"} side The side of the program
 * @param {string} link The name of its interface
 * @param {object} status The event `status`
 * @returns {{ key: string, name: string, detail: string, state: string, own: boolean }[]} The steps from the host
 * to the AC; the state is `good`, `poor`, `bad` or `unknown`
 */
export function describePath(side, link, status) {
  const { tunnels, tunnelCount, problems } = status;
  const up = tunnels.filter(({ state }) => state === "up");
  const worst = (step) => {
    const met = problems.filter(({ id }) => stepOf(id) === step);
    return met.some(({ blocks }) => blocks) ? "bad" : met.length > 0 ? "poor" : undefined;
  };
  const linkIsUp = status.interfaceState === "up";
  const hasTunnel = up.length > 0;
  const own = {
    key: "own",
    name: side === "client" ? "This client" : "This server",
    detail: `${link} is ${status.interfaceState}`,
    state: linkIsUp ? worst("own") ?? "good" : "bad",
    own: true,
  };
  const [first] = up;
  const tunnel = {
    key: "tunnel",
    name: tunnelCount > 1 ? "Tunnels" : "Tunnel",
    detail: tunnelCount > 1
      ? `${up.length === tunnels.length ? tunnelCount : up.length} up`
      : hasTunnel
      ? first.rttMs === null ? "up" : `up, ${formatMs(first.rttMs)}`
      : TUNNEL_WORDS[tunnels[0]?.state] ?? "none",
    state: hasTunnel ? worst("tunnel") ?? "good" : "bad",
    own: false,
  };
  const far = {
    key: "far",
    name: side === "client" ? "Server" : tunnelCount > 1 ? "Clients" : "Client",
    detail: tunnelCount > 1 ? String(tunnelCount) : hasTunnel ? first.name : "not connected",
    state: hasTunnel ? worst("far") ?? "good" : "unknown",
    own: false,
  };
  const { open: sessions, held } = status.sessionCounts;
  // The stations behind a broken part cannot be judged.
  const reaches = {
    near: linkIsUp,
    far: hasTunnel && !problems.some(({ id }) => id === "far-link-down"),
  };
  const hosts = {
    key: "hosts",
    name: "Hosts",
    detail: formatNumberOf(sessions + held, "session") + (held > 0 ? `, ${held} held` : ""),
    state: stationState(side === "client" ? reaches.near : reaches.far, worst("hosts"), sessions),
    own: false,
  };
  const acState = stationState(
    side === "client" ? reaches.far : reaches.near,
    worst("ac"),
    sessions,
  );
  const [acProblem] = problems.filter(({ id }) => stepOf(id) === "ac");
  const ac = {
    key: "ac",
    name: "AC",
    detail: acState === "good"
      ? "answers"
      : acState === "unknown"
      ? "not known"
      : AC_WORDS[acProblem.id] ?? "has a problem",
    state: acState,
    own: false,
  };
  return side === "client" ? [hosts, own, tunnel, far, ac] : [hosts, far, tunnel, own, ac];
}

function stationState(isReached, problem, sessions) {
  if (!isReached) return "unknown";
  return problem ?? (sessions > 0 ? "good" : "unknown");
}
