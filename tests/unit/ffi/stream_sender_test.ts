import { assert, assertEquals } from "@std/assert";
import { ERRNO } from "../../../ffi/errno.ts";
import { Pinned } from "../../../ffi/pinned.ts";
import { StreamSender } from "../../../ffi/stream_sender.ts";
import { getOption } from "../../../ffi/socket_option.ts";
import { receive } from "../../../ffi/tcp.ts";
import { TcpPair } from "../../support/tcp_pair.ts";

const memory = (first: number) => new Pinned(Uint8Array.from({ length: 100 }, (_, i) => first + i));

Deno.test("StreamSender.send() sends the pieces in order, also from several buffers", async () => {
  await using pair = await TcpPair.make();
  const sender = new StreamSender(pair.clientFd, 3);
  const [one, two] = [memory(0), memory(100)];
  assert(sender.add(one, 10, 12));
  assert(sender.add(two, 0, 3));
  assert(sender.add(one, 12, 14));
  assertEquals(sender.bytes, 7);
  assertEquals(sender.send(), 7);
  assertEquals(sender.bytes, 0);
  const bytes = new Uint8Array(16);
  assertEquals(receive(pair.serverFd, bytes), 7);
  assertEquals([...bytes.subarray(0, 7)], [10, 11, 100, 101, 102, 12, 13]);
});

Deno.test("StreamSender.add() rejects pieces beyond its capacity, unless they continue the last one", () => {
  const sender = new StreamSender(-1, 2);
  const one = memory(0);
  assert(sender.add(one, 0, 5));
  assert(sender.add(one, 10, 15));
  assert(sender.add(one, 15, 20), "it goes on where the last one ends");
  assertEquals(sender.add(one, 30, 35), false);
  assertEquals(sender.bytes, 15);
});

Deno.test("StreamSender.send() returns the error and removes the pieces", () => {
  const sender = new StreamSender(-1);
  sender.add(memory(0), 0, 5);
  assertEquals(sender.send(), -ERRNO.EBADF);
  assertEquals(sender.bytes, 0);
  assert(sender.add(memory(0), 0, 5));
});

Deno.test("StreamSender.send() sends a part when the socket has no room for all", async () => {
  await using pair = await TcpPair.make();
  const sender = new StreamSender(pair.clientFd);
  const large = new Pinned(new Uint8Array(1 << 20));
  let sent = 0;
  for (let part = 1; part > 0; sent += Math.max(0, part)) {
    sender.add(large, 0, 1 << 20);
    part = sender.send();
    if (part < 0) assertEquals(part, -ERRNO.EAGAIN);
  }
  assert(sent > 0);
});

/** Reads words of `struct tcp_info` from linux/tcp.h. */
function tcpInfoWords(fd: number): Uint32Array {
  const words = new Uint32Array(58);
  assert(getOption(fd, 6, 11, words) > 0);
  return words;
}

/** The number of segments with data that were sent. */
const dataSegmentsOut = (fd: number) => tcpInfoWords(fd)[39];
/** The size of the largest segments that have arrived, at least 536. */
const receivedMss = (fd: number) => tcpInfoWords(fd)[5];

Deno.test("StreamSender.limitSegments() makes segments of the given size from pieces of any size", async () => {
  await using pair = await TcpPair.make();
  const sender = new StreamSender(pair.clientFd);
  const before = dataSegmentsOut(pair.clientFd);
  sender.limitSegments(30);
  const [one, two] = [memory(0), memory(100)];
  sender.add(one, 10, 60);
  sender.add(two, 0, 5);
  sender.add(one, 0, 3);
  sender.add(two, 10, 22);
  assertEquals(sender.send(), 70);
  assertEquals(sender.bytes, 0);
  const bytes = new Uint8Array(100);
  assertEquals(receive(pair.serverFd, bytes), 70);
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  assertEquals([...bytes.subarray(0, 70)], [
    ...range(10, 60),
    ...range(100, 105),
    ...range(0, 3),
    ...range(110, 122),
  ]);
  // 30, 30 and 10 bytes.
  assertEquals(dataSegmentsOut(pair.clientFd) - before, 3);
});

Deno.test("StreamSender.limitSegments() keeps every byte in order when the socket has no room for all", async () => {
  await using pair = await TcpPair.make();
  const sender = new StreamSender(pair.clientFd, 3);
  sender.limitSegments(1180);
  const content = Uint8Array.from({ length: 1 << 24 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  const memory = new Pinned(content);
  const into = new Uint8Array(content.length);
  let [sent, received, refusals] = [0, 0, 0];
  while (received < content.length) {
    // The pieces have odd sizes, and one batch has more segments than one call sends.
    for (let piece = 0, at = sent; piece < 3 && at < content.length; piece++) {
      const end = Math.min(content.length, at + 65_537);
      sender.add(memory, at, end);
      at = end;
    }
    const { bytes } = sender;
    const count = sender.send();
    if (count < bytes) {
      refusals++;
      if (count < 0) assertEquals(count, -ERRNO.EAGAIN);
    }
    sent += Math.max(0, count);
    if (count === bytes && sent < content.length) continue;
    const read = receive(pair.serverFd, into.subarray(received));
    if (read > 0) received += read;
    else await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assertEquals(sent, content.length);
  assert(into.every((byte, i) => byte === content[i]));
  assert(refusals > 0);
  assert(receivedMss(pair.serverFd) <= 1180);
});

Deno.test("StreamSender.limitSegments() leaves errors as they are", () => {
  const sender = new StreamSender(-1);
  sender.limitSegments(1180);
  assertEquals(sender.send(), 0);
  sender.add(memory(0), 0, 5);
  assertEquals(sender.send(), -ERRNO.EBADF);
  assertEquals(sender.bytes, 0);
});
