// The way of a frame from the host to the AC, as steps with a state each: which part works, and which does not.

/** The problems by the step that they are about; those of a step of the other side. */
const OF_AC = ["no-ac", "ac-refuses", "no-pads", "auth-failed", "wrong-ac", "second-ac", "slow-ac"];
const AC_WORDS = {
  "no-ac": "silent",
  "ac-refuses": "refuses",
  "no-pads": "grants nothing",
  "auth-failed": "refuses the login",
  "second-ac": "several answer",
};
const TUNNEL_WORDS = { connecting: "connecting", waiting: "waits to try again" };
const OF_HOSTS = ["quiet-link", "lcp-silent", "short-sessions", "address-in-use"];
const OF_LINK = [
  "link-down",
  "link-failure",
  "sides-swapped",
  "loop",
  "vlan",
  "small-mtu",
  "joined-frames",
  "frame-too-large",
  "macvlan-mode",
  "other-pppoe",
  "local-pppd",
];
const OF_TUNNEL = [
  "no-server",
  "server-refuses",
  "no-client",
  "path-mtu",
  "slow-path",
  "congestion-control",
];
const OF_FAR = ["far-link-down", "far-problem"];

/**
 * Describes the way of a frame.
 *
 * @param {"client" | "server"} side The side of the program
 * @param {string} link The name of its interface
 * @param {object} status The event `status`
 * @param {(ms: number | null) => string} formatMs Writes a round trip
 * @returns {{ key: string, name: string, detail: string, state: string, own: boolean }[]} The steps from the host
 * to the AC; the state is `good`, `poor`, `bad` or `unknown`
 */
export function describePath(side, link, status, formatMs) {
  const { tunnels, tunnelCount, problems } = status;
  const up = tunnels.filter(({ state }) => state === "up");
  const worst = (ids) => {
    const met = problems.filter(({ id }) => ids.includes(id));
    return met.some(({ blocks }) => blocks) ? "bad" : met.length > 0 ? "poor" : undefined;
  };
  const linkIsUp = status.interfaceState === "up";
  const hasTunnel = up.length > 0;
  const own = {
    key: "own",
    name: side === "client" ? "This client" : "This server",
    detail: `${link} is ${status.interfaceState}`,
    state: linkIsUp ? worst(OF_LINK) ?? "good" : "bad",
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
    state: hasTunnel ? worst(OF_TUNNEL) ?? "good" : "bad",
    own: false,
  };
  const far = {
    key: "far",
    name: side === "client" ? "Server" : tunnelCount > 1 ? "Clients" : "Client",
    detail: tunnelCount > 1 ? String(tunnelCount) : hasTunnel ? first.name : "not connected",
    state: hasTunnel ? worst(OF_FAR) ?? "good" : "unknown",
    own: false,
  };
  const { open: sessions, held } = status.sessionCounts;
  // The stations behind a broken part cannot be judged.
  const reaches = { near: linkIsUp, far: hasTunnel && worst(["far-link-down"]) === undefined };
  const hosts = {
    key: "hosts",
    name: "Hosts",
    detail: held > 0
      ? `${sessions + held} sessions, ${held} held`
      : sessions === 1
      ? "1 session"
      : `${sessions} sessions`,
    state: stationState(side === "client" ? reaches.near : reaches.far, worst(OF_HOSTS), sessions),
    own: false,
  };
  const acState = stationState(
    side === "client" ? reaches.far : reaches.near,
    worst(OF_AC),
    sessions,
  );
  const [acProblem] = problems.filter(({ id }) => OF_AC.includes(id));
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
