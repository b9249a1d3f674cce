import { assertEquals, assertRejects } from "@std/assert";
import { SimulatedAc } from "../../../src/lab/ac.ts";
import type { AcOptions } from "../../../src/lab/ac_protocol.ts";
import { DialError, SimulatedHost } from "../../../src/lab/host.ts";
import type { HostOptions } from "../../../src/lab/host_protocol.ts";
import { CODE, parseMac, parseSession, readCode, TAG } from "../../../src/wire/mod.ts";
import { MemorySegment } from "./memory_segment.ts";

const HOST = parseMac("00:00:5e:00:53:01");
const AC = parseMac("00:00:5e:00:53:a1");

interface Bench {
  segment: MemorySegment;
  host: SimulatedHost;
  ac: SimulatedAc;
}

async function withBench(
  options: { host?: Partial<HostOptions>; ac?: Partial<AcOptions> },
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  const segment = new MemorySegment();
  const host = new SimulatedHost(segment.attach(), { mac: HOST, retryMs: 10, ...options.host });
  const ac = new SimulatedAc(segment.attach(), { mac: AC, name: "bras1", ...options.ac });
  try {
    await use({ segment, host, ac });
  } finally {
    host.close();
    ac.close();
  }
}

Deno.test("SimulatedHost.dial() opens a session that the AC has too", () =>
  withBench({}, async ({ host, ac }) => {
    const session = await host.dial();
    assertEquals(session.sessionId, 1);
    assertEquals(session.acName, "bras1");
    assertEquals(ac.sessions.get(1)?.host, HOST);
  }));

Deno.test("SimulatedHost.dial() succeeds when the first copy of each packet is lost", () =>
  withBench({}, async ({ segment, host, ac }) => {
    const seen = new Set<number>();
    segment.carry = (frame) => {
      const first = !seen.has(readCode(frame));
      seen.add(readCode(frame));
      return first ? [] : [frame];
    };
    await host.dial();
    assertEquals(seen, new Set<number>([CODE.PADI, CODE.PADO, CODE.PADR, CODE.PADS]));
    assertEquals(ac.sessions.size, 1);
  }));

Deno.test("SimulatedHost.dial() opens one session when every packet arrives twice", () =>
  withBench({}, async ({ segment, host, ac }) => {
    segment.carry = (frame) => [frame, frame];
    await host.dial();
    assertEquals(ac.sessions.size, 1);
  }));

Deno.test("SimulatedHost.dial() rejects with the AC's message when the AC refuses", () =>
  withBench(
    { ac: { refusal: { tag: TAG.AC_SYSTEM_ERROR, text: "no ports left" } } },
    async ({ host }) => {
      const error = await assertRejects(() => host.dial(), DialError, "refused: no ports left");
      assertEquals(error.refusal?.tag, TAG.AC_SYSTEM_ERROR);
    },
  ));

Deno.test("SimulatedHost.dial() rejects when nothing answers", () =>
  withBench({ host: { attempts: 2 }, ac: { ignore: () => true } }, async ({ host }) => {
    await assertRejects(() => host.dial(), DialError, "no answer to PADI");
  }));

Deno.test("SimulatedHost.dial() rejects when the host hangs up meanwhile", () =>
  withBench({ ac: { ignore: () => true } }, async ({ host }) => {
    const dialling = host.dial();
    host.hangUp();
    await assertRejects(() => dialling, DialError, "the host hung up");
  }));

Deno.test("SimulatedHost.exchange() gets every payload back", () =>
  withBench({}, async ({ host }) => {
    await host.dial();
    const result = await host.exchange({ frames: 100, payloadLength: (number) => 8 + number });
    assertEquals(result.returned, 100);
    assertEquals(result.rttMs.length, 100);
    assertEquals(result.lost + result.corrupted + result.repeated, 0);
  }));

