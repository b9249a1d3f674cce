// Channels over real TCP connections.

import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import {
  congestionControl,
  congestionControlFault,
  POLLIN,
  POLLOUT,
  PollSet,
  receive,
  send,
  setTunnelOptions,
} from "../../../ffi/mod.ts";
import { getOption } from "../../../ffi/socket_option.ts";
import { TcpTransport } from "../../../src/transport/tcp.ts";
import { Channel } from "../../../src/tunnel/channel.ts";
import {
  emitGoodbye,
  emitHello,
  encodeFrame,
  FRAME,
  MAX_PAYLOAD,
  parseGoodbye,
  readHeader,
  REASON,
} from "../../../src/wire/mod.ts";
import { testUnless } from "../../support/skip.ts";
import { TcpPair } from "../../support/tcp_pair.ts";
import { until } from "../../support/until.ts";

/** A frame, as the other side should receive it. */
interface Sent {
  type: number;
  payload: Uint8Array;
}

/** A channel, and the descriptor of the other end of its connection. */
class Ends implements AsyncDisposable {
  readonly channel: Channel;
  readonly peerFd: number;
  readonly pair: TcpPair;

  private constructor(pair: TcpPair, options: { legacy: boolean; received: Uint8Array }) {
    this.pair = pair;
    const transport = new TcpTransport(pair.clientFd);
    this.channel = new Channel({ id: 1, transport, ...options }, 0);
    this.peerFd = pair.serverFd;
  }

  static async make({ legacy = false, received = new Uint8Array(0) } = {}): Promise<Ends> {
    return new Ends(await TcpPair.make(), { legacy, received });
  }

  /** Writes bytes to the peer's socket, and lets the channel read them. */
  give(bytes: Uint8Array, nowMs = 0): void {
    assertEquals(send(this.peerFd, bytes), bytes.length);
    this.read(nowMs);
  }

  read(nowMs = 0): boolean {
    assertReady(this.channel.transport.fd, POLLIN);
    return this.channel.receive(nowMs);
  }

  /** Reads everything that the channel has sent. */
  sent(): Uint8Array {
    const buffer = new Uint8Array(1 << 20);
    let end = 0;
    for (let count; (count = receive(this.peerFd, buffer.subarray(end))) > 0;) end += count;
    return buffer.slice(0, end);
  }

