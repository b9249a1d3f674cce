import { assert, assertEquals, assertThrows } from "@std/assert";
import { SystemError } from "../../../ffi/errno.ts";
import { EventSet } from "../../../ffi/event_set.ts";
import { EventFd } from "../../../ffi/eventfd.ts";
import { POLLIN, POLLOUT } from "../../../ffi/poll.ts";

/** An EventSet and some EventFds, closed at the end of a test. */
class Fixture implements Disposable {
  readonly set: EventSet;
  readonly events: EventFd[];

  constructor(count: number, capacity = 8) {
    this.set = new EventSet(capacity);
    this.events = Array.from({ length: count }, () => EventFd.open());
  }

  /** The tags of the descriptors that are ready now. */
  ready(): number[] {
    return Array.from({ length: this.set.wait(0) }, (_, i) => this.set.tag(i));
  }

  [Symbol.dispose](): void {
    this.set.close();
    for (const event of this.events) event.close();
  }
}

Deno.test("EventSet.wait() reports the tags and events of ready descriptors", () => {
  using fixture = new Fixture(3);
  const { set, events: [quiet, signalled, writable] } = fixture;
  set.add(quiet.fd, POLLIN, 1);
  set.add(signalled.fd, POLLIN, 0xffff_ffff);
  set.add(writable.fd, POLLIN | POLLOUT, 3);
  signalled.signal();
  assertEquals(set.wait(1000), 2);
  const found = [0, 1].map((i) => [set.tag(i), set.events(i)]);
  assertEquals(found.sort(([a], [b]) => a - b), [[3, POLLOUT], [0xffff_ffff, POLLIN]]);
});

Deno.test("EventSet.wait() reports a descriptor that stays ready again, after the others", () => {
  using fixture = new Fixture(3, 1);
  fixture.events.forEach((event, i) => {
    fixture.set.add(event.fd, POLLIN, i);
    event.signal();
  });
  const told = Array.from({ length: 6 }, () => fixture.ready()).flat();
  assertEquals(told.slice(3), told.slice(0, 3));
  assertEquals(new Set(told).size, 3);
});

Deno.test("EventSet.modify() changes the events waited for", () => {
  using fixture = new Fixture(1);
  const { set, events: [event] } = fixture;
  set.add(event.fd, POLLIN, 1);
  assertEquals(fixture.ready(), []);
  set.modify(event.fd, POLLIN | POLLOUT, 2);
  assertEquals(fixture.ready(), [2]);
});

Deno.test("EventSet forgets a descriptor that is removed or closed", () => {
  using fixture = new Fixture(2);
  const { set, events: [removed, closed] } = fixture;
  for (const event of [removed, closed]) {
    set.add(event.fd, POLLIN, 1);
    event.signal();
  }
  set.remove(removed.fd);
  closed.close();
  assertEquals(fixture.ready(), []);
});

Deno.test("EventSet.waitMicroseconds() returns when a descriptor is ready or the time is over", () => {
  using fixture = new Fixture(1);
  const { set, events: [event] } = fixture;
  set.add(event.fd, POLLIN, 7);
  const startMs = performance.now();
  assertEquals(set.waitMicroseconds(500), 0);
  assert(performance.now() - startMs >= 0.5);
  event.signal();
  assertEquals(set.waitMicroseconds(900), 1);
  assertEquals(set.tag(0), 7);
});

Deno.test("EventSet.add() throws when a descriptor cannot be waited for", () => {
  using fixture = new Fixture(1);
  const { set, events: [event] } = fixture;
  set.add(event.fd, POLLIN, 1);
  const twice = assertThrows(() => set.add(event.fd, POLLIN, 1), SystemError);
  assertEquals(twice.message, "Cannot wait for a descriptor: File exists");
  assertThrows(() => set.add(-1, POLLIN, 1), SystemError, "Bad file descriptor");
});
