// Faults made on purpose, with real processes. In each of them the log, /healthz and the status of both sides name
// the fault and the mend, and no other fault, and it ends by itself when it is mended.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { congestionControlFault, inNamespace, readInterface } from "../../ffi/mod.ts";
import type { Station } from "../../src/lab/mod.ts";
import { patient } from "../../src/lab/patience.ts";
import { makeKey } from "../../src/keys/keygen.ts";
import type { ProblemId } from "../../src/problem.ts";
import {
  CODE,
  emitDiscovery,
  ETH_BROADCAST,
  ETH_P_PPP_DISC,
  readCode,
  TAG,
} from "../../src/wire/mod.ts";
import { openSocket } from "../bench/load/packet.ts";
import { Wan } from "../bench/wan/wan.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { type SideProgram, type Sites, type SitesOptions, withSites } from "../support/sites.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");

/** The time within which a fault must be named, in ms. */
const NAMED_MS = patient(15_000);
/** The time after which a problem that was met is over, with some more. */
const OVER_MS = patient(60_000);
/** The time for which hosts dial again, in ms. */
const DIAL_MS = 1000;

/** A fault as one side names it. */
interface Named {
  id: ProblemId;
  /** The words for what is seen, and for the mend. */
  what: RegExp;
  advice: RegExp;
  /** True if the side cannot do its job. */
  blocks: boolean;
}

/** Waits until a side names exactly these problems, and checks the log, /healthz and the status. */
function assertNamed(side: SideProgram, ...named: Named[]): Promise<void> {
  return assertNamedWithin(NAMED_MS, side, named);
}

async function assertNamedWithin(
  timeoutMs: number,
  side: SideProgram,
  named: Named[],
): Promise<void> {
  const ids = named.map(({ id }) => id);
  let seen: string[] = [];
  await until(`${ids.join(" and ") || "nothing"} is named, not ${seen}`, async () => {
    const { problems } = await side.status();
    seen = problems.map(({ id }) => id);
    return seen.join() === ids.join();
  }, timeoutMs).catch((error) => {
    throw new Error(`${error.message}; named are: ${seen.join() || "none"}`);
  });
  const { problems, healthy } = await side.status();
  const { status, body } = await side.get("/healthz");
  const blocked = named.some(({ blocks }) => blocks);
  assertEquals([healthy, status], [!blocked, blocked ? 503 : 200], body);
  const [first, ...lines] = body.trimEnd().split("\n");
  assertEquals(first, blocked ? "not ok" : "ok");
  assertEquals(lines.length, named.length, body);
  for (const { id, what, advice, blocks } of named) {
    const shown = problems.find((problem) => problem.id === id)!;
    assertMatch(shown.what, what);
    assertMatch(shown.advice, advice);
    assertEquals(shown.blocks, blocks);
    assert(body.includes(`${id}: ${shown.what}: ${shown.advice}\n`), body);
    // The log has its own words for an interface that is down.
    if (id === "link-down") await side.untilLine(/WARN.*Interface \w+ is (down|gone)/);
    else await side.untilLine(new RegExp(`WARN.*problem=${id}`));
  }
}

/** Waits until a side names nothing, and has said so in its log. */
async function assertMended(side: SideProgram, ...ids: ProblemId[]): Promise<void> {
  await assertNamedWithin(OVER_MS, side, []);
  for (const id of ids) {
    await side.untilLine(
      id === "link-down"
        ? /INFO.*Interface \w+ is up/
        : new RegExp(`INFO.*Solved: .*problem=${id}`),
    );
  }
}

