// The transport over TLS, between both ends of a connection over loopback.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { openssl, Pinned, send, TlsMemory } from "../../../ffi/mod.ts";
import { SealedBytes } from "../../../src/transport/sealed_bytes.ts";
import { TcpTransport } from "../../../src/transport/tcp.ts";
import { TlsBuffers, TlsTransport } from "../../../src/transport/tls.ts";
import {
  READ_BYTES as PART_BYTES,
  ReadMemory,
  TlsReader,
} from "../../../src/transport/tls_reader.ts";
import { AGAIN, BROKEN, type Transport } from "../../../src/transport/transport.ts";
import { Channel } from "../../../src/tunnel/channel.ts";
import { FRAME } from "../../../src/wire/mod.ts";
import { tlsConnections, TlsPair } from "../../support/tls_pair.ts";
import { until } from "../../support/until.ts";

const ssl = openssl();
const KEY_UPDATE_REQUESTED = 1;
/** A function of libssl that only these tests need. */
const { symbols: more } = Deno.dlopen("libssl.so.3", {
  SSL_set_block_padding: { parameters: ["pointer", "usize"], result: "i32" },
});
/** The size of a read in production. */
const READ_BYTES = 256 * 1024;

/** Reads until bytes have come, or the connection has ended. */
async function receive(transport: Transport, into = new Uint8Array(READ_BYTES)): Promise<number> {
  return await until("bytes arrive", () => {
    const count = transport.receive(into);
    return count === AGAIN ? undefined : { count };
  }).then(({ count }) => count);
}

/** Sends bytes that the socket has room for. */
function sendAll(transport: Transport, bytes: Uint8Array<ArrayBuffer>): void {
  transport.add(new Pinned(bytes), 0, bytes.length);
  assertEquals(transport.send(), bytes.length);
  assertEquals(transport.heldBytes, 0);
}

/** Makes bytes that look random, and are the same each time. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = state * 48271 % 0x7fff_ffff) & 0xff);
}

/** Sends bytes in batches of pieces, as far as the transport takes them, and returns those that it took. */
class Sender {
  at = 0;
  refusals = 0;
  readonly #memory: Pinned;
  readonly #transport: Transport;
  #size = 1;

  constructor(transport: Transport, bytes: Uint8Array<ArrayBuffer>) {
    this.#transport = transport;
    this.#memory = new Pinned(bytes);
  }

  get done(): boolean {
    return this.at === this.#memory.bytes.length && this.#transport.heldBytes === 0;
  }

