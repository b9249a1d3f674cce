// The admission of clients to a server, and its limits.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Admission,
  AT_THE_DOOR,
  AT_THE_DOOR_OF_ONE,
  boundedClients,
} from "../../../src/server/admission.ts";
import { allowList, proxyList } from "../../../src/net/address_list.ts";
import { REASON } from "../../../src/wire/mod.ts";

const ALLOW = allowList(["10.0.0.0/8"]);
const NONE = proxyList([]);

function anAdmission(maxClients?: number): Admission {
  return new Admission({ allow: ALLOW, proxies: NONE, maxClients });
}

/** Lets a connection arrive and wait at the door. */
function arrive(admission: Admission, address = "10.0.0.1"): number {
  const arrival = admission.arrive(address);
  assert("id" in arrival);
  return arrival.id;
}

/** Lets a client in. */
function enter(admission: Admission, peer?: string): number {
  const id = arrive(admission);
  assertEquals(admission.refusal(peer), undefined);
  admission.enter(id, peer);
  return id;
}

Deno.test("Admission.arrive() refuses an address that is not on the list", () => {
  const admission = anAdmission();
  assertEquals(admission.arrive("192.0.2.1"), { refused: "not on the allow list" });
  assertEquals(admission.atTheDoor, []);
});

Deno.test("Admission.arrive() drops no connection while there is room", () => {
  const admission = anAdmission();
  const first = admission.arrive("10.0.0.1");
  const second = admission.arrive("10.0.0.1");
  assertEquals([first, second], [{ id: 1, givesWay: undefined }, { id: 2, givesWay: undefined }]);
  assertEquals(admission.atTheDoor, [1, 2]);
});

Deno.test("Admission.arrive() drops an address's oldest connection beyond 64", () => {
  const admission = anAdmission();
  const other = arrive(admission, "10.0.0.2");
  const ids = Array.from({ length: AT_THE_DOOR_OF_ONE }, () => arrive(admission));
  for (const expected of ids.slice(0, 3)) {
    const arrival = admission.arrive("10.0.0.1");
    assertEquals("id" in arrival && arrival.givesWay, expected);
    assert(!admission.waits(expected));
  }
  assert(admission.waits(other));
  assertEquals(admission.atTheDoor.length, AT_THE_DOOR_OF_ONE + 1);
});

Deno.test("Admission.arrive() drops the oldest connection beyond 256", () => {
  const admission = anAdmission();
  const ids = Array.from(
    { length: AT_THE_DOOR },
    (_, n) => arrive(admission, `10.0.0.${n % 10}`),
  );
  const arrival = admission.arrive("10.0.1.1");
  assertEquals("id" in arrival && arrival.givesWay, ids[0]);
  assertEquals(admission.atTheDoor.length, AT_THE_DOOR);
});

const PROXIES = proxyList(["192.0.2.0/28"]);
const PROXY = "192.0.2.5";

function withProxies(): Admission {
  return new Admission({ allow: ALLOW, proxies: PROXIES });
}

/** Lets a connection of a proxy arrive, and send the client's address. */
function arriveFor(admission: Admission, address: string): number {
  const id = arrive(admission, PROXY);
  assert("id" in admission.identify(id, address));
  return id;
}

Deno.test("Admission.arrive() admits a proxy that is not on the allow list, and asks for the client", () => {
  const admission = withProxies();
  assertEquals(admission.arrive(PROXY), { id: 1, givesWay: undefined, proxied: true });
  assertEquals(admission.arrive("10.0.0.1"), { id: 2, givesWay: undefined });
  assertEquals(admission.arrive("192.0.2.200"), { refused: "not on the allow list" });
  // A proxy that may also be a client must still send the client's address.
  const both = new Admission({ allow: ALLOW, proxies: proxyList(["10.0.0.9"]) });
  assertEquals(both.arrive("10.0.0.9"), { id: 1, givesWay: undefined, proxied: true });
});

Deno.test("Admission.identify() applies the allow list to the client behind a proxy", () => {
  const admission = withProxies();
  const id = arrive(admission, PROXY);
  assertEquals(admission.identify(id, "10.0.0.1"), { id, givesWay: undefined });
  assert(admission.waits(id));
  const other = arrive(admission, PROXY);
  assertEquals(admission.identify(other, "192.0.2.5"), { refused: "not on the allow list" });
  assertEquals(admission.atTheDoor, [id]);
});

