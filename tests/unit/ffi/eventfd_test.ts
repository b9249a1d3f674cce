import { assert, assertEquals } from "@std/assert";
import { EventFd, signalEventFd } from "../../../ffi/eventfd.ts";
import { POLLIN, PollSet } from "../../../ffi/poll.ts";

Deno.test("EventFd is readable from a signal to the next drain", () => {
  const event = EventFd.open();
  const set = new PollSet(1);
  set.add(event.fd, POLLIN);
  assertEquals([set.wait(0), event.drain()], [0, false]);
  event.signal();
  signalEventFd(event.fd);
  assertEquals([set.wait(0), event.drain()], [1, true]);
  assertEquals([set.wait(0), event.drain()], [0, false]);
  event.close();
});

Deno.test("EventFd closes its descriptor once", () => {
  const event = EventFd.open();
  event.close();
  event.close();
  assertEquals([event.fd, event.drain()], [-1, false]);
});

Deno.test("signalEventFd() wakes a thread that waits in poll", async () => {
  const event = EventFd.open();
  const answer = EventFd.open();
  const worker = new Worker(new URL("./eventfd_worker.ts", import.meta.url), { type: "module" });
  worker.postMessage({ wait: event.fd, answer: answer.fd });
  signalEventFd(event.fd);
  const set = new PollSet(1);
  set.add(answer.fd, POLLIN);
  assertEquals(await set.waitAsync(10_000), 1);
  assert(answer.drain());
  worker.terminate();
  event.close();
  answer.close();
});
