// The frame queue, with its bytes sent over a real connection.

import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import { Pinned, receive, StreamSender } from "../../../ffi/mod.ts";
import { FrameQueue, type Judge } from "../../../src/tunnel/frame_queue.ts";
import { encodeFrame, FRAME } from "../../../src/wire/mod.ts";
import { TcpPair } from "../../support/tcp_pair.ts";

const NEVER: Judge = () => false;

function frame(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 3 + seed);
}

/** A queue whose bytes are sent over a real connection, and the bytes that arrive. */
class Drain implements AsyncDisposable {
  readonly queue: FrameQueue;
  readonly #pair: TcpPair;
  readonly #sender: StreamSender;
  readonly #received = new Uint8Array(1 << 20);
  readonly rest = new Pinned(new Uint8Array(70_000));
  #restBytes = 0;
  #end = 0;

  private constructor(pair: TcpPair, capacity: number, frames: number) {
    this.#pair = pair;
    this.#sender = new StreamSender(pair.clientFd);
    this.queue = new FrameQueue(capacity, frames);
  }

  static async make({ capacity = 4096, frames = 256 } = {}): Promise<Drain> {
    return new Drain(await TcpPair.make(), capacity, frames);
  }

  push(payload: Uint8Array, arrivedMs = 0): boolean {
    return this.queue.push(FRAME.SESSION, payload, payload.length, arrivedMs);
  }

