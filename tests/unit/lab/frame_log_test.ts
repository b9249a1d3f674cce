import { assertEquals, assertRejects } from "@std/assert";
import { FrameLog } from "../../../src/lab/frame_log.ts";
import {
  CODE,
  emitDiscovery,
  emitSession,
  ETH_BROADCAST,
  parseMac,
  PPP_PROTOCOL,
  readCode,
} from "../../../src/wire/mod.ts";

const source = parseMac("00:00:5e:00:53:01");

function discovery(code: number): Uint8Array {
  return emitDiscovery({ destination: ETH_BROADCAST, source, code, sessionId: 0, tags: [] });
}

function session(protocol: number): Uint8Array {
  const payload = new Uint8Array(4);
  return emitSession({ destination: source, source, sessionId: 1, protocol, payload });
}

Deno.test("FrameLog.add() counts all frames and keeps only control frames", () => {
  const log = new FrameLog();
  log.add("out", discovery(CODE.PADI));
  log.add("in", session(PPP_PROTOCOL.IPV4));
  log.add("in", session(PPP_PROTOCOL.LCP));
  log.add("in", new Uint8Array(3));
  assertEquals(log.frames.map(({ number }) => number), [1, 3, 4]);
  assertEquals(log.total, 4);
  assertEquals(log.count("out", CODE.PADI), 1);
  assertEquals(log.count("in", CODE.PADI), 0);
  assertEquals(log.count("in", CODE.SESSION), 2);
});

Deno.test("FrameLog.add() treats a frame with a compressed PPP protocol as data", () => {
  const log = new FrameLog();
  log.add("in", session(0xfd80));
  assertEquals([log.frames.length, log.count("in", CODE.SESSION)], [0, 1]);
});

Deno.test("FrameLog.add() keeps data frames too if asked to, up to its limit", () => {
  const log = new FrameLog({ data: true, limit: 2 });
  for (let i = 0; i < 5; i++) log.add("in", session(PPP_PROTOCOL.IPV4));
  assertEquals(log.frames.map(({ number }) => number), [4, 5]);
});

Deno.test("FrameLog.waitFor() resolves with a frame that came before or comes later", async () => {
  const log = new FrameLog();
  log.add("in", discovery(CODE.PADO));
  const isPado = ({ bytes }: { bytes: Uint8Array }) => readCode(bytes) === CODE.PADO;
  assertEquals((await log.waitFor(isPado)).number, 1);
  const next = log.waitFor(isPado, 1000, log.total);
  log.add("in", discovery(CODE.PADS));
  log.add("in", discovery(CODE.PADO));
  assertEquals((await next).number, 3);
});

Deno.test("FrameLog.waitFor() rejects when the frame does not arrive", async () => {
  await assertRejects(
    () => new FrameLog().waitFor(() => true, 5),
    Error,
    "none arrived within 5 ms",
  );
});
