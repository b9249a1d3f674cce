// What one peer may send.

import { assert, assertEquals } from "@std/assert";
import { Allowance } from "../../../src/dataplane/allowance.ts";

const RATES = { otherFrames: 1000, bps: undefined };

/** Reads 100 other frames every 10 ms, unless the peer is held back; returns the number that was read. */
function flood(allowance: Allowance, fromMs: number, toMs: number, useful = 0): number {
  let read = 0;
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 10) {
    if (nowMs < allowance.heldUntilMs) continue;
    allowance.read(useful, 100, 0, nowMs);
    read += 100;
  }
  return read;
}

Deno.test("Allowance holds back a peer that sends more other frames than its rate", () => {
  const allowance = new Allowance(RATES, 0);
  const read = flood(allowance, 0, 10_000);
  assert(read >= 11_900 && read <= 12_300, `${read} frames in 10 s`);
  assert(allowance.heldBackMs > 7000, `${allowance.heldBackMs} ms`);
  assert(Math.abs(allowance.excessPerSecond(10_000) - 1000) < 100);
});

Deno.test("Allowance does not limit frames of open sessions", () => {
  const allowance = new Allowance(RATES, 0);
  for (let nowMs = 0; nowMs < 1000; nowMs++) {
    assertEquals(allowance.read(500, 0, 500_000, nowMs), false);
  }
  assertEquals([allowance.heldBackMs, allowance.excessPerSecond(1000)], [0, 0]);
});

Deno.test("Allowance holds back a peer that sends more bits than its rate, and never calls it useless", () => {
  const allowance = new Allowance({ otherFrames: 1000, bps: 8_000_000 }, 0);
  let bytes = 0;
  for (let nowMs = 0; nowMs < 100_000; nowMs += 5) {
    assert(!allowance.isUseless(nowMs));
    if (nowMs < allowance.heldUntilMs) continue;
    // 32 KiB at once, 6.5 MB a second.
    allowance.read(0, 0, 32_768, nowMs);
    bytes += 32_768;
  }
  assert(bytes > 99_000_000 && bytes < 101_000_000, `${bytes} bytes in 100 s at 1 MB/s`);
  assertEquals(new Allowance(RATES, 0).bytesLeft(0), Infinity);
});

/** Reads 32 KiB every 5 ms, unless the peer is held back; returns the number of bytes. */
function readData(allowance: Allowance, fromMs: number, toMs: number): number {
  let bytes = 0;
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 5) {
    if (nowMs < allowance.heldUntilMs) continue;
    allowance.read(1, 0, 32_768, nowMs);
    bytes += 32_768;
  }
  return bytes;
}

Deno.test("Allowance.limit() applies a new rate, a first one and none to a peer that sends", () => {
  const allowance = new Allowance(RATES, 0);
  assertEquals(readData(allowance, 0, 1000), 200 * 32_768);
  allowance.limit(8_000_000, 1000);
  const limited = readData(allowance, 1000, 11_000);
  assert(limited > 9_900_000 && limited < 10_200_000, `${limited} bytes in 10 s at 1 MB/s`);
  allowance.limit(16_000_000, 11_000);
  const doubled = readData(allowance, 11_000, 21_000);
  assert(doubled > 19_900_000 && doubled < 20_300_000, `${doubled} bytes in 10 s at 2 MB/s`);
  allowance.limit(undefined, 21_000);
  assertEquals(readData(allowance, 21_000, 22_000), 200 * 32_768);
  assertEquals(allowance.bytesLeft(22_000), Infinity);
});

Deno.test("Allowance.limit() reads a peer again at once that was held back for the old rate", () => {
  const allowance = new Allowance({ otherFrames: 1000, bps: 1000 }, 0);
  allowance.read(1, 0, 100_000, 0);
  const { heldBackMs } = allowance;
  assert(heldBackMs > 200_000, `${heldBackMs} ms`);
  allowance.limit(undefined, 1000);
  assertEquals(allowance.heldBackMs, heldBackMs, "the total never goes down");
  assertEquals(allowance.heldUntilMs, 1000);
});