  step(): void {
    const transport = this.#transport;
    let end = this.at;
    for (let piece = 0; piece < 5; piece++) {
      this.#size = this.#size * 7 % 40_009;
      const next = Math.min(end + this.#size, this.#memory.bytes.length);
      // A gap, so that the pieces are not merged, would change the bytes; other memory does the same.
      const memory = piece % 2 === 0
        ? this.#memory
        : new Pinned(this.#memory.bytes.slice(end, next));
      if (next === end) break;
      const added = memory === this.#memory
        ? transport.add(memory, end, next)
        : transport.add(memory, 0, next - end);
      assert(added);
      end = next;
    }
    const offered = end - this.at;
    const taken = transport.send();
    assert(taken !== BROKEN, transport.failure);
    if (taken > 0) this.at += taken;
    if (taken < offered || transport.heldBytes > 0) this.refusals++;
  }
}

Deno.test("TlsTransport carries bytes both ways, in order, while sockets refuse some of them", async () => {
  await using pair = await TlsPair.make();
  const bytes = pattern(12_000_000);
  const ends = [pair.client, pair.server] as const;
  for (const end of ends) end.limitUnsent(20_000);
  const senders = ends.map((end) => new Sender(end, bytes));
  const received = ends.map(() => new Uint8Array(bytes.length));
  const counts = [0, 0];
  const into = new Uint8Array(READ_BYTES);
  await until("all bytes arrive", () => {
    for (const [n, end] of ends.entries()) {
      for (let turn = 0; turn < 20; turn++) senders[1 - n].step();
      const count = end.receive(into);
      if (count === AGAIN) continue;
      assert(count > 0, end.failure);
      received[n].set(into.subarray(0, count), counts[n]);
      counts[n] += count;
    }
    return senders.every(({ done }) => done) && counts.every((count) => count === bytes.length);
  });
  assert(senders.every(({ refusals }) => refusals > 20), `${senders.map((s) => s.refusals)}`);
  for (const all of received) assert(all.every((byte, at) => byte === bytes[at]));
  await until("all bytes are acknowledged", () => {
    return ends.every((end) => end.unacknowledgedBytes() === 0) || undefined;
  });
});

Deno.test("TlsTransport keeps about one record once its socket is full, and counts it as unsent", async () => {
  await using pair = await TlsPair.make();
  const { client } = pair;
  client.limitUnsent(4096);
  const memory = new Pinned(new Uint8Array(64 * 1024));
  let taken = 0;
  for (let calls = 0; calls < 1000; calls++) {
    client.add(memory, 0, memory.bytes.length);
    const count = client.send();
    if (count === AGAIN) break;
    taken += count;
  }
  assert(client.heldBytes > 0 && client.heldBytes <= 4 * 16_406, `${client.heldBytes}`);
  assert(client.status().unsentBytes >= client.heldBytes);
  assert(client.unacknowledgedBytes() <= taken);
  // Until there is room, nothing more is taken, and an empty batch changes nothing.
  client.add(memory, 0, 100);
  assertEquals(client.send(), AGAIN);
  assertEquals([client.bytes, client.send()], [0, AGAIN]);
});

Deno.test("TlsTransport.unacknowledgedBytes() counts a record until all of it is acknowledged", () => {
  const flight = new SealedBytes();
  assertEquals(flight.sealed(40_000, 40_066), 3);
  assertEquals(flight.unacknowledged(0), 40_000);
  assertEquals(flight.unacknowledged(16_405), 40_000);
  assertEquals(flight.unacknowledged(16_406), 40_000 - 16_384);
  assertEquals(flight.unacknowledged(40_065), 40_000 - 2 * 16_384);
  assertEquals(flight.sealed(10, 40_098), 1);
  assertEquals(flight.unacknowledged(40_066), 10);
  assertEquals(flight.unacknowledged(40_098), 0);
});

Deno.test("SealedBytes never counts a record too early when it follows many", () => {
  const flight = new SealedBytes();
  for (let n = 1; n <= 2000; n++) flight.sealed(100, n * 122);
  for (let n = 0; n <= 2000; n++) {
    const left = flight.unacknowledged(n * 122);
    assert(left >= (2000 - n) * 100, `${n}: ${left}`);
  }
  assertEquals(flight.unacknowledged(2000 * 122), 0);
});

Deno.test("TlsTransport changes its key after so many records, in both directions, and goes on", async () => {
  const records = 3;
  await using pair = await TlsPair.make(records);
  const into = new Uint8Array(READ_BYTES);
  for (let n = 0; n < 40; n++) {
    for (const [from, to] of [[pair.client, pair.server], [pair.server, pair.client]]) {
      const bytes = pattern(1000 + n);
      sendAll(from, bytes);
      assertEquals(await receive(to, into), bytes.length);
      assertEquals(into.subarray(0, bytes.length), bytes);
    }
  }
});

Deno.test("TlsTransport answers a change of key that asks for one, with its next data", async () => {
  await using pair = await TlsPair.make();
  const pointer = Deno.UnsafePointer.create(pair.connections.client.address);
  ssl.SSL_key_update(pointer, KEY_UPDATE_REQUESTED);
  for (const [from, to] of [[pair.client, pair.server], [pair.server, pair.client]]) {
    sendAll(from, pattern(100));
    assertEquals(await receive(to), 100);
  }
  sendAll(pair.client, pattern(50));
  assertEquals(await receive(pair.server), 50);
});

Deno.test("TlsTransport ends a connection whose peer keeps changing its key, and answers none of it", async () => {
  await using pair = await TlsPair.make();
  const { client } = pair.connections;
  const pointer = Deno.UnsafePointer.create(client.address);
  const sealed = new Uint8Array(64 * 1024);
  let length = 0;
  for (let n = 0; n < 100; n++) {
    ssl.SSL_key_update(pointer, KEY_UPDATE_REQUESTED);
    ssl.SSL_do_handshake(pointer);
    length += client.take(sealed.subarray(length));
  }
  assertEquals(send(pair.tcp.clientFd, sealed.subarray(0, length)), length);
  assertEquals(await receive(pair.server), BROKEN);
  assertMatch(pair.server.failure, /the peer sends too many TLS messages/);
  assert(pair.server.heldBytes < 1000);
  assertEquals(pair.server.send(), BROKEN);
});

Deno.test("TlsTransport.receive() returns what came before a fault, then the fault", async () => {
  await using pair = await TlsPair.make();
  const { client } = pair.connections;
  const data = new Pinned(pattern(100));
  const sealed = new Uint8Array(1000);
  client.write(data.address, 100);
  const good = client.take(sealed);
  client.write(data.address, 100);
  const length = good + client.take(sealed.subarray(good));
  sealed[length - 1] ^= 1;
  send(pair.tcp.clientFd, sealed.subarray(0, length));
  assertEquals(await receive(pair.server), 100);
  assertEquals(await receive(pair.server), BROKEN);
  assertMatch(pair.server.failure, /^the connection broke: TLS: .*bad record mac/);
});

Deno.test("TlsTransport tells its peer of a fault behind refused bytes, and disturbs no other connection", async () => {
  await using pair = await TlsPair.make();
  await using other = await TlsPair.make(undefined, undefined, pair.buffers);
  const { client } = pair.connections;
  const { server } = pair;
  server.limitUnsent(4096);
  const memory = new Pinned(pattern(64 * 1024));
  while (server.heldBytes === 0) {
    server.add(memory, 0, memory.bytes.length);
    const count = server.send();
    assert(count > 0);
  }
  const held = server.heldBytes;
  const data = new Pinned(pattern(100));
  const sealed = new Uint8Array(1000);
  client.write(data.address, 100);
  const length = client.take(sealed);
  sealed[length - 1] ^= 1;
  send(pair.tcp.clientFd, sealed.subarray(0, length));
  assertEquals(await receive(server), BROKEN);
  assert(server.heldBytes > held - 4096 && server.heldBytes < held + 100, `${server.heldBytes}`);
  // Nothing of the fault is left in the memory that both use.
  for (const [from, to] of [[other.client, other.server], [other.server, other.client]]) {
    sendAll(from, pattern(50_000));
    const into = new Uint8Array(READ_BYTES);
    let count = 0;
    while (count < 50_000) count += await receive(to, into);
    assertEquals(count, 50_000);
  }
});

Deno.test("TlsTransport.receive() ends with the peer's stream, whether it says so or not", async () => {
  for (const says of [true, false]) {
    await using pair = await TlsPair.make();
    sendAll(pair.client, pattern(10));
    if (says) pair.client.shutdown();
    else await pair.tcp.client.closeWrite();
    assertEquals(await receive(pair.server), 10);
    assertEquals(await receive(pair.server), 0);
    // The other direction still works.
    sendAll(pair.server, pattern(20));
    assertEquals(await receive(pair.client), 20);
  }
});

Deno.test("TlsTransport.receive() ends with the peer's last message, although the socket stays open", async () => {
  await using pair = await TlsPair.make();
  const { client } = pair.connections;
  client.end();
  const sealed = new Uint8Array(100);
  send(pair.tcp.clientFd, sealed.subarray(0, client.take(sealed)));
  assertEquals(await receive(pair.server), 0);
});

Deno.test("TlsTransport.receive() reads less at once from a peer whose records are small", async () => {
  await using pair = await TlsPair.make();
  const { client } = pair.connections;
  const data = new Pinned(pattern(1));
  const sealed = new Uint8Array(100_000);
  let length = 0;
  for (let n = 0; n < 4000; n++) {
    client.write(data.address, 1);
    length += client.take(sealed.subarray(length));
  }
  assertEquals(send(pair.tcp.clientFd, sealed.subarray(0, length)), length);
  const counts: number[] = [];
  for (let all = 0; all < 4000; all += counts.at(-1)!) counts.push(await receive(pair.server));
  assert(counts.slice(1).every((count) => count <= 16 * 1024 / 23 + 1), `${counts}`);
});

Deno.test("TlsReader reads as much padding at once as data, from a peer that sends without a pause", () => {
  const { client, server } = tlsConnections();
  const padding = more.SSL_set_block_padding(Deno.UnsafePointer.create(client.address), 16_384n);
  assertEquals(padding, 1);
  const data = new Pinned(pattern(1));
  const sealed = new Uint8Array(20_000);
  let [at, end, bytes] = [0, 0, 0];
  // Fills every buffer, like a socket that always has more.
  const receive = (into: Uint8Array) => {
    for (let filled = 0; filled < into.length;) {
      if (at === end) {
        client.write(data.address, 1);
        [at, end] = [0, client.take(sealed)];
        assert(end > 16_384);
      }
      const part = sealed.subarray(at, Math.min(end, at + into.length - filled));
      into.set(part, filled);
      filled += part.length;
      at += part.length;
    }
    bytes += into.length;
    assert(bytes < 100_000_000, "the read does not end");
    return into.length;
  };
  using memory = new TlsMemory(PART_BYTES, 1);
  server.share(memory);
  const reader = new TlsReader({ fd: -1, receive }, server, new ReadMemory(memory));
  const into = new Uint8Array(READ_BYTES);
  for (let turn = 0; turn < 10; turn++) {
    bytes = 0;
    const count = reader.receive(into);
    assert(count > 0 && count < 20, `${count}`);
    assert(bytes <= READ_BYTES, `${bytes}`);
  }
  for (const connection of [client, server]) connection.free();
});

Deno.test("TlsTransport joins pieces of different memory", async () => {
  await using pair = await TlsPair.make();
  const [one, other] = [new Pinned(pattern(1000)), new Pinned(pattern(2000))];
  pair.client.add(one, 10, 20);
  pair.client.add(one, 20, 30);
  pair.client.add(other, 100, 130);
  pair.client.add(one, 0, 5);
  assertEquals(pair.client.send(), 55);
  const into = new Uint8Array(READ_BYTES);
  assertEquals(await receive(pair.server, into), 55);
  const { bytes } = one;
  assertEquals(
    into.slice(0, 55),
    Uint8Array.of(
      ...bytes.subarray(10, 30),
      ...other.bytes.subarray(100, 130),
      ...bytes.subarray(0, 5),
    ),
  );
});

Deno.test("TlsTransport sends small segments over a path that loses large packets", async () => {
  await using pair = await TlsPair.make();
  const tcp = new TcpTransport(pair.tcp.clientFd);
  tcp.limitSegments(500);
  const client = new TlsTransport(tcp, pair.connections.client, new TlsBuffers());
  const bytes = pattern(50_000);
  sendAll(client, bytes);
  const into = new Uint8Array(READ_BYTES);
  let count = 0;
  while (count < bytes.length) count += await receive(pair.server, into.subarray(0));
  assertEquals(count, bytes.length);
});

Deno.test("Channel sends control frames before data over TLS, and drains what TLS holds", async () => {
  await using pair = await TlsPair.make();
  pair.client.limitUnsent(4096);
  const tunnel = { legacy: false, received: new Uint8Array(0) };
  const near = new Channel({ id: 1, transport: pair.client, ...tunnel }, 0);
  const far = new Channel({ id: 2, transport: pair.server, ...tunnel }, 0);
  const frame = new Uint8Array(1600).subarray(0, 1514);
  let queued = 0;
  // Fills the socket, then the queue.
  while (near.hasRoom && queued < 20_000) {
    assert(near.queue(FRAME.SESSION, frame, frame.length, "data", 0));
    queued++;
    near.flush(0);
  }
  assert(near.blocked && near.queuedBytes > 0);
  assert(near.queue(FRAME.DISCOVERY, frame, 60, "control", 0));
  near.queueGoodbye(1, "");
  let before = 0;
  let control = -1;
  await until("the goodbye arrives", () => {
    near.unblock();
    near.flush(0);
    far.receive(0);
    while (far.nextFrame(0)) {
      if (far.type === FRAME.DISCOVERY) control = before;
      else if (far.type === FRAME.SESSION) before++;
    }
    if (far.ended === undefined) far.compact();
    return far.ended !== undefined;
  });
  assertEquals(near.queuedBytes, 0);
  assert(control >= 0 && control < queued - 100, `${control} of ${queued}`);
});

Deno.test("TlsTransport needs no more memory for more data", async () => {
  await using pair = await TlsPair.make();
  const memory = new Pinned(pattern(60_000));
  const into = new Uint8Array(READ_BYTES);
  const carry = (batches: number) => {
    for (let n = 0; n < batches; n++) {
      pair.client.add(memory, 0, memory.bytes.length);
      let left = pair.client.send();
      assert(left > 0);
      for (let turns = 0; left > 0 && turns < 100_000; turns++) {
        const count = pair.server.receive(into);
        if (count > 0) left -= count;
        else if (pair.client.heldBytes > 0) pair.client.send();
      }
    }
  };
  carry(500);
  const before = Deno.memoryUsage().rss;
  carry(3000);
  const grown = Deno.memoryUsage().rss - before;
  assert(grown < 10_000_000, `${grown} bytes`);
});
