// The sides of a machine as text, at the widths of usual terminals.

import { assertEquals } from "@std/assert";
import {
  earlierOf,
  type Form,
  isHealthy,
  type Look,
  type SideView,
  titleOf,
} from "../../../../src/cli/show/look.ts";
import { render } from "../../../../src/cli/show/render.ts";
import { colored, plain } from "../../../../src/cli/show/style.ts";
import type { SessionView, StatusView, TunnelView } from "../../../../src/cli/show/view.ts";

const CLOCK_MS = Date.parse("2026-01-31T12:00:00Z");
const NOTHING = { frames: 0, bytes: 0 };

function aTunnel(over: Partial<TunnelView> = {}): TunnelView {
  return {
    name: "bras",
    peer: "192.0.2.1:8000",
    state: "up",
    rttMs: 12.5,
    retransmits: 17,
    congestion: "bbr",
    encryption: "AES-128-GCM",
    fromLink: { frames: 1000, bytes: 1_250_000 },
    fromTunnel: { frames: 2000, bytes: 2_500_000 },
    ...over,
  };
}

function aSession(over: Partial<SessionView> = {}): SessionView {
  return {
    id: "0x0011",
    host: "02:00:00:00:00:11",
    ac: "02:00:00:00:00:ac",
    tunnel: "bras",
    state: "open",
    ageSeconds: 277_200,
    fromLink: { frames: 1000, bytes: 1_250_000 },
    fromTunnel: { frames: 2000, bytes: 2_500_000 },
    ...over,
  };
}

function aClient(over: Partial<StatusView> = {}): StatusView {
  return {
    side: "client",
    version: "0.1.0",
    uptimeSeconds: 100,
    interface: "lan0",
    interfaceState: "up",
    interfaceReason: undefined,
    healthy: true,
    problems: [],
    reconnects: 0,
    tunnels: [aTunnel()],
    keys: undefined,
    open: 1,
    held: 0,
    fromLink: { frames: 1000, bytes: 1_250_000 },
    fromTunnel: { frames: 2000, bytes: 2_500_000 },
    drops: [],
    refused: [],
    ...over,
  };
}

function aSide(status: StatusView | undefined, over: Partial<SideView> = {}): SideView {
  return {
    side: status?.side ?? "client",
    interface: status?.interface ?? "lan0",
    name: "branch",
    pid: 4711,
    uid: undefined,
    address: "unix:/run/pppoe-proxy/client-lan0-4711.sock",
    stopping: false,
    failure: undefined,
    status,
    sessions: { sessions: [aSession()], total: 1, next: undefined },
    ...over,
  };
}

function aLook(sides: SideView[], atMs = 0): Look {
  return { clockMs: CLOCK_MS + atMs, atMs, sides };
}

/** Renders as text, with the widths of its lines checked. */
function shown(look: Look, form: Partial<Form> = {}): string {
  const { width = 80 } = form;
  const lines = render(look, { width, style: plain, rows: 20, ...form });
  assertEquals(lines.filter((line) => line.length > width || line !== line.trimEnd()), []);
  return `\n${lines.join("\n")}\n`;
}

const LINK_DOWN = {
  id: "link-down",
  sinceMs: CLOCK_MS - 184_000,
  what: "Interface lan0 is down",
  advice: "nothing is plugged in, or the device at the other end is off: check the cable, and that",
  blocks: true,
};

Deno.test("render() shows a client with its server, its rates and its sessions", () => {
  assertEquals(
    shown(aLook([aSide(aClient())])),
    `
client branch on lan0
  health       ok
  interface    lan0, up
  version      0.1.0, running for 1 min 40 s, process 4711
  server       bras at 192.0.2.1:8000, up, round trip 12.5 ms, AES-128-GCM, bbr,
               17 retransmits
  from link    100 kbit/s, 10 frames/s on average; 1.3 MB in 1,000 frames so far
  from tunnel  200 kbit/s, 20 frames/s on average; 2.5 MB in 2,000 frames so far
  sessions     1 open
    id      host               AC                 state      age    link  tunnel
    0x0011  02:00:00:00:00:11  02:00:00:00:00:ac  open   3 d 5 h  1.3 MB  2.5 MB
`,
  );
});

