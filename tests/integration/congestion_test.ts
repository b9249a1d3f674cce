// Congested tunnels, which take less than the link delivers.

import { assert, assertEquals } from "@std/assert";
import type { CounterValues } from "../../src/observe/status.ts";
import { LCP_CODE, PPP_PROTOCOL } from "../../src/wire/mod.ts";
import { withSites } from "../support/sites.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { TwoPlanes } from "../support/two_planes.ts";
import { until } from "../support/until.ts";

const noNet = whyNot("linux", "root", "iproute2", "namespaces");
const noTbf = noNet ?? (hasProgram("tc") ? undefined : "no tc");

/** The frames per millisecond, 290 Mbit/s; the server reads 16 KiB of them, 131 Mbit/s. */
const OFFERED = 24;
const READ_BYTES = 16 * 1024;
const MILLISECONDS = 1500;

function dropped({ drops }: CounterValues): number {
  return drops["tunnel-full"] + drops["queue-delay"] + drops.kernel;
}

testUnless(
  noNet,
  "DataPlane drops data, but no control frames, when the tunnel is congested",
  async () => {
    await using planes = await TwoPlanes.make({ server: { readBytes: READ_BYTES } });
    const [session] = planes.open(1);
    planes.hosts.prepare([planes.fromHost(session, 1514)]);
    const echo = planes.fromHost(session, 60, PPP_PROTOCOL.LCP);
    echo[22] = LCP_CODE.ECHO_REQUEST;
    let [sent, control, data, echoes] = [0, 0, 0, 0];
    const startMs = performance.now();
    for (let ms = 0; ms < MILLISECONDS; ms++) {
      planes.hosts.burst(OFFERED);
      sent += OFFERED;
      if (ms % 10 === 0) {
        planes.hosts.send(echo);
        echoes++;
      }
      planes.server.step(0);
      do planes.client.step(0); while (performance.now() < startMs + ms + 1);
      data += planes.acs.takeData();
      control += planes.acs.takeControl().length;
    }
    const counters = planes.counters.client.read();
    assert(counters.drops["queue-delay"] > 0, `dropped: ${JSON.stringify(counters.drops)}`);
    // Continue until all accepted frames have arrived, and the kernel's drops are counted.
    const accounted = () => data + dropped(planes.counters.client.read());
    const endMs = performance.now() + 5000;
    while ((accounted() < sent || control < echoes) && performance.now() < endMs) {
      planes.step();
      data += planes.acs.takeData();
      control += planes.acs.takeControl().length;
    }
    assertEquals(control, echoes);
    assertEquals(accounted(), sent);
    assert(data > MILLISECONDS * READ_BYTES / 1514 / 2, `${data} frames of data arrived`);
  },
);

testUnless(
  noNet,
  "DataPlane drops data that has waited in the ring for seconds, and carries fresh data",
  async () => {
    await using planes = await TwoPlanes.make();
    const [session] = planes.open(1);
    planes.hosts.prepare([planes.fromHost(session, 100)]);
    planes.hosts.burst(50);
    // Frames only grow old while time passes, so this wait is real.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    planes.client.step(0);
    assertEquals(planes.counters.client.read().drops["queue-delay"], 50);
    planes.hosts.burst(10);
    await until("the fresh frames have arrived", () => {
      planes.step();
      return planes.acs.takeData() === 10;
    });
  },
);

testUnless(
  noTbf,
  "Server drops only a slow client's data, and delays neither its control frames nor the other client",
  () =>
    withSites({ clients: 2 }, async (sites) => {
      const [slow, fast] = sites.sites;
      // Limit the path from the server to the first client to 5 Mbit/s, behind a short queue.
      const shape = ["tbf", "rate", "5mbit", "burst", "8kb", "latency", "20ms"];
      const args = ["-n", sites.serverNamespace, "qdisc", "add", "dev", slow.wan, "root", ...shape];
      assert((await new Deno.Command("tc", { args }).output()).success);
      const ac = sites.ac({ data: "count" });
      const ids: number[] = [];
      const received = [0, 0];
      const hosts = [];
      for (const [i, site] of [slow, fast].entries()) {
        const host = sites.host({ mac: Uint8Array.of(2, 0, 0, 0, 0xcc, i) }, site);
        await host.dial();
        host.onData = () => void received[i]++;
        hosts.push(host);
        ids.push([...ac.sessions.keys()].at(-1)!);
      }
      const payload = new Uint8Array(1400);
      const echoes: Promise<number>[] = [];
      let sent = 0;
      // Send 56 Mbit/s to the first client and 6 Mbit/s to the other one for a second.
      for (let round = 0; round < 100; round++) {
        for (let i = 0; i < 50; i++) ac.send(ids[0], payload);
        for (let i = 0; i < 5; i++, sent++) ac.send(ids[1], payload);
        if (round % 10 === 0) echoes.push(hosts[0].echo());
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assertEquals((await Promise.all(echoes)).length, 10);
      await until("the other client has all of its data", () => received[1] === sent);
      const drops = await sites.server.drops();
      const lost = (drops["queue-delay"] ?? 0) + (drops["tunnel-full"] ?? 0);
      assert(lost > 1000, `dropped: ${JSON.stringify(drops)}`);
      assert(received[0] > 200, `${received[0]} frames got through to the slow client`);
    }),
);