  /** Sends a batch, as if the socket had taken only the first `taken` bytes of it. */
  send(most = 1 << 20, judge: Judge = NEVER, { nowMs = 0, taken = Infinity } = {}): void {
    const before = this.#end;
    const rest = this.#restBytes;
    if (rest > 0) this.#sender.add(this.rest, 0, rest);
    this.queue.gather(this.#sender, most, nowMs, judge);
    if (this.#sender.bytes === 0) return;
    const sent = this.#sender.send();
    for (let got = 0; got < sent;) {
      const count = receive(this.#pair.serverFd, this.#received.subarray(this.#end));
      if (count <= 0) continue;
      got += count;
      this.#end += count;
    }
    // The rest of a frame is always sent completely here.
    const kept = Math.max(rest, Math.min(taken, sent));
    this.#end = before + kept;
    this.#restBytes = this.queue.consume(kept - rest, () => this.rest.bytes);
  }

  get done(): boolean {
    return this.queue.empty && this.#restBytes === 0;
  }

  get received(): Uint8Array {
    return this.#received.slice(0, this.#end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pair[Symbol.asyncDispose]();
  }
}

function joined(payloads: Uint8Array[]): Uint8Array {
  return Uint8Array.from(payloads.flatMap((payload) => [...encodeFrame(FRAME.SESSION, payload)]));
}

Deno.test("FrameQueue returns frames in order, in the format of the tunnel", async () => {
  await using drain = await Drain.make();
  const frames = [frame(60, 1), frame(0, 2), frame(1514, 3)];
  for (const each of frames) assert(drain.push(each));
  assertEquals(drain.queue.bytes, joined(frames).length);
  drain.send();
  assertEquals(drain.received, joined(frames));
  assert(drain.queue.empty);
  assertEquals(drain.queue.bytes, 0);
});

Deno.test("FrameQueue loses and changes no bytes, even if few are taken at a time", async () => {
  const step = fc.record({
    lengths: fc.array(fc.nat(1600), { maxLength: 6 }),
    taken: fc.nat(5000),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      await using drain = await Drain.make();
      const pushed: Uint8Array[] = [];
      for (const { lengths, taken } of steps) {
        for (const length of lengths) {
          const each = frame(length, pushed.length);
          // The view is longer than the frame, like those of a ring's slots.
          const longer = new Uint8Array(length + 100).fill(0xee);
          longer.set(each);
          if (drain.queue.push(FRAME.SESSION, longer, length, 0)) pushed.push(each);
        }
        drain.send(1 << 20, NEVER, { taken });
      }
      while (!drain.done) drain.send();
      assertEquals(drain.received, joined(pushed));
      assertEquals([drain.queue.bytes, drain.queue.dropped], [0, 0]);
    }),
    { numRuns: 60 },
  );
});

Deno.test("FrameQueue keeps bytes intact when its buffer wraps around", async () => {
  await using drain = await Drain.make({ capacity: 4096, frames: 4096 });
  const pushed: Uint8Array[] = [];
  // The buffer is 4096 bytes and two of the largest frames, so it wraps several times.
  for (let i = 0; i < 400; i++) {
    const each = frame(1000 + i, i);
    assert(drain.push(each), `frame ${i}`);
    pushed.push(each);
    // Some frames always wait, because an empty queue starts again at the beginning of its buffer.
    if (i > 60) drain.send(1, NEVER);
  }
  drain.send();
  while (!drain.done) drain.send();
  assertEquals(drain.received, joined(pushed));
});

Deno.test("FrameQueue.push() refuses a frame while there is no room for it", async () => {
  await using drain = await Drain.make({ capacity: 4096, frames: 4 });
  for (let i = 0; i < 4; i++) assert(drain.push(frame(60, i)));
  assertFalse(drain.push(frame(60, 4)), "a fifth of four");
  drain.send();
  assert(drain.push(frame(60, 5)));

  await using small = await Drain.make({ capacity: 64, frames: 1024 });
  let count = 0;
  while (small.push(frame(1500, count))) count++;
  assert(count > 80 && count < 95, `${count} frames in 128 KiB`);
  small.send(20_000);
  assert(small.push(frame(1500, 0)));
});

Deno.test("FrameQueue.gather() skips dropped frames, and judges the others again if not taken", async () => {
  await using drain = await Drain.make();
  const asked: number[] = [];
  const frames = [0, 1, 2, 3, 4].map((i) => frame(100, i));
  frames.forEach((each, i) => drain.push(each, i));
  const odd = (waitedMs: number) => {
    asked.push(waitedMs);
    return waitedMs % 2 === 1;
  };
  // No bytes were taken, so the remaining frames are offered again.
  drain.send(1 << 20, odd, { nowMs: 10, taken: 0 });
  drain.send(1 << 20, odd, { nowMs: 20 });
  assertEquals(asked, [10, 9, 8, 7, 6, 20, 18, 16]);
  assertEquals(drain.received, joined([frames[0], frames[2], frames[4]]));
  assertEquals(drain.queue.dropped, 2);
});

Deno.test("FrameQueue.gather() tells the judge which frame is the last one", async () => {
  await using drain = await Drain.make();
  for (let i = 0; i < 3; i++) drain.push(frame(60, i));
  const last: boolean[] = [];
  drain.queue.gather(new StreamSender(-1), 1 << 20, 0, (_, isLast) => {
    last.push(isLast);
    return false;
  });
  assertEquals(last, [false, false, true]);
});

Deno.test("FrameQueue.consume() returns the rest of a frame that was sent in part", async () => {
  await using drain = await Drain.make();
  const frames = [0, 1].map((i) => frame(100, i));
  for (const each of frames) drain.push(each);
  const rest = new Uint8Array(200);
  assertEquals(drain.queue.consume(110, () => rest), 96);
  assertEquals(rest.slice(0, 96), joined(frames).slice(110));
  assert(drain.queue.empty);
});

Deno.test("FrameQueue.dropBefore() drops frames that arrived before a time", async () => {
  await using drain = await Drain.make();
  const frames = [0, 1, 2, 3].map((i) => frame(100, i));
  frames.forEach((each, i) => drain.push(each, i * 10));
  drain.queue.dropBefore(15);
  assertEquals(drain.queue.dropped, 2);
  while (!drain.done) drain.send();
  assertEquals(drain.received, joined(frames.slice(2)));
});
