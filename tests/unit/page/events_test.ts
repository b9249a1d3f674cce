// Tests of reading server-sent events.

import { assertEquals } from "@std/assert";
import { chunksOf, readEvents } from "../../../src/page/events.js";

const TEXT = 'retry: 2000\n\n:\n\nid: 1\nevent: status\ndata: {"name":"大阪"}\n\n' +
  "data: a\ndata:  b\n\nevent: empty\n\nevent: cut\ndata: never complete\n";
const EVENTS = [
  { type: "status", data: '{"name":"大阪"}' },
  { type: "message", data: "a\n b" },
];

async function read(chunks: Uint8Array[]): Promise<unknown[]> {
  return await Array.fromAsync(readEvents(chunksOf(ReadableStream.from(chunks))));
}

Deno.test("readEvents() gives the same events in whatever pieces they come", async () => {
  const bytes = new TextEncoder().encode(TEXT);
  assertEquals(await read([bytes]), EVENTS);
  assertEquals(await read(Array.from(bytes, (byte) => Uint8Array.of(byte))), EVENTS);
  for (let at = 1; at < bytes.length; at++) {
    assertEquals(await read([bytes.subarray(0, at), bytes.subarray(at)]), EVENTS);
  }
});

Deno.test("chunksOf() cancels the stream when nobody reads on", async () => {
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("data: x\n\n")),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const { data } of readEvents(chunksOf(stream))) {
    assertEquals(data, "x");
    break;
  }
  assertEquals(cancelled, true);
});
