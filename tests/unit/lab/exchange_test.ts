import { assert, assertEquals, assertExists } from "@std/assert";
import { Exchange } from "../../../src/lab/exchange.ts";
import { makePayload } from "../../../src/lab/payload.ts";

const STREAM = 5;

function take(exchange: Exchange, nowMs: number): Uint8Array[] {
  const payloads = [];
  for (let payload; (payload = exchange.next(nowMs));) payloads.push(payload);
  return payloads;
}

Deno.test("Exchange.next() stops at the window and continues as answers arrive", () => {
  const exchange = new Exchange(STREAM, { frames: 5, window: 3 });
  const sent = take(exchange, 0);
  assertEquals(sent.length, 3);
  exchange.receive(sent[0], 4);
  assertEquals(take(exchange, 4).length, 1);
  assertEquals(exchange.result.sent, 4);
  assertEquals(exchange.result.rttMs, [4]);
});

Deno.test("Exchange.done is true once all payloads have returned", () => {
  const exchange = new Exchange(STREAM, { frames: 2, payloadLength: (number) => 20 + number });
  const [first, second] = take(exchange, 0);
  exchange.receive(second, 1);
  assert(!exchange.done);
  exchange.receive(first, 2);
  assert(exchange.done);
  assertEquals(exchange.result, {
    sent: 2,
    returned: 2,
    lost: 0,
    corrupted: 0,
    repeated: 0,
    bytesSent: 41,
    bytesReturned: 41,
    rttMs: [1, 2],
  });
});

Deno.test("Exchange.expire() gives up overdue payloads, whose late answers count as repeats", () => {
  const exchange = new Exchange(STREAM, { frames: 2, window: 1, timeoutMs: 100 });
  const [first] = take(exchange, 0);
  exchange.expire(99);
  assertEquals(exchange.result.lost, 0);
  exchange.expire(100);
  assertEquals(exchange.result.lost, 1);
  exchange.receive(first, 101);
  assertEquals(exchange.result.returned, 0);
  assertEquals(exchange.result.repeated, 1);
  assertEquals(take(exchange, 101).length, 1);
});

Deno.test("Exchange.receive() counts an answer once when it arrives twice", () => {
  const exchange = new Exchange(STREAM, { frames: 1 });
  const [only] = take(exchange, 0);
  exchange.receive(only, 1);
  exchange.receive(only, 2);
  assertEquals(exchange.result.returned, 1);
  assertEquals(exchange.result.repeated, 1);
});

Deno.test("Exchange.receive() counts a payload with a wrong byte as corrupted", () => {
  const exchange = new Exchange(STREAM, { frames: 1 });
  const [only] = take(exchange, 0);
  only[only.length - 1] ^= 1;
  exchange.receive(only, 1);
  assertEquals(exchange.result.corrupted, 1);
  assertEquals(exchange.result.returned, 0);
  assert(exchange.done);
});

Deno.test("Exchange.receive() counts a payload of another session, or one never sent, as corrupted", () => {
  const exchange = new Exchange(STREAM, { frames: 3, window: 1 });
  assertExists(exchange.next(0));
  exchange.receive(makePayload(STREAM + 1, 0, 1400), 1);
  exchange.receive(makePayload(STREAM, 2, 1400), 1);
  exchange.receive(new Uint8Array(3), 1);
  assertEquals(exchange.result.corrupted, 3);
});

Deno.test("Exchange.expire() ends an exchange when no more answers arrive", () => {
  const exchange = new Exchange(STREAM, { frames: 1000, window: 2, timeoutMs: 100 });
  exchange.receive(take(exchange, 0)[0], 50);
  for (let nowMs = 100; nowMs < 350; nowMs += 50) {
    exchange.expire(nowMs);
    take(exchange, nowMs);
  }
  assert(!exchange.done);
  exchange.expire(350);
  assert(exchange.done);
  assertEquals(exchange.result.returned, 1);
  assertEquals(exchange.result.lost, exchange.result.sent - 1);
});

Deno.test("Exchange.abandon() counts payloads in flight as lost and sends no more", () => {
  const exchange = new Exchange(STREAM, { frames: 10, window: 4 });
  take(exchange, 0);
  exchange.abandon();
  assert(exchange.done);
  assertEquals(exchange.next(1), undefined);
  assertEquals(exchange.result.sent, 4);
  assertEquals(exchange.result.lost, 4);
});