Deno.test("Admission.identify() drops the oldest connection of a client that has its share", () => {
  const admission = withProxies();
  const others = arriveFor(admission, "10.0.0.2");
  const ids = Array.from({ length: AT_THE_DOOR_OF_ONE }, () => arriveFor(admission, "10.0.0.1"));
  const next = arrive(admission, PROXY);
  assertEquals(admission.identify(next, "10.0.0.1"), { id: next, givesWay: ids[0] });
  // The share is that of the address, by whatever way it comes.
  const direct = admission.arrive("10.0.0.1");
  assert("id" in direct);
  assertEquals(direct.givesWay, ids[1]);
  assert(admission.waits(others));
});

Deno.test("Admission.arrive() limits the connections of a proxy only by the total", () => {
  const admission = withProxies();
  const ids = Array.from({ length: AT_THE_DOOR }, () => arrive(admission, PROXY));
  assertEquals(admission.atTheDoor.length, AT_THE_DOOR);
  const next = admission.arrive(PROXY);
  assert("id" in next);
  assertEquals(next.givesWay, ids[0]);
  assertEquals(admission.atTheDoor.length, AT_THE_DOOR);
});

Deno.test("Admission.change() applies to the proxies", () => {
  const admission = withProxies();
  admission.change({ allow: ALLOW, proxies: NONE });
  assertEquals(admission.arrive(PROXY), { refused: "not on the allow list" });
  admission.change({ allow: ALLOW, proxies: PROXIES });
  assert("id" in admission.arrive(PROXY));
});

Deno.test("Admission.left() makes room at the door", () => {
  const admission = anAdmission();
  const ids = Array.from({ length: AT_THE_DOOR_OF_ONE }, () => arrive(admission));
  assertEquals(admission.left(ids[5]), undefined);
  const arrival = admission.arrive("10.0.0.1");
  assertEquals("id" in arrival && arrival.givesWay, undefined);
});

Deno.test("Admission.refusal() admits up to the maximum number of clients", () => {
  const admission = anAdmission(2);
  const first = enter(admission, "a");
  enter(admission);
  for (const peer of ["b", undefined]) {
    assertEquals(admission.refusal(peer), {
      reason: REASON.FULL,
      text: "2 clients are connected already (--max-clients)",
    });
  }
  admission.left(first);
  assertEquals(admission.refusal("b"), undefined);
});

Deno.test("Admission.refusal() does not count connections at the door", () => {
  const admission = anAdmission(1);
  for (let n = 0; n < 5; n++) arrive(admission);
  assertEquals(admission.refusal("a"), undefined);
});

Deno.test("Admission.refusal() admits a client that is already inside, which takes its own place", () => {
  const admission = anAdmission(1);
  const old = enter(admission, "a");
  const again = enter(admission, "a");
  admission.left(old);
  assert(admission.refusal("b") !== undefined);
  assertEquals(admission.refusal("a"), undefined);
  admission.left(again);
  assertEquals(admission.refusal("b"), undefined);
});

Deno.test("Admission.refusal() admits a client as long as its sessions are held", () => {
  const admission = anAdmission(1);
  const first = enter(admission, "a");
  admission.held("a", 3);
  assertEquals(admission.left(first), 3);
  enter(admission, "b");
  assertEquals(admission.refusal("a"), undefined);
  admission.held("a", 0);
  assert(admission.refusal("a") !== undefined);
});

Deno.test("Admission.enter() returns the number of held sessions once", () => {
  const admission = anAdmission();
  admission.held("a", 3);
  assertEquals(admission.enter(arrive(admission), "b"), undefined);
  assertEquals(admission.enter(arrive(admission), undefined), undefined);
  assertEquals(admission.enter(arrive(admission), "a"), 3);
  assertEquals(admission.enter(arrive(admission), "a"), undefined);
});

Deno.test("Admission.enter() throws for a connection that has left the door", () => {
  const admission = anAdmission();
  const id = arrive(admission);
  admission.left(id);
  assertThrows(() => admission.enter(id, "a"), Error, "Cannot let connection 1 in: it has left");
});