/** Sends a PADI from a station again and again, as a host does that gets no answer. */
function dials(station: Station): Disposable {
  const send = () =>
    station.send(emitDiscovery({
      destination: ETH_BROADCAST,
      source: station.mac,
      code: CODE.PADI,
      sessionId: 0,
      tags: [
        { type: TAG.SERVICE_NAME, value: new Uint8Array(0) },
        { type: TAG.HOST_UNIQ, value: Uint8Array.of(1, 2, 3, 4) },
      ],
    }));
  send();
  const timer = setInterval(send, DIAL_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Runs a test with both sides and a session, so that nothing is wrong at first. */
async function withSession(
  options: SitesOptions,
  use: (sites: Sites) => Promise<void>,
): Promise<void> {
  await withSites(options, async (sites) => {
    sites.ac();
    await sites.host().dial();
    for (const side of [sites.server, sites.client]) await assertNamed(side);
    await use(sites);
  });
}

const LINK_DOWN: Named = {
  id: "link-down",
  what: /^Interface \w+ is down$/,
  advice: /switched off by the administrator: ip link set \w+ up/,
  blocks: true,
};

testUnless(
  skipped,
  "A client whose cable is out says so, and its server that its hosts cannot dial",
  () =>
    withSession({}, async ({ net, client, server, sites: [{ clientNamespace }] }) => {
      await net.ip(clientNamespace, "link", "set", "lan0", "down");
      await assertNamed(client, LINK_DOWN);
      await assertNamed(server, {
        id: "far-link-down",
        what: /^The interface of client .* is down, so its hosts cannot dial$/,
        advice: /check the cable there/,
        blocks: false,
      });
      await net.ip(clientNamespace, "link", "set", "lan0", "up");
      await assertMended(client, "link-down");
      await assertMended(server, "far-link-down");
    }),
);

testUnless(
  skipped,
  "A server whose cable is out says so, and its client that no AC can be reached",
  () =>
    withSession({}, async ({ net, client, server, serverNamespace }) => {
      await net.ip(serverNamespace, "link", "set", "isp0", "down");
      await assertNamed(server, LINK_DOWN);
      await assertNamed(client, {
        id: "far-link-down",
        what: /^The interface of server .* is down, so no AC can be reached$/,
        advice: /check the cable there/,
        blocks: true,
      });
      await net.ip(serverNamespace, "link", "set", "isp0", "up");
      await assertMended(server, "link-down");
      await assertMended(client, "far-link-down");
    }),
);

testUnless(
  skipped,
  "A client without its server names the server and why it cannot be reached",
  () =>
    withSession({}, async ({ client, server, net, sites: [{ clientNamespace }] }) => {
      await server.end("SIGKILL");
      await assertNamed(client, {
        id: "no-server",
        what: /no tunnel to server 10\.0\.1\.2:\d+, whose machine refuses the connection/,
        advice: /start the server there/,
        blocks: true,
      });
      server.start();
      await assertMended(client, "no-server");
      // Nobody says that the path is cut.
      await net.ip(clientNamespace, "link", "set", "wan0", "down");
      await assertNamed(client, {
        id: "no-server",
        what: /^Server 10\.0\.1\.2:\d+ does not answer any more/,
        advice: /check this machine's connection/,
        blocks: true,
      });
      await net.ip(clientNamespace, "link", "set", "wan0", "up");
      await assertMended(client, "no-server");
      await assertMended(server);
    }),
);

testUnless(
  skipped,
  "A server whose client is away says so, until it is back",
  () =>
    withSession({}, async ({ client, server }) => {
      await client.end("SIGTERM");
      await assertNamed(server, {
        id: "no-client",
        what: /^No client is connected$/,
        advice: /start the client/,
        blocks: false,
      });
      client.start();
      await assertMended(server, "no-client");
    }),
);

/** Runs a test with a directory for its files, which only root can read. */
async function withFiles(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "test-faults-" });
  try {
    Deno.chmodSync(directory, 0o700);
    await use(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Starts both sides, of which the server refuses the client, beside an AC and a host that dials. */
async function withRefused(
  flags: Pick<SitesOptions, "serverFlags" | "clientFlags">,
  use: (sites: Sites) => Promise<void>,
): Promise<void> {
  await withSites({ ...flags, start: false }, async (sites) => {
    const { server, client } = sites;
    sites.ac();
    using _host = dials(sites.hosts);
    server.start();
    client.start();
    await server.untilHealth(200);
    await client.untilHealth(503);
    await use(sites);
  });
}

testUnless(
  skipped,
  "A client that is not on the allow list names that, and the server says which client it refused",
  () =>
    withFiles(async (directory) => {
      const config = `${directory}/server.conf`;
      Deno.writeTextFileSync(config, "allow 192.0.2.1\n", { mode: 0o600 });
      const serverFlags = ["--listen", "0.0.0.0:8863", "--config", config];
      await withRefused({ serverFlags }, async ({ server, client }) => {
        await assertNamed(client, {
          id: "no-server",
          what: /no tunnel to server 10\.0\.1\.2:8863, which (?:closed|reset)/,
          advice: /--allow list/,
          blocks: true,
        });
        await assertNamed(server, {
          id: "no-client",
          what: /a client at 10\.0\.1\.1 was refused: not on the allow list/,
          advice: /--allow/,
          blocks: false,
        });
        Deno.writeTextFileSync(config, "allow 10.0.1.0/24\n");
        server.signal("SIGHUP");
        await assertMended(client, "no-server");
        await assertMended(server, "no-client");
      });
    }),
);

/** Makes a directory with the keys of a client and of a server. */
function keysOf(name: string, directory: string): { serverFile: string; clientFile: string } {
  return makeKey({ name, directory, rotate: false });
}

testUnless(
  skipped,
  "A client with a wrong key names that, and the server says whose key it was",
  () =>
    withFiles(async (directory) => {
      const right = keysOf("osaka", `${directory}/a`);
      const wrong = keysOf("osaka", `${directory}/b`);
      const used = `${directory}/used.key`;
      Deno.copyFileSync(wrong.clientFile, used);
      Deno.chmodSync(used, 0o600);
      await withRefused({
        serverFlags: ["--listen", "0.0.0.0:8863", "--key-file", right.serverFile],
        clientFlags: ["--connect", "10.0.1.2:8863", "--key-file", used],
      }, async ({ server, client }) => {
        await assertNamed(client, {
          id: "server-refuses",
          what: /^Server 10\.0\.1\.2:8863 does not accept the key osaka$/,
          advice: /keygen --rotate/,
          blocks: true,
        });
        await assertNamed(server, {
          id: "no-client",
          what: /a client at 10\.0\.1\.1 was refused: .*key/,
          advice: /compare its key/,
          blocks: false,
        });
        Deno.writeFileSync(used, Deno.readFileSync(right.clientFile));
        client.signal("SIGHUP");
        await assertMended(client, "server-refuses");
        await assertMended(server, "no-client");
      });
    }),
);

testUnless(
  skipped,
  "A client with a key beyond the server's limit is told so",
  () =>
    withFiles(async (directory) => {
      const { serverFile, clientFile } = keysOf("osaka", `${directory}/a`);
      const line = Deno.readTextFileSync(serverFile).trimEnd();
      Deno.writeTextFileSync(serverFile, `${line} allow=192.0.2.7\n`);
      await withRefused({
        serverFlags: ["--listen", "0.0.0.0:8863", "--key-file", serverFile],
        clientFlags: ["--connect", "10.0.1.2:8863", "--key-file", clientFile],
      }, async ({ server, client }) => {
        await assertNamed(client, {
          id: "server-refuses",
          what: /does not allow this client and says "its address is not one that its key allows/,
          advice: /key's line in the server's key file/,
          blocks: true,
        });
        await assertNamed(server, {
          id: "no-client",
          what: /was refused: its address is not one that its key allows/,
          advice: /line of its key/,
          blocks: false,
        });
        Deno.writeTextFileSync(serverFile, `${line}\n`);
        server.signal("SIGHUP");
        await assertMended(client, "server-refuses");
        await assertMended(server, "no-client");
      });
    }),
);

testUnless(
  skipped,
  "Swapped sides are named at both sides, and end when the AC is where it should be",
  () =>
    withSites({}, async (sites) => {
      const { server, client } = sites;
      {
        // The hosts are at the server, and the AC is at the client.
        using _hosts = dials(sites.acs);
        await assertNamed(server, {
          id: "sides-swapped",
          what:
            /^Hosts dial on isp0 .* client and server are swapped, or isp0 is the wrong interface$/,
          advice: /run the server on the machine beside the AC/,
          blocks: true,
        });
        await assertNamed(client, {
          id: "sides-swapped",
          what: /^The interface of server .* leads to hosts instead of an AC/,
          advice: /run the server on the machine beside the AC/,
          blocks: true,
        });
        // Neither side takes what it was told for something that the other one has found.
        await until("more PADIs were sent", () => sites.acs.log.count("out", CODE.PADI) > 8);
        for (const side of [server, client]) assertEquals(side.matching(/reports:/), []);
      }
      sites.ac();
      using _right = dials(sites.hosts);
      await assertMended(server, "sides-swapped");
      await assertMended(client, "sides-swapped");
    }),
);

testUnless(
  skipped,
  "A server beside hosts and an AC says nothing",
  () =>
    withSession({}, async (sites) => {
      using _neighbour = dials(sites.acs);
      const { acs } = sites;
      await until("some PADIs were sent", () => acs.log.count("out", CODE.PADI) > 5);
      await assertNamed(sites.server);
      await assertNamed(sites.client);
    }),
);

testUnless(
  skipped,
  "A client on an interface without hosts says so, until the first one dials",
  () =>
    withSites({}, async (sites) => {
      sites.ac();
      await assertNamed(sites.client, {
        id: "quiet-link",
        what: /^No PPPoE frame has come from lan0 since the start/,
        advice: /--interface/,
        blocks: false,
      });
      await assertNamed(sites.server);
      await sites.host().dial();
      await assertMended(sites.client, "quiet-link");
    }),
);

testUnless(
  skipped,
  "An interface whose MTU is too small is named, and the other side told",
  () =>
    withSession({}, async ({ net, client, server, sites: [{ clientNamespace }] }) => {
      await net.ip(clientNamespace, "link", "set", "lan0", "mtu", "1400");
      await assertNamed(client, {
        id: "small-mtu",
        what: /^Interface lan0 has an MTU of 1400, so sessions carry at most 1392 bytes$/,
        advice: /ip link set lan0 mtu 1500/,
        blocks: false,
      });
      await assertNamed(server, {
        id: "far-problem",
        what: /^Client .* reports: the MTU of its interface is too small$/,
        advice: /see the log or the status of that side/,
        blocks: false,
      });
      await net.ip(clientNamespace, "link", "set", "lan0", "mtu", "1500");
      await assertMended(client, "small-mtu");
      await assertMended(server, "far-problem");
    }),
);

/** Returns the words of a side for a problem at the other one. */
function reported(who: "Server" | "Client", title: string): Named {
  return {
    id: "far-problem",
    what: new RegExp(`^${who} .* reports: ${title}$`),
    advice: /see the log or the status of that side/,
    blocks: false,
  };
}

testUnless(
  skipped,
  "A macvlan in the wrong mode is named with the mode that works",
  () =>
    withSession({ link: "passthru", flags: ["--mac", "transparent"] }, async (sites) => {
      const { net, client, server, sites: [{ clientNamespace: namespace }] } = sites;
      const replace = async (mode: "bridge" | "passthru") => {
        await net.ip(namespace, "link", "del", "mv0");
        await net.macvlan({ namespace, name: "mv0" }, "lan0", mode);
      };
      await replace("bridge");
      await assertNamed(client, {
        id: "macvlan-mode",
        what: /^Cannot capture on mv0 .*: it is a macvlan in bridge mode, which never gets frames/,
        advice: /^use --mac own, or make it with mode passthru$/,
        blocks: true,
      });
      await assertNamed(server, {
        id: "far-link-down",
        what: /^The interface of client .* is down/,
        advice: /the log or the status of that side/,
        blocks: false,
      }, reported("Client", "its macvlan is in the wrong mode"));
      await replace("passthru");
      await assertMended(client, "macvlan-mode");
      await assertMended(server, "far-link-down", "far-problem");
    }),
);

/** Opens a socket for discovery, as pppd and pppoe-server do. */
function pppoeSocket(namespace: string, name: string): number {
  return inNamespace(namespace, () => openSocket(readInterface(name)!, ETH_P_PPP_DISC));
}

testUnless(
  skipped,
  "A pppd on the client's own interface is named, with the veth pair that it needs",
  () =>
    withSession({}, async ({ net, client, server, sites: [{ clientNamespace }] }) => {
      const pppd = pppoeSocket(net.path(clientNamespace), "lan0");
      try {
        await assertNamed(client, {
          id: "local-pppd",
          what: /^A PPPoE program of this machine uses lan0 too, and this client cannot hear it/,
          advice: /one end of a veth pair/,
          blocks: false,
        });
        await assertNamed(
          server,
          reported("Client", "a PPPoE program of its own machine uses its interface"),
        );
      } finally {
        libc.close(pppd);
      }
      await assertMended(client, "local-pppd");
      await assertMended(server, "far-problem");
    }),
);

testUnless(
  skipped,
  "Another PPPoE program on the server's interface is named",
  () =>
    withSession({}, async ({ net, client, server, serverNamespace }) => {
      const other = pppoeSocket(net.path(serverNamespace), "isp0");
      try {
        await assertNamed(server, {
          id: "other-pppoe",
          what: /^Another PPPoE program of this machine uses isp0/,
          advice: /one end of a veth pair/,
          blocks: false,
        });
        await assertNamed(client, reported("Server", "another PPPoE program uses its interface"));
      } finally {
        libc.close(other);
      }
      await assertMended(server, "other-pppoe");
      await assertMended(client, "far-problem");
    }),
);

testUnless(
  skipped,
  "Joined segments are named as a loop at both sides",
  () =>
    withSession({}, async ({ acs, hosts, client, server }) => {
      // The PADIs that the server sends on its segment come to that of the hosts as well.
      const separate = acs.listen((frame) => {
        if (readCode(frame) === CODE.PADI) hosts.send(frame);
      });
      using _host = dials(hosts);
      await assertNamed(server, {
        id: "loop",
        what: /so the two Ethernet segments are joined$/,
        advice: /separate the segment of the hosts from that of the AC/,
        blocks: false,
      });
      await assertNamed(
        client,
        reported("Server", "a PADI came back to it, so the two segments are joined"),
      );
      separate();
    }),
);

const CUBIC = ["cubic", "reno"].find((name) => congestionControlFault(name) === 0);
const noCubic = skipped ?? (CUBIC === undefined ? "no cubic" : undefined);

testUnless(
  noCubic,
  "A path with losses under cubic is named as that, and not as slow",
  () =>
    withSites({ start: false, flags: ["--congestion", CUBIC!] }, async (sites) => {
      const { net, client, server, serverNamespace, sites: [{ clientNamespace }] } = sites;
      const middle = await net.namespace("wan");
      await net.ip(clientNamespace, "link", "del", "wan0");
      for (
        const [namespace, name, far, address] of [
          [clientNamespace, "wan0", "down0", "10.0.1.1/24"],
          [serverNamespace, "wan1", "up0", "10.0.1.2/24"],
        ]
      ) {
        await net.veth({ namespace, name }, { namespace: middle, name: far });
        await net.ip(middle, "link", "set", far, "mtu", "9000");
        await net.ip(namespace, "link", "set", name, "gso_max_segs", "1");
        await net.ip(namespace, "address", "add", address, "dev", name);
      }
      const wan = await Wan.start({
        namespace: net.path(middle),
        interfaces: ["down0", "up0"],
        options: { delayMs: 10, lossPercent: 3, mbit: 50 },
      });
      try {
        await sites.start();
        sites.ac();
        const host = sites.host();
        await host.dial();
        let isOn = true;
        const traffic = (async () => {
          while (isOn) await host.exchange({ frames: 500, payloadLength: () => 1200 });
        })();
        const lossy: Named = {
          id: "congestion-control",
          what: new RegExp(`^The path to .* loses packets, and the congestion control ${CUBIC}`),
          advice: /modprobe tcp_bbr/,
          blocks: false,
        };
        await assertNamed(client, lossy);
        await assertNamed(server, lossy);
        isOn = false;
        await traffic;
        await assertMended(client, "congestion-control");
        await assertMended(server, "congestion-control");
      } finally {
        await wan.stop();
      }
    }),
);

testUnless(
  skipped,
  "A side that stops does not call its problems solved",
  () =>
    withSites({ start: false }, async ({ client }) => {
      client.start();
      await client.untilLine(/WARN.*problem=no-server/);
      assertEquals((await client.end("SIGTERM")).code, 0);
      assertEquals(client.matching(/Solved/), []);
    }),
);