Deno.test("render() shows problems first, and those first that keep a side from its job", () => {
  const loop = { ...LINK_DOWN, id: "loop", what: "A PADI came back", blocks: false };
  const client = aClient({
    healthy: false,
    interfaceState: "down",
    interfaceReason: "it has no carrier",
    problems: [loop, { ...LINK_DOWN, sinceMs: undefined }],
    tunnels: [aTunnel({ name: "", state: "waiting" })],
    reconnects: 3,
    open: 0,
  });
  const silent = aSide(undefined, {
    side: "server",
    interface: "isp0",
    name: undefined,
    failure: "its process 5 does not answer; it may be stopped (kill -CONT), or overloaded",
  });
  const side = aSide(client, { sessions: undefined });
  assertEquals(
    shown(aLook([side, silent])),
    `
PROBLEM  The server on isp0 tells nothing: its process 5 does not answer; it may
         be stopped (kill -CONT), or overloaded

PROBLEM  Interface lan0 is down
Advice   nothing is plugged in, or the device at the other end is off: check the
         cable, and that
         (link-down at the client branch on lan0)

Problem  A PADI came back
Advice   nothing is plugged in, or the device at the other end is off: check the
         cable, and that
         (loop at the client branch on lan0, for 3 min 4 s)

client branch on lan0
  health       NOT OK, it cannot do its job
  interface    lan0, down: it has no carrier
  version      0.1.0, running for 1 min 40 s, process 4711
  server       192.0.2.1:8000, waiting, reconnected 3 times
  from link    100 kbit/s, 10 frames/s on average; 1.3 MB in 1,000 frames so far
  from tunnel  200 kbit/s, 20 frames/s on average; 2.5 MB in 2,000 frames so far
  sessions     0 open
`,
  );
});

const SERVER: StatusView = aClient({
  side: "server",
  interface: "isp0",
  tunnels: [
    aTunnel({ name: "osaka", peer: "198.51.100.7:40000" }),
    aTunnel({ name: "大阪", peer: "[2001:db8::7]:40000", rttMs: undefined, encryption: undefined }),
  ],
  open: 21,
  held: 1,
  drops: [["unknown-session", 1234], ["padi-rate", 5], ["queue-delay", 4], ["loop", 3]],
  refused: [["not-allowed", 2]],
  keys: [
    { name: "osaka", id: "b7dd0777", lastUsedSeconds: 0, tunnels: 1 },
    { name: "kobe", id: "0a1b2c3d", lastUsedSeconds: 7200, tunnels: 0 },
    { name: "tokyo", id: "99887766", lastUsedSeconds: undefined, tunnels: 0 },
  ],
});

function aServerLook(atMs = 0, over: Partial<StatusView> = {}): Look {
  const sessions = [
    aSession({ tunnel: "osaka" }),
    aSession({ id: "0x0012", tunnel: "大阪", state: "held", ageSeconds: 5, fromLink: NOTHING }),
  ];
  const server = aSide({ ...SERVER, ...over }, {
    name: "bras",
    uid: 998,
    sessions: { sessions, total: 22, next: 2 },
  });
  return aLook([server], atMs);
}

Deno.test("render() shows a server with its clients, drops, refusals and keys at 80 columns", () => {
  assertEquals(
    shown(aServerLook()),
    `
server bras on isp0
  health       ok
  interface    isp0, up
  version      0.1.0, running for 1 min 40 s, process 4711, user 998
  clients      2
    name   address              state      rtt  encryption   TCP    link  tunnel
    osaka  198.51.100.7:40000   up     12.5 ms  AES-128-GCM  bbr  1.3 MB  2.5 MB
    大阪   [2001:db8::7]:40000  up           ?  none         bbr  1.3 MB  2.5 MB
  from link    100 kbit/s, 10 frames/s on average; 1.3 MB in 1,000 frames so far
  from tunnel  200 kbit/s, 20 frames/s on average; 2.5 MB in 2,000 frames so far
  dropped      1,234 unknown-session, 5 padi-rate, 4 queue-delay, 3 loop
  refused      2 not-allowed
  sessions     21 open, 1 held
    id      host               AC                 state      age    link  tunnel
    0x0011  02:00:00:00:00:11  02:00:00:00:00:ac  open   3 d 5 h  1.3 MB  2.5 MB
    0x0012  02:00:00:00:00:11  02:00:00:00:00:ac  held       5 s     0 B  2.5 MB
    and 20 more (--all)
  keys         3
    name   key       last use  tunnels
    osaka  b7dd0777       now        1
    kobe   0a1b2c3d   2 h ago        0
    tokyo  99887766     never        0
`,
  );
});

