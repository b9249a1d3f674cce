import { assertEquals } from "@std/assert";
import { LinkSender } from "../../../ffi/link_sender.ts";
import { Pinned } from "../../../ffi/pinned.ts";

Deno.test("LinkSender.push() rejects a frame when the queue is full", () => {
  const sender = new LinkSender(-1, 2);
  const memory = new Pinned(new Uint8Array(180));
  assertEquals([sender.push(memory, 0, 60), sender.push(memory, 60, 60)], [true, true]);
  assertEquals([sender.push(memory, 120, 60), sender.queued], [false, 2]);
});

Deno.test("LinkSender.flush() counts each frame that a closed descriptor refuses, and returns", () => {
  const sender = new LinkSender(-1, 8);
  const memory = new Pinned(new Uint8Array(60));
  for (let i = 0; i < 8; i++) sender.push(memory, 0, 60);
  sender.flush();
  assertEquals([sender.queued, sender.sent, sender.refusedDown], [0, 0, 8]);
  assertEquals(sender.push(memory, 0, 60), true);
});

Deno.test("LinkSender.flush() does nothing when nothing is queued", () => {
  const sender = new LinkSender(-1);
  sender.flush();
  assertEquals([sender.sent, sender.refusedDown], [0, 0]);
});

Deno.test("LinkSender.send() counts a frame that is refused", () => {
  const sender = new LinkSender(-1);
  assertEquals(sender.send(new Uint8Array(60)), false);
  assertEquals([sender.sent, sender.refusedDown], [0, 1]);
});