Deno.test("SimulatedHost.exchange() counts lost and changed payloads", () =>
  withBench({}, async ({ segment, host }) => {
    await host.dial();
    let frames = 0;
    segment.carry = (frame) => {
      if (++frames === 1) return [];
      if (frames === 2) frame[frame.length - 1] ^= 0x80;
      return [frame];
    };
    const result = await host.exchange({ frames: 10, window: 2, timeoutMs: 20 });
    assertEquals([result.returned, result.lost, result.corrupted], [8, 1, 1]);
  }));

Deno.test("SimulatedHost.exchange() ends when the AC hangs up", () =>
  withBench({ ac: { data: "count" } }, async ({ host, ac }) => {
    const { sessionId } = await host.dial();
    const exchanging = host.exchange({ frames: 10, window: 2, timeoutMs: 60_000 });
    ac.hangUp(sessionId);
    assertEquals((await exchanging).lost, 2);
  }));

Deno.test("SimulatedHost.echo() is answered by the AC", () =>
  withBench({}, async ({ host }) => {
    await host.dial();
    const [first, second] = await Promise.all([host.echo(), host.echo()]);
    assertEquals([first, second].every((rttMs) => rttMs >= 0), true);
  }));

Deno.test("SimulatedHost.echo() rejects when no reply arrives", () =>
  withBench({}, async ({ segment, host }) => {
    await host.dial();
    segment.carry = () => [];
    await assertRejects(() => host.echo(10), Error, "none arrived within 10 ms");
  }));

Deno.test("SimulatedHost.hangUp() ends the session on both sides", () =>
  withBench({}, async ({ host, ac }) => {
    await host.dial();
    host.hangUp();
    assertEquals(await host.closed(), "host");
    assertEquals(ac.closed.map(({ closedBy }) => closedBy), ["host"]);
    await assertRejects(() => host.echo(), Error, "Cannot send: the session is closed");
  }));

Deno.test("SimulatedAc.hangUp() ends the session on both sides", () =>
  withBench({}, async ({ host, ac }) => {
    const { sessionId } = await host.dial();
    ac.hangUp(sessionId);
    assertEquals(await host.closed(), "ac");
  }));

Deno.test("SimulatedHost.onFrame() hides a frame from the host by returning true", () =>
  withBench({}, async ({ host, ac }) => {
    const { sessionId } = await host.dial();
    const kept = Promise.withResolvers<Uint8Array>();
    host.onData = () => assertEquals("data reached the host", "");
    host.onFrame = (frame) => {
      kept.resolve(frame);
      return true;
    };
    ac.send(sessionId, new Uint8Array(10));
    assertEquals(parseSession(await kept.promise)?.payload, new Uint8Array(10));
  }));

Deno.test("SimulatedHost.dial() distinguishes hosts with one MAC address by Host-Uniq", async () => {
  const segment = new MemorySegment();
  const wire = segment.attach();
  const ac = new SimulatedAc(segment.attach(), { mac: AC, name: "bras1" });
  const hosts = [1, 2, 3].map((n) =>
    new SimulatedHost(wire, { mac: HOST, hostUniq: new Uint8Array([n]) })
  );
  const sessions = await Promise.all(hosts.map((host) => host.dial()));
  assertEquals(sessions.map(({ sessionId }) => sessionId), [1, 2, 3]);
  const results = await Promise.all(hosts.map((host) => host.exchange({ frames: 20 })));
  assertEquals(results.map(({ returned }) => returned), [20, 20, 20]);
  for (const station of [...hosts, ac]) station.close();
});

Deno.test("SimulatedHost.offers holds one from each AC when there are two", async () => {
  const segment = new MemorySegment();
  const acs = ["bras1", "bras2"].map((name, n) =>
    new SimulatedAc(segment.attach(), { mac: AC.with(5, n), name })
  );
  const host = new SimulatedHost(segment.attach(), {
    mac: HOST,
    offerWaitMs: 5,
    choose: (offers) => offers.find(({ acName }) => acName === "bras2")!,
  });
  const session = await host.dial();
  assertEquals(host.offers.map(({ acName }) => acName), ["bras1", "bras2"]);
  assertEquals(session.acName, "bras2");
  assertEquals(acs.map((ac) => ac.sessions.size), [0, 1]);
  for (const station of [...acs, host]) station.close();
});