Deno.test("Admission.change() applies to new clients, and lets the others stay", () => {
  const admission = anAdmission(3);
  const waiting = arrive(admission);
  enter(admission, "a");
  admission.change({ allow: allowList(["192.0.2.0/24"]), proxies: NONE, maxClients: 1 });
  assertEquals(admission.arrive("10.0.0.1"), { refused: "not on the allow list" });
  assert(admission.waits(waiting));
  assert(admission.refusal("b") !== undefined);
  assertEquals(String(admission.allow), "192.0.2.0/24");
});

Deno.test("boundedClients() is 256 by default, and at most 1000", () => {
  assertEquals([boundedClients(), boundedClients(7), boundedClients(5000)], [256, 7, 1000]);
});

Deno.test("Admission never exceeds its bounds, in any order of events", () => {
  const address = fc.integer({ min: 1, max: 5 }).map((n) => `10.0.0.${n}`);
  const peer = fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined });
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ is: fc.constant("arrive" as const), address }) },
    { weight: 1, arbitrary: fc.record({ is: fc.constant("enter" as const), peer, at: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ is: fc.constant("left" as const), at: fc.nat() }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600, size: "max" }), (steps) => {
      const admission = anAdmission(5);
      const addresses = new Map<number, string>();
      let inside = 0;
      for (const step of steps) {
        const { atTheDoor } = admission;
        if (step.is === "arrive") addresses.set(arrive(admission, step.address), step.address);
        else if (atTheDoor.length === 0) continue;
        else if (step.is === "left") admission.left(atTheDoor[step.at % atTheDoor.length]);
        // Peers that are already inside are admitted beyond the maximum; those without a key never are.
        else if (admission.refusal(undefined) === undefined) {
          admission.enter(atTheDoor[step.at % atTheDoor.length], step.peer);
          inside++;
        }
        const door = admission.atTheDoor;
        assert(door.length <= AT_THE_DOOR && inside <= 5);
        for (let n = 1; n <= 5; n++) {
          const same = door.filter((id) => addresses.get(id) === `10.0.0.${n}`);
          assert(same.length <= AT_THE_DOOR_OF_ONE);
        }
      }
    }),
    { numRuns: 30 },
  );
});

function warning(listening: string, allow: string[], proxies: string[]): string | undefined {
  const rules = { allow: allowList(allow), proxies: proxyList(proxies) };
  return new Admission(rules).warning(listening);
}

Deno.test("Admission.warning() needs no client on the allow list that can reach the server itself, if a proxy can", () => {
  assertEquals(warning("127.0.0.1", ["203.0.113.0/24"], ["127.0.0.1"]), undefined);
  assertEquals(warning("::1", ["203.0.113.0/24"], ["::1"]), undefined);
  assertEquals(warning("192.0.2.1", ["2001:db8::/32"], ["192.0.2.10"]), undefined);
  assertEquals(warning("127.0.0.1", ["127.0.0.1"], ["192.0.2.10"]), undefined);
  const [start, end] = ["Nobody can connect to", "can reach it: change --listen"];
  assertEquals(
    warning("127.0.0.1", ["203.0.113.0/24"], ["192.0.2.10"]),
    `${start} 127.0.0.1, because no address on the allow list, and no proxy, ${end}, ` +
      "--proxy-protocol or --allow",
  );
  assertEquals(
    warning("127.0.0.1", ["203.0.113.0/24"], []),
    `${start} 127.0.0.1, because no address on the allow list ${end} or --allow`,
  );
});

Deno.test("Admission.warning() tells that nobody behind a proxy is on the default allow list", () => {
  const advice =
    "can connect, because --allow is missing: add the addresses of the clients, such as " +
    "--allow 198.51.100.7";
  for (const listening of ["127.0.0.1", "::1"]) {
    assertEquals(warning(listening, [], [listening]), `Nobody behind a proxy ${advice}`);
    assertEquals(warning(listening, [], []), undefined);
  }
  assertEquals(warning("0.0.0.0", [], ["192.0.2.10"]), `Nobody but this machine ${advice}`);
  assertEquals(warning("192.0.2.1", [], ["192.0.2.10"]), `Nobody ${advice}`);
});
