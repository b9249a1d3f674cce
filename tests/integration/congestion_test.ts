// Tunnels that take less than the link gives.

import { assert, assertEquals } from "@std/assert";
import type { CounterValues } from "../../src/observe/status.ts";
import { LCP_CODE, PPP_PROTOCOL } from "../../src/wire/mod.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { TwoPlanes } from "../support/two_planes.ts";

const noNet = whyNot("linux", "root", "iproute2", "namespaces");

/** What each millisecond brings: 290 Mbit/s, of which the server reads 16 KiB, 131 Mbit/s. */
const OFFERED = 24;
const READ_BYTES = 16 * 1024;
const MILLISECONDS = 1500;

function dropped({ drops }: CounterValues): number {
  return drops["tunnel-full"] + drops["queue-delay"] + drops.kernel;
}

testUnless(
  noNet,
  "DataPlane drops data and no control frame when the tunnel takes less than the link gives",
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
    // The planes go on until all that was taken has arrived, and the kernel's drops are counted.
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