Deno.test("Allowance.limit() leaves a peer held back that has sent too many other frames", () => {
  const allowance = new Allowance({ otherFrames: 1000, bps: 1000 }, 0);
  allowance.read(0, 3000, 100_000, 0);
  allowance.limit(undefined, 100);
  // A debt of 900 frames, and the frames of 20 ms.
  assertEquals(allowance.heldUntilMs, 1020);
});

Deno.test("Allowance.limit() with the same rate gives a peer nothing", () => {
  const allowance = new Allowance({ otherFrames: 1000, bps: 8_000_000 }, 0);
  allowance.read(1, 0, 200_000, 0);
  const { heldUntilMs } = allowance;
  allowance.limit(8_000_000, 10);
  assertEquals([allowance.heldUntilMs, allowance.bytesLeft(10)], [heldUntilMs, -90_000]);
});

Deno.test("Allowance calls a peer modest until it has sent 200 other frames, and 50 a second besides", () => {
  const allowance = new Allowance(RATES, 0);
  allowance.read(0, 199, 0, 0);
  assert(allowance.isModest(0));
  allowance.read(0, 1, 0, 0);
  assert(!allowance.isModest(0));
  assert(allowance.isModest(20));
  for (let nowMs = 1000; nowMs < 60_000; nowMs += 1000) {
    allowance.read(0, 49, 0, nowMs);
    assert(allowance.isModest(nowMs));
  }
});

Deno.test("Allowance calls a peer modest that sends more frames of sessions than others", () => {
  const allowance = new Allowance({ otherFrames: 6000, bps: undefined }, 0);
  for (let nowMs = 0; nowMs < 60_000; nowMs += 10) {
    allowance.read(50, 40, 0, nowMs);
    assert(allowance.isModest(nowMs));
  }
  // It cannot save up for later.
  allowance.read(0, 300, 0, 60_000);
  assert(!allowance.isModest(60_000));
});

Deno.test("Allowance calls a peer useless after a minute of too many frames and none of a session", () => {
  const allowance = new Allowance(RATES, 0);
  flood(allowance, 0, 60_000);
  assert(!allowance.isUseless(60_000));
  flood(allowance, 60_000, 61_000);
  assert(allowance.isUseless(61_000));
});

Deno.test("Allowance does not call a peer useless that has a session, or that pauses", () => {
  const serving = new Allowance(RATES, 0);
  flood(serving, 0, 30_000);
  serving.read(1, 0, 60, 30_000);
  flood(serving, 30_000, 200_000);
  assert(!serving.isUseless(200_000));

  const pausing = new Allowance(RATES, 0);
  for (let startMs = 0; startMs < 400_000; startMs += 40_000) {
    flood(pausing, startMs, startMs + 35_000);
    assert(!pausing.isUseless(startMs + 39_000));
  }
});

Deno.test("Allowance does not call a client useless whose 16,384 hosts all dial after a power cut", () => {
  // The server's default: 2 * 2500 + 1000. Each host sends a PADI every 5 s until it has an offer, then a PADR.
  const allowance = new Allowance({ otherFrames: 6000, bps: undefined }, 0);
  let [waiting, dialling, nowMs] = [0, 16_384, 0];
  for (; dialling + waiting > 0; nowMs += 10) {
    assert(!allowance.isUseless(nowMs));
    if (nowMs % 5000 === 0) waiting = 2 * dialling;
    if (nowMs < allowance.heldUntilMs || waiting === 0) continue;
    const frames = Math.min(waiting, 120);
    waiting -= frames;
    // At most 2500 a second get a session.
    dialling -= Math.min(dialling, 25);
    allowance.read(0, frames, 0, nowMs);
  }
  assert(nowMs < 60_000, `they need ${nowMs} ms`);
});
