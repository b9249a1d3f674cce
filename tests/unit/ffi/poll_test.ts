import { assert, assertEquals, assertThrows } from "@std/assert";
import { EventFd } from "../../../ffi/eventfd.ts";
import { POLLIN, POLLNVAL, POLLOUT, PollSet } from "../../../ffi/poll.ts";

Deno.test("PollSet.wait() reports the ready descriptors and their events", () => {
  const event = EventFd.open();
  const set = new PollSet(3);
  const both = set.add(event.fd, POLLIN | POLLOUT);
  const input = set.add(event.fd, POLLIN);
  const none = set.add(-1, POLLIN);
  assertEquals(set.wait(0), 1);
  assertEquals([both, input, none].map((index) => set.ready(index)), [POLLOUT, 0, 0]);
  event.signal();
  assertEquals(set.wait(-1), 2);
  assertEquals([both, input, none].map((i) => set.ready(i)), [POLLIN | POLLOUT, POLLIN, 0]);
  event.close();
});

Deno.test("PollSet.wait() reports POLLNVAL when a descriptor is not open", () => {
  const event = EventFd.open();
  const set = new PollSet(1);
  const index = set.add(event.fd, POLLIN);
  event.close();
  assertEquals(set.wait(1000), 1);
  assertEquals(set.ready(index), POLLNVAL);
});

Deno.test("PollSet.wait() returns when the time is over", () => {
  const event = EventFd.open();
  const set = new PollSet(1);
  set.add(event.fd, POLLIN);
  const start = performance.now();
  assertEquals(set.wait(20), 0);
  assert(performance.now() - start >= 19);
  event.close();
});

Deno.test("PollSet.clear() forgets the events found before", () => {
  const event = EventFd.open();
  event.signal();
  const set = new PollSet(1);
  set.add(event.fd, POLLIN);
  set.wait(0);
  set.clear();
  const index = set.add(-1, POLLIN);
  assertEquals(set.ready(index), 0);
  assertEquals(set.wait(0), 0);
  event.close();
});

Deno.test("PollSet.add() throws when the set is full", () => {
  const set = new PollSet(1);
  set.add(0, 0);
  assertThrows(() => set.add(0, 0), RangeError, "room for only 1");
});

Deno.test("PollSet.waitAsync() does not block the thread", async () => {
  const event = EventFd.open();
  const set = new PollSet(1);
  const index = set.add(event.fd, POLLIN);
  const waiting = set.waitAsync(10_000);
  event.signal();
  assertEquals(await waiting, 1);
  assertEquals(set.ready(index), POLLIN);
  event.drain();
  assertEquals(await set.waitAsync(1), 0);
  event.close();
});