Deno.test("render() shows the peers of sessions at 120 columns", () => {
  const lines = shown(aServerLook(), { width: 120 }).split("\n");
  assertEquals(lines.slice(14, 17), [
    "    id      host               AC                 peer   state      age    link  tunnel",
    "    0x0011  02:00:00:00:00:11  02:00:00:00:00:ac  osaka  open   3 d 5 h  1.3 MB  2.5 MB",
    "    0x0012  02:00:00:00:00:11  02:00:00:00:00:ac  大阪   held       5 s     0 B  2.5 MB",
  ]);
});

Deno.test("render() counts rates since the look before, and shows none for what is new", () => {
  const before = aServerLook();
  before.sides[0].sessions!.sessions.pop();
  const more = { frames: 1003, bytes: 1_375_000 };
  const now = aServerLook(2000, {
    uptimeSeconds: 102,
    fromLink: more,
    tunnels: [aTunnel({ name: "osaka", peer: "198.51.100.7:40000", fromLink: more })],
  });
  now.sides[0].sessions!.sessions[0].fromLink = more;
  const lines = shown(now, { before, width: 120 }).split("\n");
  assertEquals(lines.filter((line) => /link|0x|osaka {2}198/.test(line)), [
    "    name   address             state      rtt  encryption   TCP    link  tunnel      link/s  tunnel/s",
    "    osaka  198.51.100.7:40000  up     12.5 ms  AES-128-GCM  bbr  1.4 MB  2.5 MB  500 kbit/s   0 bit/s",
    "  from link    500 kbit/s, 1.5 frames/s; 1.4 MB in 1,003 frames so far",
    "    id      host               AC                 peer   state      age    link  tunnel      link/s  tunnel/s",
    "    0x0011  02:00:00:00:00:11  02:00:00:00:00:ac  osaka  open   3 d 5 h  1.4 MB  2.5 MB  500 kbit/s   0 bit/s",
    "    0x0012  02:00:00:00:00:11  02:00:00:00:00:ac  大阪   held       5 s     0 B  2.5 MB",
  ]);
  // On a narrow terminal, rates are more telling than sums.
  assertEquals(shown(now, { before }).split("\n").filter((line) => /0x/.test(line)), [
    "    0x0011  02:00:00:00:00:11  open   3 d 5 h  500 kbit/s   0 bit/s",
    "    0x0012  02:00:00:00:00:11  held       5 s",
  ]);
});

Deno.test("render() forgets the look before a restart of the side", () => {
  const before = aServerLook();
  const now = aServerLook(1000, { uptimeSeconds: 0 });
  assertEquals(earlierOf(now.sides[0], before), undefined);
  assertEquals(shown(now, { before }).includes("on average"), true);
});

Deno.test("render() colors what a terminal can show, and no words depend on it", () => {
  const look = aLook([aSide(aClient({ problems: [LINK_DOWN], healthy: false }))]);
  const lines = render(look, { width: 80, style: colored, rows: 20 });
  assertEquals(lines[0], "PROBLEM  \x1b[1;31mInterface lan0 is down\x1b[0m");
  // deno-lint-ignore no-control-regex
  const bare = lines.map((line) => line.replaceAll(/\x1b\[[\d;]*m/g, ""));
  assertEquals(bare, render(look, { width: 80, style: plain, rows: 20 }));
});

Deno.test("render() breaks no line without a width", () => {
  const look = aLook([aSide(aClient({ problems: [LINK_DOWN] }))]);
  const lines = render(look, { width: Infinity, style: plain, rows: 20 });
  assertEquals(lines[1], `Advice   ${LINK_DOWN.advice}`);
});

Deno.test("titleOf() names a side as far as it is known", () => {
  const side = aSide(undefined);
  assertEquals(titleOf(side), "client branch on lan0");
  assertEquals(titleOf({ ...side, name: undefined }), "client on lan0");
  assertEquals(
    titleOf({ ...side, side: undefined, address: "192.0.2.1:9000" }),
    "program at 192.0.2.1:9000",
  );
});

Deno.test("isHealthy() is true only if there is a side, and each answers and does its job", () => {
  const healthy = aSide(aClient());
  assertEquals(isHealthy(aLook([])), false);
  assertEquals(isHealthy(aLook([healthy])), true);
  assertEquals(isHealthy(aLook([healthy, aSide(undefined)])), false);
  assertEquals(isHealthy(aLook([healthy, aSide(aClient({ healthy: false }))])), false);
});