  /** Takes all complete frames that the channel has read. */
  frames(nowMs = 0): Sent[] {
    return framesOf(this.channel, nowMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pair[Symbol.asyncDispose]();
  }
}

function assertReady(fd: number, events: number): void {
  const set = new PollSet(1);
  set.add(fd, events);
  assertEquals(set.wait(10_000), 1);
}

const CARRIED: ReadonlySet<number> = new Set([FRAME.DISCOVERY, FRAME.SESSION, FRAME.SESSION_LIST]);

function framesOf(channel: Channel, nowMs = 0): Sent[] {
  const frames: Sent[] = [];
  const { bytes } = channel.received;
  while (channel.nextFrame(nowMs)) {
    const { type, offset, length } = channel;
    if (!CARRIED.has(type)) continue;
    frames.push({ type, payload: bytes.slice(offset, offset + length) });
  }
  channel.compact();
  return frames;
}

/** Splits a stream into frames. */
function parse(stream: Uint8Array): Sent[] {
  const frames: Sent[] = [];
  const header = { type: 0, length: 0 };
  for (let at = 0; at < stream.length;) {
    const size = readHeader(stream, at, stream.length, header);
    assert(size > 0, `a torn header at ${at}`);
    const end = at + size + header.length;
    assert(end <= stream.length, `a torn frame at ${at}`);
    frames.push({ type: header.type, payload: stream.slice(at + size, end) });
    at = end;
  }
  return frames;
}

/** Makes a payload that differs from others of its length. */
function payload(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 7 + seed;
  return bytes;
}

function stream(frames: Sent[]): Uint8Array {
  const parts = frames.map(({ type, payload }) => encodeFrame(type, payload));
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

type Lane = "data" | "control" | "last";

function queued({ type, payload }: Sent, channel: Channel, lane: Lane = "data"): boolean {
  return channel.queue(type, payload, payload.length, lane, 0);
}

/** Returns the numbers of Ethernet frames, and of their bytes, that have arrived. */
function carriedBy({ carried }: Channel): [frames: number, bytes: number] {
  return [
    carried.discoveryFrames + carried.sessionFrames,
    carried.discoveryBytes + carried.sessionBytes,
  ];
}

const { DISCOVERY, SESSION } = FRAME;

Deno.test("Channel carries frames of any length to another", async () => {
  await using pair = await TcpPair.make();
  const near = new Channel(
    {
      id: 1,
      transport: new TcpTransport(pair.clientFd),
      legacy: false,
      received: new Uint8Array(0),
    },
    0,
  );
  const far = new Channel(
    {
      id: 2,
      transport: new TcpTransport(pair.serverFd),
      legacy: false,
      received: new Uint8Array(0),
    },
    0,
  );
  const sizes = [0, 1, 127, 128, 1514, 16383, 16384, MAX_PAYLOAD, 60];
  const frames = Array.from({ length: 300 }, (_, i) => ({
    type: i % 3 === 0 ? DISCOVERY : SESSION,
    payload: payload(i < sizes.length ? sizes[i] : (i * 7919) % 3000, i),
  }));
  const found: Sent[] = [];
  for (let next = 0; found.length < frames.length;) {
    while (next < frames.length && near.hasRoom && queued(frames[next], near)) next++;
    near.flush(0);
    assertReady(far.transport.fd, POLLIN);
    assert(far.receive(0));
    found.push(...framesOf(far));
  }
  assertEquals(found, frames);
  near.settle();
  const bytes = frames.reduce((sum, { payload }) => sum + payload.length, 0);
  assertEquals(carriedBy(near), [frames.length, bytes]);
  assertEquals([far.framesIn, far.bytesIn], [frames.length, bytes]);
  assertEquals([near.ended, far.ended, near.framesIn], [undefined, undefined, 0]);
  assertEquals(carriedBy(far), [0, 0]);
});

Deno.test("Channel carries session lists, and counts them neither in nor out", async () => {
  await using pair = await TcpPair.make();
  const received = new Uint8Array(0);
  const near = new Channel({
    id: 1,
    transport: new TcpTransport(pair.clientFd),
    legacy: false,
    received,
  }, 0);
  const far = new Channel({
    id: 2,
    transport: new TcpTransport(pair.serverFd),
    legacy: false,
    received,
  }, 0);
  const list = { type: FRAME.SESSION_LIST, payload: payload(15, 1) };
  assert(queued(list, near, "last"));
  near.flush(0);
  assertReady(far.transport.fd, POLLIN);
  assert(far.receive(0));
  assertEquals(framesOf(far), [list]);
  near.settle();
  assertEquals([...carriedBy(near), far.framesIn, far.bytesIn], [0, 0, 0, 0]);
});

Deno.test("Channel.queue() is followed by counts of discovery and session frames only", async () => {
  await using ends = await Ends.make();
  const { channel } = ends;
  for (const type of [DISCOVERY, SESSION, FRAME.SESSION_LIST, 0x14]) {
    assert(queued({ type, payload: payload(60, type) }, channel, "control"));
  }
  assertEquals([channel.queuedDiscovery, channel.queuedSession], [1, 1]);
  channel.flush(0);
  const buffer = new Uint8Array(1000);
  while (receive(ends.peerFd, buffer) > 0);
  channel.settle();
  assertEquals([channel.queuedDiscovery, channel.queuedSession], [0, 0]);
  assertEquals(carriedBy(channel), [2, 120]);
});

Deno.test("Channel.queue() copies a frame from a larger view", async () => {
  await using ends = await Ends.make();
  const buffer = payload(500, 1);
  // One view is a little longer, like those of a ring's slots, and one is much longer.
  assert(ends.channel.queue(SESSION, buffer.subarray(20, 120), 60, "data", 0));
  assert(ends.channel.queue(SESSION, buffer, 60, "data", 0));
  buffer.fill(0);
  ends.channel.flush(0);
  assertEquals(parse(ends.sent()), [
    { type: SESSION, payload: payload(500, 1).slice(20, 80) },
    { type: SESSION, payload: payload(500, 1).slice(0, 60) },
  ]);
});

Deno.test("Channel.nextFrame() finds each frame when its last byte arrives", async () => {
  await using ends = await Ends.make();
  const frames = [
    { type: DISCOVERY, payload: payload(60, 1) },
    { type: SESSION, payload: payload(0, 2) },
    { type: FRAME.PING, payload: payload(0, 3) },
    { type: 0x4242, payload: payload(130, 4) },
    { type: SESSION, payload: payload(300, 5) },
  ];
  const found: Sent[] = [];
  const expected: Sent[] = [];
  for (const frame of frames) {
    for (const byte of encodeFrame(frame.type, frame.payload)) {
      assertEquals(found, expected);
      ends.give(Uint8Array.of(byte));
      found.push(...ends.frames());
    }
    if (frame.type === DISCOVERY || frame.type === SESSION) expected.push(frame);
    assertEquals(found, expected);
  }
});

Deno.test("Channel takes over bytes that were read after the greeting", async () => {
  const frames = [1, 2].map((seed) => ({ type: SESSION, payload: payload(100, seed) }));
  const all = stream(frames);
  const received = all.slice(0, 150);
  await using ends = await Ends.make({ received });
  received.fill(0);
  assertEquals(ends.frames(), [frames[0]]);
  ends.give(all.subarray(150));
  assertEquals(ends.frames(), [frames[1]]);
});

Deno.test("Channel loses and changes no bytes, however the stream is split", async () => {
  const size = fc.oneof(
    { weight: 6, arbitrary: fc.nat(1600) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(0, 127, 128, 16383, 16384, MAX_PAYLOAD - 1, MAX_PAYLOAD),
    },
  );
  const type = fc.constantFrom<number>(DISCOVERY, SESSION, FRAME.PONG, 0x99);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(type, size), { minLength: 1, maxLength: 40, size: "max" }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100_000 })), {
        minLength: 1,
        maxLength: 20,
      }),
      async (shapes, cuts) => {
        await using ends = await Ends.make();
        const frames = shapes.map(([type, size], seed) => ({ type, payload: payload(size, seed) }));
        const all = stream(frames);
        const found: Sent[] = [];
        for (let at = 0, cut = 0; at < all.length;) {
          const length = cut < cuts.length ? cuts[cut++] : 60_000;
          at += Math.max(0, send(ends.peerFd, all.subarray(at, at + length)));
          ends.read();
          found.push(...ends.frames());
        }
        const expected = frames.filter(({ type }) => type === DISCOVERY || type === SESSION);
        while (found.length < expected.length && ends.read()) found.push(...ends.frames());
        assertEquals(found, expected);
        assertEquals(ends.channel.ended, undefined);
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("Channel answers pings that arrive together with one pong", async () => {
  await using ends = await Ends.make();
  ends.give(stream([
    { type: FRAME.PING, payload: payload(0, 0) },
    { type: FRAME.PING, payload: payload(200, 0) },
  ]));
  assertEquals(ends.frames(), []);
  ends.channel.flush(0);
  assertEquals(ends.sent(), Uint8Array.of(0, 1, 0));
  ends.channel.settle();
  assertEquals([ends.channel.framesIn, ...carriedBy(ends.channel)], [0, 0, 0]);
});

Deno.test("Channel reserves room for the end of a session during a flood of pings", async () => {
  await using ends = await Ends.make();
  const { channel } = ends;
  while (send(channel.transport.fd, new Uint8Array(1 << 16)) > 0);
  const pings = stream(Array.from({ length: 20_000 }, () => ({
    type: FRAME.PING,
    payload: payload(0, 0),
  })));
  ends.give(pings);
  ends.frames();
  channel.flush(0);
  assert(channel.queuedBytes < 10, `${channel.queuedBytes} bytes wait`);
  assert(queued({ type: DISCOVERY, payload: payload(20, 1) }, channel, "last"));
});

const PING = Uint8Array.of(0, 0, 0);
const PONG = Uint8Array.of(0, 1, 0);

Deno.test("Channel.keepalive() sends a ping at once, then one per interval once the last is answered", async () => {
  await using ends = await Ends.make();
  const { channel } = ends;
  const tick = (nowMs: number) => {
    channel.keepalive(nowMs, 5000, 15_000);
    channel.flush(0);
    return ends.sent();
  };
  assertEquals(tick(0), PING);
  assertEquals(tick(5000), new Uint8Array(0));
  ends.give(PONG, 5100);
  assertEquals(ends.frames(5100), []);
  assertEquals(tick(5200), PING);
  ends.give(PONG, 5300);
  ends.frames(5300);
  assertEquals(tick(10_199), new Uint8Array(0));
  assertEquals(tick(10_200), PING);
});

Deno.test("Channel measures and smooths the round-trip time", async () => {
  await using ends = await Ends.make();
  const { channel } = ends;
  assertEquals(channel.rttMs, undefined);
  ends.give(PONG, 10);
  ends.frames(10);
  assertEquals(channel.rttMs, undefined, "a pong without a ping");

  channel.keepalive(1000, 1000, 15_000);
  ends.give(PONG, 1040);
  ends.frames(1040);
  assertEquals(channel.rttMs, 40);
  channel.keepalive(2000, 1000, 15_000);
  ends.give(PONG, 2120);
  ends.frames(2120);
  assertEquals(channel.rttMs, 50);
});

/** Returns the bandwidth that bbr has measured, in bytes/s: `struct tcp_bbr_info` in linux/inet_diag.h. */
function bbrBandwidth(fd: number): number {
  const info = new Uint32Array(16);
  assert(getOption(fd, 6, 26, info) > 0); // TCP_CC_INFO
  return info[0] + info[1] * 2 ** 32;
}

/** Makes a channel whose socket has sent a frame with a certain congestion control. */
async function endsWith(congestion: string): Promise<Ends> {
  const ends = await Ends.make();
  setTunnelOptions(ends.channel.transport.fd, {
    userTimeoutMs: 20_000,
    notsentLowat: 65_536,
    congestion,
  });
  ends.channel.queue(FRAME.SESSION, new Uint8Array(1000), 1000, "data", 0);
  ends.channel.flush(0);
  if (congestion === "bbr") {
    await until("bbr has measured something", () => bbrBandwidth(ends.channel.transport.fd) > 0);
  }
  return ends;
}

const noBbr = congestionControlFault("bbr") === 0 ? undefined : "no bbr";

testUnless(
  noBbr,
  "Channel.refresh() restarts bbr before its pause after 10 s",
  async () => {
    await using ends = await endsWith("bbr");
    const { channel } = ends;
    channel.refresh(7999);
    assert(bbrBandwidth(channel.transport.fd) > 0);
    channel.refresh(8000);
    assertEquals(bbrBandwidth(channel.transport.fd), 0);
    assertEquals(congestionControl(channel.transport.fd), "bbr");
    channel.queue(FRAME.SESSION, new Uint8Array(1000), 1000, "data", 8100);
    channel.flush(8100);
    await until("bbr has measured something again", () => bbrBandwidth(channel.transport.fd) > 0);
    channel.refresh(15_999);
    assert(bbrBandwidth(channel.transport.fd) > 0);
    channel.refresh(16_000);
    assertEquals(bbrBandwidth(channel.transport.fd), 0);
  },
);

testUnless(
  noBbr,
  "Channel.refresh() leaves bbr alone if the socket has refused bytes lately",
  async () => {
    await using ends = await endsWith("bbr");
    const { channel } = ends;
    const frame = new Uint8Array(1500);
    // The peer reads nothing, so its buffer and the socket's own get full.
    while (!channel.blocked) {
      while (channel.queue(FRAME.SESSION, frame, 1500, "data", 7500));
      channel.flush(7500);
    }
    await until("bbr has measured something", () => bbrBandwidth(channel.transport.fd) > 0);
    channel.refresh(8499);
    assert(bbrBandwidth(channel.transport.fd) > 0);
    channel.refresh(8500);
    assertEquals(bbrBandwidth(channel.transport.fd), 0);
  },
);

Deno.test("Channel.refresh() leaves another congestion control alone", async () => {
  await using ends = await endsWith("reno");
  ends.channel.refresh(8000);
  assertEquals(congestionControl(ends.channel.transport.fd), "reno");
});

Deno.test("Channel.keepalive() ends a tunnel after a time of silence", async () => {
  await using ends = await Ends.make();
  const { channel } = ends;
  channel.keepalive(14_999, 5000, 15_000);
  assertEquals(channel.ended, undefined);
  // Any byte is a sign of life.
  ends.give(Uint8Array.of(0), 14_999);
  channel.keepalive(29_998, 5000, 15_000);
  assertEquals(channel.ended, undefined);
  channel.keepalive(29_999, 5000, 15_000);
  assertEquals(channel.ended, "nothing heard for 15 s");
});

Deno.test("Channel.probe() ends a tunnel whose peer does not answer within 0.75 s and four round trips", async () => {
  const reason = "no answer after a change of this machine's network";
  await using ends = await Ends.make();
  const { channel } = ends;
  channel.keepalive(0, 5000, 15_000);
  channel.flush(0);
  assertEquals(ends.sent(), PING);
  ends.give(PONG, 100);
  ends.frames(100);
  channel.probe(1000);
  channel.flush(1000);
  assertEquals(ends.sent(), PING);
  channel.keepalive(2149, 5000, 15_000);
  assertEquals(channel.ended, undefined);
  channel.keepalive(2150, 5000, 15_000);
  assertEquals(channel.ended, reason);
});

Deno.test("Channel.probe() takes any byte for an answer, and does not wait for two", async () => {
  await using ends = await Ends.make();
  const { channel } = ends;
  channel.probe(1000);
  channel.probe(1500);
  channel.flush(1500);
  assertEquals(ends.sent(), PING);
  ends.give(Uint8Array.of(0), 1600);
  channel.keepalive(9000, 5000, 15_000);
  assertEquals(channel.ended, undefined);
  // The unanswered ping is not repeated, and the next probe waits for its answer.
  channel.probe(9000);
  channel.probe(9700);
  channel.keepalive(9749, 5000, 15_000);
  assertEquals(channel.ended, undefined);
  channel.keepalive(9750, 5000, 15_000);
  assertEquals(channel.ended, "no answer after a change of this machine's network");
});

Deno.test("Channel ends with the reason of a goodbye", async () => {
  await using ends = await Ends.make();
  ends.give(stream([
    { type: SESSION, payload: payload(60, 1) },
    { type: FRAME.GOODBYE, payload: emitGoodbye({ reason: REASON.REPLACED, text: "again?" }) },
    { type: SESSION, payload: payload(60, 2) },
  ]));
  assertEquals(ends.frames().length, 1);
  assertEquals(ends.channel.ended, 'goodbye (replaced): "again?"');
  assertEquals(ends.channel.endCause, "peer-replaced");
});

Deno.test("Channel.queueGoodbye() says goodbye behind control frames, and returns the data it drops", async () => {
  await using ends = await Ends.make();
  const { channel } = ends;
  queued({ type: SESSION, payload: payload(60, 2) }, channel);
  queued({ type: DISCOVERY, payload: payload(60, 1) }, channel, "control");
  assertEquals(channel.queueGoodbye(REASON.SHUTDOWN, "bye"), 1);
  assertEquals(channel.stale, 0);
  channel.flush(0);
  const [first, second, ...rest] = parse(ends.sent());
  assertEquals([first.type, second.type, rest], [DISCOVERY, FRAME.GOODBYE, []]);
  assertEquals(parseGoodbye(second.payload), { reason: REASON.SHUTDOWN, text: "bye" });
});

Deno.test("Channel.queueGoodbye() sends no goodbye to an older peer, and keeps the data", async () => {
  await using ends = await Ends.make({ legacy: true });
  const data = { type: SESSION, payload: payload(60, 1) };
  queued(data, ends.channel);
  assertEquals(ends.channel.queueGoodbye(REASON.SHUTDOWN, "bye"), 0);
  ends.channel.flush(0);
  assertEquals(parse(ends.sent()), [data]);
});

Deno.test("Channel ends a tunnel to an older peer that turns out to be another program", async () => {
  const text = new TextEncoder().encode("SSH-2.0-Go\r\nmore");
  for (const split of [0, 1, 5, text.length - 1]) {
    await using ends = await Ends.make({ legacy: true });
    for (const part of [text.subarray(0, split), text.subarray(split)]) {
      if (part.length > 0) ends.give(part);
      assertEquals(ends.frames(), []);
    }
    assertEquals(
      ends.channel.ended,
      'the peer is an SSH server or client, not pppoe-proxy ("SSH-2.0-Go"): check the address and port in --connect',
    );
    assertEquals(ends.channel.tellEnd(0), 0);
    assertEquals(ends.sent().length, 0);
  }
});

Deno.test("Channel carries the frames of an older peer that arrive byte by byte", async () => {
  await using ends = await Ends.make({ legacy: true });
  const frames = [{ type: DISCOVERY, payload: payload(60, 1) }, {
    type: SESSION,
    payload: payload(90, 2),
  }];
  const found: Sent[] = [];
  for (const byte of stream(frames)) {
    ends.give(Uint8Array.of(byte));
    found.push(...ends.frames());
  }
  assertEquals(found, frames);
  assertEquals(ends.channel.ended, undefined);
});

Deno.test("Channel tells a client that greets to a server with --legacy what to change", async () => {
  await using ends = await Ends.make({ legacy: true });
  const hello = emitHello({ version: 1, features: 0, name: "osaka", software: "" });
  ends.give(encodeFrame(FRAME.HELLO, hello));
  const text =
    "the client greets, so it is not the original Go pppoeproxy: remove --legacy at the server";
  assertEquals(ends.channel.ended, text);
  ends.channel.tellEnd(0);
  const [{ type, payload: goodbye }] = parse(ends.sent());
  assertEquals(type, FRAME.GOODBYE);
  assertEquals(parseGoodbye(goodbye), { reason: REASON.PROTOCOL, text });
});

Deno.test("Channel says that --legacy is one too many if a server says goodbye first", async () => {
  await using ends = await Ends.make({ legacy: true });
  const goodbye = emitGoodbye({ reason: REASON.PROTOCOL, text: "The client does not greet" });
  ends.give(encodeFrame(FRAME.GOODBYE, goodbye).subarray(0, 2));
  assertEquals(
    ends.channel.ended,
    "the server is not the original Go pppoeproxy: remove --legacy at the client",
  );
});

Deno.test("Channel recognizes another program by the bytes that were read before it", async () => {
  const received = new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n");
  await using ends = await Ends.make({ legacy: true, received });
  assertEquals(
    ends.channel.ended,
    'the peer is an HTTP server or client, not pppoe-proxy ("GET / HTTP/1.1"): check the address and port in --connect',
  );
  const frame = { type: DISCOVERY, payload: payload(60, 1) };
  await using older = await Ends.make({ legacy: true, received: stream([frame]).slice() });
  assertEquals(older.frames(), [frame]);
});

Deno.test("Channel says that an older peer has ended the connection before it sent anything", async () => {
  await using ends = await Ends.make({ legacy: true });
  ends.pair.server.close();
  ends.read();
  assertEquals(
    ends.channel.ended,
    "the peer closed the connection before it sent anything (a server does so to an address that " +
      "is not on its --allow list)",
  );
  await using silent = await Ends.make({ legacy: true });
  silent.channel.keepalive(15_000, 5000, 15_000);
  assertEquals(
    silent.channel.ended,
    "nothing heard for 15 s since the start: check the address and port in --connect",
  );
});

Deno.test("Channel skips frames of an unknown type", async () => {
  await using ends = await Ends.make();
  const known = { type: SESSION, payload: payload(60, 1) };
  ends.give(stream([
    { type: 0x0004, payload: payload(300, 1) },
    known,
    { type: 0xffff, payload: payload(0, 1) },
    known,
  ]));
  assertEquals(ends.frames(), [known, known]);
  assertEquals(ends.channel.framesIn, 2);
});

const FAULTS: [what: string, bytes: Uint8Array][] = [
  ["a length of four bytes", Uint8Array.of(0, 3, 0x80, 0x80, 0x80)],
  ["a length over the maximum", Uint8Array.of(0, 3, 0x81, 0x80, 0x04)],
  ["a length over the maximum, of an unknown type", Uint8Array.of(9, 9, 0xff, 0xff, 0x7f)],
];

for (const [what, bytes] of FAULTS) {
  Deno.test(`Channel ends at ${what}, after the frames before it`, async () => {
    await using ends = await Ends.make();
    const good = { type: SESSION, payload: payload(60, 1) };
    ends.give(Uint8Array.of(...stream([good]), ...bytes));
    assertEquals(ends.frames(), [good]);
    assertEquals(ends.channel.ended, "the peer sent a frame header that is too long");
    assertEquals(ends.frames(), []);
  });
}

for (const type of [FRAME.HELLO, FRAME.WELCOME]) {
  Deno.test(`Channel ends at a second greeting (type ${type})`, async () => {
    await using ends = await Ends.make();
    const hello = emitHello({ version: 1, features: 0, name: "n", software: "" });
    ends.give(encodeFrame(type, hello));
    assertEquals(ends.frames(), []);
    assertEquals(ends.channel.ended, "the peer sent a second greeting");
  });
}

Deno.test("Channel.receive() returns false if there are no bytes, and the tunnel goes on", async () => {
  await using ends = await Ends.make();
  assertFalse(ends.channel.receive(0));
  assertEquals(ends.channel.ended, undefined);
});

Deno.test("Channel ends when the peer closes, after the frames before the end", async () => {
  await using ends = await Ends.make();
  const last = { type: SESSION, payload: payload(60, 1) };
  ends.give(stream([last]));
  ends.pair.server.close();
  assertEquals(ends.frames(), [last]);
  assertFalse(ends.read());
  assertEquals(ends.channel.ended, "the peer closed the connection");
});

Deno.test("Channel.flush() ends the tunnel when the connection is broken, then does nothing", async () => {
  await using ends = await Ends.make();
  ends.channel.shutdown();
  ends.channel.queue(SESSION, payload(60, 1), 60, "data", 0);
  ends.channel.flush(0);
  assertEquals(ends.channel.ended, "the connection broke: Broken pipe");
  assertEquals(ends.channel.endCause, "connection-broke");
  ends.channel.flush(0);
  assertEquals(ends.sent(), new Uint8Array(0));
});

Deno.test("Channel.end() keeps the first reason", async () => {
  await using ends = await Ends.make();
  ends.channel.end("first", "silent");
  ends.channel.end("second", "flood");
  assertEquals([ends.channel.ended, ends.channel.endCause], ["first", "silent"]);
});

Deno.test("Channel.shutdown() ends only its own direction", async () => {
  await using ends = await Ends.make();
  ends.channel.queue(SESSION, payload(60, 1), 60, "data", 0);
  ends.channel.flush(0);
  ends.channel.shutdown();
  assertReady(ends.peerFd, POLLIN);
  assertEquals(parse(ends.sent()).length, 1);
  assertEquals(receive(ends.peerFd, new Uint8Array(1)), 0);
  const late = { type: SESSION, payload: payload(60, 2) };
  ends.give(stream([late]));
  assertEquals(ends.frames(), [late]);
});

Deno.test("Channel.discard() reads any amount and keeps nothing of it", async () => {
  await using ends = await Ends.make();
  const chunk = stream([{ type: SESSION, payload: payload(60_000, 1) }]);
  for (let i = 0; i < 20; i++) {
    assertEquals(send(ends.peerFd, chunk), chunk.length);
    assertReady(ends.channel.transport.fd, POLLIN);
    ends.channel.discard();
  }
  assertEquals(ends.channel.ended, undefined);
  while (ends.channel.receive(0)) ends.channel.discard();
  ends.pair.server.close();
  assertReady(ends.channel.transport.fd, POLLIN);
  ends.channel.discard();
  assertEquals(ends.channel.ended, "the peer closed the connection");
});

Deno.test("Channel.queue() refuses a frame over the maximum", async () => {
  await using ends = await Ends.make();
  assertFalse(
    ends.channel.queue(SESSION, new Uint8Array(MAX_PAYLOAD + 1), MAX_PAYLOAD + 1, "data", 0),
  );
  assertEquals(ends.channel.queuedSession, 0);
});

Deno.test("Channel takes control frames, but no data, while the socket is full, and sends them first", async () => {
  await using ends = await Ends.make();
  const { channel } = ends;
  const data: Sent[] = [];
  const control: Sent[] = [];
  const offer = (to: Sent[], type: number, length: number, lane: Lane) => {
    const frame = { type, payload: payload(length, to.length) };
    if (!queued(frame, channel, lane)) return false;
    to.push(frame);
    return true;
  };
  while (channel.hasRoom) {
    // A batch of data is always waiting when the socket becomes full.
    for (let i = 0; i < 40; i++) offer(data, SESSION, 1514, "data");
    channel.flush(0);
    assert(data.length < 1_000_000, "the socket takes everything");
  }
  assert(channel.blocked);
  assertFalse(offer(data, SESSION, 60, "data"));

  while (offer(control, DISCOVERY, 100, "control"));
  assert(control.length > 500, `${control.length} control frames`);
  assert(offer(control, DISCOVERY, 100, "last"), "there is room for the end of a session");
  channel.flush(0);
  assert(channel.blocked);
  channel.settle();
  const waiting = channel.queuedDiscovery + channel.queuedSession;
  assertEquals(carriedBy(channel)[0] + waiting, data.length + control.length);

  // The peer starts to read.
  let later = 0;
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(1 << 16);
  for (let idle = 0; idle < 2;) {
    const count = receive(ends.peerFd, buffer);
    if (count > 0) parts.push(buffer.slice(0, count));
    else if (channel.blocked) {
      assertReady(channel.transport.fd, POLLOUT);
      channel.unblock();
      if (later++ < 5) offer(data, SESSION, 1514, "data");
      channel.flush(0);
    } else idle++;
  }
  assert(channel.hasRoom);
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  const found = parse(all);
  for (const [type, expected] of [[SESSION, data], [DISCOVERY, control]] as const) {
    const these = found.filter((frame) => frame.type === type);
    assertEquals(these.length, expected.length);
    for (const [index, { payload }] of these.entries()) {
      assert(
        payload.length === expected[index].payload.length &&
          payload.every((byte, i) => byte === expected[index].payload[i]),
        `frame ${index} of type ${type} differs`,
      );
    }
  }
  const lastControl = found.findLastIndex(({ type }) => type === DISCOVERY);
  assertEquals(found.at(-1)?.type, SESSION, "later data is behind the control frames");
  assert(lastControl < found.length - 1);
});

Deno.test("Channel waits until a socket that refused bytes lately is writable", async () => {
  await using ends = await Ends.make();
  const { channel } = ends;
  const frame = payload(1514, 1);
  while (!channel.blocked) {
    for (let i = 0; i < 40; i++) channel.queue(SESSION, frame, frame.length, "data", 0);
    channel.flush(0);
  }
  // The peer reads until there is room, and all waiting frames are sent.
  const buffer = new Uint8Array(1 << 16);
  for (let nowMs = 1; channel.queuedBytes > 0; nowMs++) {
    while (receive(ends.peerFd, buffer) > 0);
    assertReady(channel.transport.fd, POLLOUT);
    channel.unblock();
    channel.flush(Math.min(nowMs, 100));
  }
  assert(channel.blocked, "everything is sent, but the socket must become writable first");
  channel.unblock();
  channel.queue(SESSION, frame, frame.length, "data", 1000);
  channel.flush(1000);
  assertEquals([channel.queuedBytes, channel.blocked], [0, false]);
});

Deno.test("Channel.tellEnd() sends the ends of sessions before the goodbye, even while blocked", async () => {
  await using ends = await Ends.make();
  const { channel } = ends;
  const frame = payload(1514, 1);
  while (!channel.blocked) {
    for (let i = 0; i < 40; i++) channel.queue(SESSION, frame, frame.length, "data", 0);
    channel.flush(0);
  }
  const buffer = new Uint8Array(1 << 20);
  while (receive(ends.peerFd, buffer) > 0);
  assertReady(channel.transport.fd, POLLOUT);
  channel.queue(DISCOVERY, payload(20, 2), 20, "last", 0);
  channel.end("enough", "flood", REASON.PROTOCOL);
  assert(channel.tellEnd(0) > 0, "the data was dropped");
  const tail = ends.sent().slice(-60);
  const padt = encodeFrame(DISCOVERY, payload(20, 2));
  const goodbye = encodeFrame(
    FRAME.GOODBYE,
    emitGoodbye({ reason: REASON.PROTOCOL, text: "enough" }),
  );
  assertEquals(tail.slice(-padt.length - goodbye.length), Uint8Array.of(...padt, ...goodbye));
  channel.settle();
  assertEquals([channel.stale, channel.queuedSession, channel.queuedDiscovery], [0, 0, 0]);
});

Deno.test("Channel.tellEnd() sends the reason if this side has ended the tunnel", async () => {
  await using ends = await Ends.make();
  ends.channel.end("enough", "flood", REASON.PROTOCOL);
  ends.channel.flush(0);
  ends.channel.tellEnd(0);
  const goodbye = emitGoodbye({ reason: REASON.PROTOCOL, text: "enough" });
  assertEquals(parse(ends.sent()), [{ type: FRAME.GOODBYE, payload: goodbye }]);
});

Deno.test("Channel.hasRoom counts bytes that the socket has not taken yet", async () => {
  await using ends = await Ends.make();
  const { channel } = ends;
  const filler = new Uint8Array(1 << 16);
  // The kernel may make more room in the middle of it.
  await until("the socket takes nothing more", () => {
    while (send(channel.transport.fd, filler) > 0);
    while (channel.hasRoom) channel.queue(SESSION, filler, 1514, "data", 0);
    channel.flush(0);
    return channel.blocked && !channel.hasRoom;
  });
});
