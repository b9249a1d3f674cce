import { assert, assertEquals } from "@std/assert";
import { ERRNO } from "../../../ffi/errno.ts";
import { Pinned } from "../../../ffi/pinned.ts";
import { StreamSender } from "../../../ffi/stream_sender.ts";
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
