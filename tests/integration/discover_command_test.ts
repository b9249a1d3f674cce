// The subcommand `discover` between real interfaces, with simulated ACs.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { FoundAc } from "../../src/discover/ac_search.ts";
import { SimulatedAc, Station } from "../../src/lab/mod.ts";
import {
  CODE,
  emitDiscovery,
  findTag,
  formatMac,
  maxPayloadTag,
  parseDiscovery,
  parseMac,
  TAG,
  textTag,
} from "../../src/wire/mod.ts";
import { TestNet } from "../support/namespaces.ts";
import { withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const [FIRST, SECOND] = ["02:00:00:00:ac:01", "02:00:00:00:ac:02"];

interface Said {
  code: number;
  out: string;
  err: string;
}

/** Runs `discover` in a namespace. */
async function discover(namespace: string, ...args: string[]): Promise<Said> {
  const { code, stdout, stderr } = await new Deno.Command("ip", {
    args: ["netns", "exec", namespace, Deno.execPath(), "run", "-A", MAIN, "discover", ...args],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

/** A machine with an interface `eth1`, and a segment with ACs at its other end. */
interface Line {
  net: TestNet;
  here: string;
  there: string;
  station: Station;
}

async function withLine(use: (line: Line) => Promise<void>): Promise<void> {
  await using net = await TestNet.make("discover");
  const [here, there] = [await net.namespace("here"), await net.namespace("there")];
  await net.veth({ namespace: here, name: "eth1" }, { namespace: there, name: "acs" });
  const station = Station.open({ namespace: net.path(there), interface: "acs" });
  try {
    await use({ net, here, there, station });
  } finally {
    await station.close();
  }
}

testUnless(
  skipped,
  "discover shows two ACs with their services, tags and delays",
  () =>
    withLine(async ({ here, station }) => {
      new SimulatedAc(station, {
        mac: parseMac(FIRST),
        name: "ac-1",
        services: ["internet", "voip"],
        extraTags: [maxPayloadTag(1500)],
      });
      new SimulatedAc(station, { mac: parseMac(SECOND), name: "ac\x1b[2J-2", cookie: "none" });
      const { code, out, err } = await discover(here, "--interface", "eth1", "--wait", "1");
      assertEquals([code, err], [0, ""], out);
      assertEquals(out.replace(/ +\d+(\.\d)? ms/g, " N ms").split("\n").slice(1), [
        "ac-1      02:00:00:00:ac:01 N ms  internet, voip",
        "  cookie, PPP-Max-Payload 1500",
        "ac\ufffd[2J-2  02:00:00:00:ac:02 N ms  internet",
        "  no cookie",
        "",
      ]);
      const json = await discover(here, "--interface", "eth1", "--wait", "1", "--json");
      const acs: FoundAc[] = JSON.parse(json.out);
      assertEquals([json.code, json.err], [0, ""]);
      assertEquals(acs.map(({ delayMs, ...ac }) => ({ ...ac, isSoon: delayMs < 1000 })), [
        {
          ...{ name: "ac-1", mac: FIRST, offer: true, services: ["", "internet", "voip"] },
          ...{ cookie: true, relaySessionId: false, maxPayload: 1500, hostUniq: true },
          ...{ errors: [], otherTags: [], isSoon: true },
        },
        {
          ...{ name: "ac\ufffd[2J-2", mac: SECOND, offer: true, services: ["", "internet"] },
          ...{ cookie: false, relaySessionId: false, maxPayload: null, hostUniq: true },
          ...{ errors: [], otherTags: [], isSoon: true },
        },
      ]);
      // Each PADI was answered, and nothing was opened.
      const padis = station.log.frames.flatMap(({ bytes }) => {
        const packet = parseDiscovery(bytes);
        return packet?.code === CODE.PADI ? [findTag(packet.tags, TAG.HOST_UNIQ)!.value] : [];
      });
      assertEquals(padis.length, 6);
      assertEquals(new Set(padis.map((value) => value.toHex())).size, 6);
      assertEquals(new Set(padis.map((value) => value.subarray(0, 8).toHex())).size, 2);
    }),
);

testUnless(
  skipped,
  "discover shows the text of an AC that refuses, and fails",
  () =>
    withLine(async ({ here, station }) => {
      const ac = new SimulatedAc(station, { mac: parseMac(FIRST), name: "ac-1" });
      ac.onFrame = (frame) => {
        const packet = parseDiscovery(frame)!;
        const asked = findTag(packet.tags, TAG.SERVICE_NAME)!;
        station.send(emitDiscovery({
          destination: packet.source,
          source: ac.mac,
          code: CODE.PADO,
          sessionId: 0,
          tags: [
            asked,
            textTag(TAG.AC_NAME, "ac-1"),
            findTag(packet.tags, TAG.HOST_UNIQ)!,
            textTag(TAG.SERVICE_NAME_ERROR, `no ${new TextDecoder().decode(asked.value)} here\n`),
          ],
        }));
        return true;
      };
      const args = ["--interface", "eth1", "--service", "voip", "--wait", "1"];
      const { code, out, err } = await discover(here, ...args);
      assertEquals(code, 1, out);
      assertMatch(out, /^ac-1 {2}02:00:00:00:ac:01 {2}\S+ ms {2}refuses$/m);
      assertStringIncludes(out, "\n  Service-Name-Error: no voip here\ufffd\n");
      assertEquals(
        err,
        "pppoe-proxy: No AC on eth1 offers a session; each answers with an error\n",
      );
    }),
);

testUnless(
  skipped,
  "discover says what to check if no AC answers, and what it has seen",
  () =>
    withLine(async ({ net, here, station }) => {
      const args = ["--interface", "eth1", "--wait", "1"];
      const silent = await discover(here, ...args, "--json");
      assertEquals([silent.code, silent.out], [1, "[]\n"]);
      assertMatch(
        silent.err,
        /^pppoe-proxy: No AC answers on eth1, asked 3 times in 1 s; check .*cable.*VLAN.*\n$/,
      );
      const other = await discover(here, ...args, "--service", "voip");
      assertMatch(other.err, /; or no AC has that service, so try it without --service\n$/);

      // An AC that is on VLAN 7 only: its answers have a tag.
      station.listen((frame) => {
        if (parseDiscovery(frame)?.code !== CODE.PADI) return;
        const tag = [0x81, 0x00, 0x00, 0x07];
        station.send(Uint8Array.of(...frame.subarray(0, 12), ...tag, ...frame.subarray(12)));
      });
      const vlan = await discover(here, ...args);
      assertMatch(vlan.err, /Frames of VLAN 7 come to eth1.*ip link add link eth1 name eth1\.7/);

      await net.ip(here, "link", "set", "eth1", "down");
      const down = await discover(here, ...args);
      assertEquals([down.code, down.out], [1, ""]);
      assertMatch(down.err, /eth1 is down, switched off by the administrator: ip link set eth1 up/);
    }),
);

testUnless(
  skipped,
  "discover without a usable interface names those that there are",
  () =>
    withLine(async ({ net, here }) => {
      const see = "; see pppoe-proxy discover --help\n";
      const fault = async (...args: string[]) => {
        const { code, out, err } = await discover(here, ...args);
        assertEquals([code, out], [2, ""]);
        return err;
      };
      assertEquals(
        await fault(),
        `pppoe-proxy: --interface is missing; for example pppoe-proxy discover --interface eth1 (up: eth1)${see}`,
      );
      assertEquals(
        await fault("--interface", "eth9"),
        `pppoe-proxy: Cannot use --interface "eth9": there is no such interface (up: eth1)${see}`,
      );
      assertEquals(
        await fault("--interface", "lo"),
        `pppoe-proxy: Cannot use --interface "lo": it is not an Ethernet interface (up: eth1)${see}`,
      );
      assertMatch(await fault("--interface", "eth1", "--wait", "11"), /from 1 to 10, not "11"/);
      const long = await fault("--interface", "eth1", "--service", "x".repeat(256));
      assertMatch(long, /--service is 256 bytes long; the maximum is 255/);
      await net.ip(here, "link", "set", "eth1", "down");
      assertMatch(await fault(), /--interface eth1 \(here, but down: eth1\)/);
      await net.ip(here, "link", "del", "eth1");
      assertMatch(await fault(), /this machine has no Ethernet interface/);
    }),
);

testUnless(
  skipped,
  "discover finds the AC beside a running server, which goes on as before",
  () =>
    withSites({}, async (sites) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      const args = ["--interface", sites.serverInterface, "--wait", "1", "--json"];
      const { code, out } = await discover(sites.serverNamespace, ...args);
      const acs: FoundAc[] = JSON.parse(out);
      assertEquals([code, acs.length], [0, 1]);
      const { returned } = await host.exchange({ frames: 20 });
      assertEquals(returned, 20);
      const status = await sites.server.status();
      assertEquals([status.healthy, status.problems], [true, []]);
      assertEquals(await sites.server.drops(), { "unknown-host-uniq": 3 });
      assertEquals(sites.server.matching(/WARN|ERROR/), []);
    }),
);

testUnless(
  skipped,
  "discover --through finds the ACs beyond the tunnel of a running client",
  () =>
    withSites({ flags: ["--mac", "own"] }, async (sites) => {
      const [{ clientNamespace }] = sites.sites;
      const ac = sites.ac({ name: "bras", services: ["internet"] });
      const host = sites.host();
      await host.dial();
      const before = await sites.client.status();
      const { code, out, err } = await discover(
        clientNamespace,
        "--through",
        "--wait",
        "1",
        "--json",
      );
      assertEquals([code, err], [0, ""], out);
      const acs: FoundAc[] = JSON.parse(out);
      assertEquals(acs.map(({ name, mac, offer }) => ({ name, mac, offer })), [
        { name: "bras", mac: formatMac(ac.mac), offer: true },
      ]);
      // The link of the host has seen nothing, and nothing has changed.
      assertEquals((await host.exchange({ frames: 20 })).returned, 20);
      const after = await sites.client.status();
      assertEquals([after.problems, after.dials], [[], before.dials]);
      assertEquals([after.drops, after.sessions.length], [before.drops, 1]);
      assertEquals(host.protocol.mismatches, 0);

      const named = ["--through", "--interface", sites.clientInterface, "--wait", "1"];
      const table = await discover(clientNamespace, ...named);
      assertMatch(table.out, /^bras +\S+ +\S+ ms {2}internet\n {2}cookie\n$/m);
      const missing = await discover(clientNamespace, ...named, "--service", "none");
      assertEquals([missing.code, missing.out], [1, ""]);
      assertMatch(
        missing.err,
        /No AC answers beyond the tunnel of the client on \w+, asked 3 times in 1 s; look on .*without --service\n$/,
      );
      const here = await discover(sites.serverNamespace, "--through");
      assertEquals(here.code, 1);
      assertMatch(
        here.err,
        /No client runs here, .*; the server on (\w+) has its ACs there: pppoe-proxy discover --interface \1\n$/,
      );
      // On the hosts' link it says how to ask.
      const onLink = await discover(clientNamespace, ...named.slice(1));
      assertMatch(
        onLink.err,
        /a client runs on \w+, .*: pppoe-proxy discover --through --interface \w+\n$/,
      );

      await sites.server.end("SIGTERM");
      await sites.client.untilStatus(
        "the tunnel is gone",
        ({ tunnels }) => tunnels.every(({ state }) => state !== "up"),
      );
      const cut = await discover(clientNamespace, ...named);
      assertEquals(cut.code, 1);
      assertMatch(
        cut.err,
        /Cannot ask through the client on \w+: There is no tunnel to a server\n$/,
      );
    }),
);
