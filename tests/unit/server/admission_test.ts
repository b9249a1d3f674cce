// The admission of clients to a server, and its limits.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Admission,
  type AdmissionOptions,
  boundedClients,
  KNOWN_ADDRESSES,
  OTHER_DESCRIPTORS,
  placesOfOne,
  REFUSALS,
} from "../../../src/server/admission.ts";
import { AT_THE_DOOR, AT_THE_DOOR_OF_ONE } from "../../../src/server/door.ts";
import { allowList, proxyList } from "../../../src/net/address_list.ts";
import { REASON } from "../../../src/wire/mod.ts";

const ALLOW = allowList(["10.0.0.0/8"]);
const NONE = proxyList([]);

/** Makes an admission in which one address may take all places. */
function anAdmission(
  maxClients?: number,
  maxClientsPerAddress = 1000,
  options: AdmissionOptions = { random: () => 0.999 },
): Admission {
  const rules = { allow: ALLOW, proxies: NONE, maxClients, maxClientsPerAddress };
  return new Admission(rules, options);
}

/** Lets a connection arrive and wait at the door. */
function arrive(admission: Admission, address = "10.0.0.1"): number {
  const arrival = admission.arrive(address, 0);
  assert("id" in arrival, "refused" in arrival ? arrival.refused : undefined);
  return arrival.id;
}

/** Lets a client in. */
function enter(admission: Admission, peer?: string, address?: string): number {
  const id = arrive(admission, address);
  assertEquals(admission.refusal(id, peer), undefined);
  admission.enter(id, peer);
  return id;
}

/** Returns the goodbye for another client; undefined if it may enter. It leaves again. */
function refusal(
  admission: Admission,
  peer: string | undefined,
  address = "10.0.0.1",
  isProven = false,
) {
  const id = arrive(admission, address);
  const goodbye = admission.refusal(id, peer, isProven);
  admission.left(id);
  return goodbye;
}

Deno.test("Admission.arrive() refuses an address that is not on the list", () => {
  const admission = anAdmission();
  assertEquals(admission.arrive("192.0.2.1", 0), {
    refused: "not on the allow list",
    cause: "not-allowed",
  });
  assertEquals(admission.atTheDoor, []);
});

Deno.test("Admission.arrive() lets connections wait at the door", () => {
  const admission = anAdmission();
  const first = admission.arrive("10.0.0.1", 0);
  const second = admission.arrive("10.0.0.1", 0);
  assertEquals([first, second], [{ id: 1 }, { id: 2 }]);
  assertEquals(admission.atTheDoor, [1, 2]);
});

Deno.test("Admission.arrive() refuses an address beyond 64, and leaves those that wait alone", () => {
  const admission = anAdmission();
  const ids = Array.from({ length: AT_THE_DOOR_OF_ONE }, () => arrive(admission));
  assertEquals(admission.arrive("10.0.0.1", 0), {
    refused: "too many connections that have not said hello",
    cause: "crowded",
  });
  assertEquals(admission.atTheDoor, ids);
  assertEquals(admission.refused.crowded, 1);
  assert("id" in admission.arrive("10.0.0.2", 0));
});

Deno.test("Admission.arrive() refuses an address that comes too often, before it costs anything", () => {
  const admission = anAdmission(10, 5);
  let refused = 0;
  for (let n = 0; n < 200; n++) {
    const arrival = admission.arrive("10.0.0.1", 0);
    if ("id" in arrival) admission.left(arrival.id);
    else {
      assertEquals(arrival.refused, "too many connections in a short time");
      refused++;
    }
  }
  assertEquals([refused, admission.refused.rate], [72, 72]);
});

Deno.test("Admission.arrive() prefers an address that had a tunnel, also one whose last tunnel was long ago", () => {
  const admission = anAdmission(256, 256, { random: () => 0.999 });
  admission.left(enter(admission, "a", "10.9.9.9"));
  for (let n = 0; n < 1000; n++) admission.arrive(`10.0.${n >> 8}.${n & 0xff}`, 0);
  assertEquals(admission.atTheDoor.length, 192);
  assertEquals(admission.arrive("10.8.8.8", 0), {
    refused: "too many connections that have not said hello",
    cause: "crowded",
  });
  assert("id" in admission.arrive("10.9.9.9", 24 * 3600_000));
});

Deno.test("Admission remembers a bounded number of addresses that had a tunnel, the last ones", () => {
  const admission = anAdmission(1000, 1000);
  const address = (n: number) => `10.1.${n >> 8}.${n & 0xff}`;
  let nowMs = 0;
  for (let n = 0; n <= KNOWN_ADDRESSES; n++) {
    nowMs += 1000;
    const arrival = admission.arrive(address(n), nowMs);
    assert("id" in arrival);
    admission.enter(arrival.id, undefined);
    admission.left(arrival.id);
  }
  for (let n = 0; n < 1000; n++) admission.arrive(`10.0.${n >> 8}.${n & 0xff}`, nowMs + 1000);
  assert("refused" in admission.arrive(address(0), nowMs + 2000));
  assert("id" in admission.arrive(address(1), nowMs + 2000));
});

Deno.test("Admission.preferred has the addresses of held clients, then those inside, then those that were", () => {
  const admission = anAdmission();
  for (const n of [1, 2, 3, 4]) admission.left(enter(admission, `${n}`, `10.0.0.${n}`));
  enter(admission, "5", "10.0.0.5");
  const held = enter(admission, "6", "10.0.0.6");
  admission.held("6", 1);
  admission.left(held);
  const numbers = () => admission.preferred.map((address) => Number(address.split(".")[3]));
  assertEquals(numbers(), [6, 5, 4, 3, 2, 1]);
  // A flood comes from this one.
  for (let n = 0; n < 40; n++) admission.arrive("10.0.0.3", 0);
  assertEquals(numbers(), [6, 5, 4, 2, 1]);
});

Deno.test("Admission.overdue() finds silent connections while many wait", () => {
  const admission = anAdmission();
  const ids = Array.from({ length: 100 }, (_, n) => arrive(admission, `10.0.0.${n}`));
  assert(admission.isCrowded);
  admission.spoke(ids[0]);
  assertEquals(admission.overdue(2000), ids.slice(1));
});

const PROXIES = proxyList(["192.0.2.0/28"]);
const PROXY = "192.0.2.5";

function withProxies(): Admission {
  return new Admission({ allow: ALLOW, proxies: PROXIES }, { random: () => 0.999 });
}

/** Lets a connection of a proxy arrive, and send the client's address. */
function arriveFor(admission: Admission, address: string): number {
  const id = arrive(admission, PROXY);
  assert("id" in admission.identify(id, address, 0));
  return id;
}

Deno.test("Admission.arrive() admits a proxy that is not on the allow list, and asks for the client", () => {
  const admission = withProxies();
  assertEquals(admission.arrive(PROXY, 0), { id: 1, proxied: true });
  assertEquals(admission.arrive("10.0.0.1", 0), { id: 2 });
  assertEquals(admission.arrive("192.0.2.200", 0), {
    refused: "not on the allow list",
    cause: "not-allowed",
  });
  // A proxy that may also be a client must still send the client's address.
  const both = new Admission({ allow: ALLOW, proxies: proxyList(["10.0.0.9"]) });
  assertEquals(both.arrive("10.0.0.9", 0), { id: 1, proxied: true });
});

Deno.test("Admission.identify() applies the allow list to the client behind a proxy", () => {
  const admission = withProxies();
  const id = arrive(admission, PROXY);
  assertEquals(admission.identify(id, "10.0.0.1", 0), { id });
  assert(admission.waits(id));
  const other = arrive(admission, PROXY);
  assertEquals(admission.identify(other, "192.0.2.5", 0), {
    refused: "not on the allow list",
    cause: "not-allowed",
  });
  assertEquals(admission.atTheDoor, [id]);
});

Deno.test("Admission.identify() refuses a client that has its share, by whatever way it comes", () => {
  const admission = withProxies();
  arriveFor(admission, "10.0.0.2");
  for (let n = 0; n < AT_THE_DOOR_OF_ONE; n++) arriveFor(admission, "10.0.0.1");
  const next = arrive(admission, PROXY);
  const refused = {
    refused: "too many connections that have not said hello",
    cause: "crowded",
  } as const;
  assertEquals(admission.identify(next, "10.0.0.1", 0), refused);
  assertEquals(admission.waits(next), false);
  assertEquals(admission.arrive("10.0.0.1", 0), refused);
});

Deno.test("Admission.arrive() limits the connections of a proxy only by the total", () => {
  const admission = withProxies();
  for (let n = 0; n < 2 * AT_THE_DOOR; n++) admission.arrive(PROXY, 0);
  assert(admission.atTheDoor.length > AT_THE_DOOR - 32, `${admission.atTheDoor.length}`);
  assert(admission.atTheDoor.length <= AT_THE_DOOR);
});

Deno.test("Admission.change() applies to the proxies", () => {
  const admission = withProxies();
  admission.change({ allow: ALLOW, proxies: NONE });
  assertEquals(admission.arrive(PROXY, 0), {
    refused: "not on the allow list",
    cause: "not-allowed",
  });
  admission.change({ allow: ALLOW, proxies: PROXIES });
  assert("id" in admission.arrive(PROXY, 0));
});

Deno.test("Admission.left() makes room at the door", () => {
  const admission = anAdmission();
  const ids = Array.from({ length: AT_THE_DOOR_OF_ONE }, () => arrive(admission));
  assertEquals(admission.left(ids[5]), undefined);
  const arrival = admission.arrive("10.0.0.1", 0);
  assert("id" in arrival);
});

Deno.test("Admission.refusal() admits up to the maximum number of clients", () => {
  const admission = anAdmission(2);
  const first = enter(admission, "a");
  enter(admission);
  for (const peer of ["b", undefined]) {
    assertEquals(refusal(admission, peer), {
      reason: REASON.FULL,
      text: "2 clients are connected already (--max-clients)",
    });
  }
  admission.left(first);
  assertEquals(refusal(admission, "b"), undefined);
});

Deno.test("Admission.refusal() does not count connections at the door", () => {
  const admission = anAdmission(1);
  for (let n = 0; n < 5; n++) arrive(admission);
  assertEquals(refusal(admission, "a"), undefined);
});

Deno.test("Admission.refusal() admits a client that is already inside, which takes its own place", () => {
  const admission = anAdmission(1);
  const old = enter(admission, "a");
  const again = enter(admission, "a");
  admission.left(old);
  assert(refusal(admission, "b") !== undefined);
  assertEquals(refusal(admission, "a"), undefined);
  admission.left(again);
  assertEquals(refusal(admission, "b"), undefined);
});

Deno.test("Admission.refusal() admits a client as long as its sessions are held", () => {
  const admission = anAdmission(1);
  const first = enter(admission, "a");
  admission.held("a", 3);
  assertEquals(admission.left(first), 3);
  enter(admission, "b");
  assertEquals(refusal(admission, "a"), undefined);
  admission.held("a", 0);
  assert(refusal(admission, "a") !== undefined);
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
  assertEquals(admission.arrive("10.0.0.1", 0), {
    refused: "not on the allow list",
    cause: "not-allowed",
  });
  assert(admission.waits(waiting));
  assert(admission.refusal(waiting, "b") !== undefined);
  assertEquals(String(admission.allow), "192.0.2.0/24");
});

Deno.test("boundedClients() is 256 by default, and at most 1000", () => {
  assertEquals([boundedClients(), boundedClients(7), boundedClients(5000)], [256, 7, 1000]);
});

Deno.test("placesOfOne() is a quarter of all places by default, and never all places unless there is only one", () => {
  assertEquals([1000, 256, 20, 16, 8, 5, 4, 2, 1].map((max) => placesOfOne(max)), [
    250,
    64,
    5,
    4,
    4,
    4,
    3,
    1,
    1,
  ]);
  assertEquals([placesOfOne(256, 1), placesOfOne(256, 256), placesOfOne(256, 999)], [1, 256, 256]);
});

const FULL_ADDRESS = {
  reason: REASON.FULL,
  text: "2 clients of this address are connected already, or have held sessions " +
    "(--max-clients-per-address)",
};

Deno.test("Admission.refusal() lets one address take its share of the places, so that others get in", () => {
  const admission = anAdmission(8, 2);
  enter(admission, "a", "10.0.0.1");
  const second = enter(admission, "b", "10.0.0.1");
  assertEquals(refusal(admission, "c", "10.0.0.1"), FULL_ADDRESS);
  assertEquals(refusal(admission, "c", "10.0.0.2"), undefined);
  // A client that takes its own place, and one that has proven who it is.
  assertEquals(refusal(admission, "a", "10.0.0.1"), undefined);
  assertEquals(refusal(admission, "c", "10.0.0.1", true), undefined);
  admission.left(second);
  assertEquals(refusal(admission, "c", "10.0.0.1"), undefined);
});

Deno.test("Admission.refusal() counts an IPv6 network of 64 bits, and both forms of an IPv4 address, as one", () => {
  const allow = allowList(["0.0.0.0/0", "::/0"]);
  const admission = new Admission({ allow, proxies: NONE, maxClientsPerAddress: 2 });
  enter(admission, "a", "2001:db8::1");
  enter(admission, "b", "2001:db8::2");
  assertEquals(refusal(admission, "c", "2001:db8::3"), FULL_ADDRESS);
  assertEquals(refusal(admission, "c", "2001:db8:0:1::3"), undefined);
  enter(admission, "d", "192.0.2.1");
  enter(admission, "e", "::ffff:192.0.2.1");
  assertEquals(refusal(admission, "f", "192.0.2.1"), FULL_ADDRESS);
});

Deno.test("Admission.refusal() counts the clients behind a proxy by their own addresses", () => {
  const rules = { allow: ALLOW, proxies: PROXIES, maxClientsPerAddress: 1 };
  const admission = new Admission(rules, { random: () => 0.999 });
  admission.enter(arriveFor(admission, "10.0.0.1"), "a");
  assertEquals(admission.refusal(arriveFor(admission, "10.0.0.1"), "b")?.reason, REASON.FULL);
  assertEquals(admission.refusal(arriveFor(admission, "10.0.0.2"), "b"), undefined);
});

Deno.test("Admission.refusal() counts the places of held clients for their address, so that it cannot take more by turns", () => {
  const admission = anAdmission(8, 2);
  for (const peer of ["a", "b"]) {
    const id = enter(admission, peer, "10.0.0.1");
    admission.held(peer, 1);
    admission.left(id);
  }
  assertEquals(refusal(admission, "c", "10.0.0.1"), FULL_ADDRESS);
  assertEquals(refusal(admission, "c", "10.0.0.2"), undefined);
  assertEquals(refusal(admission, "a", "10.0.0.1"), undefined);
  // It can also return from elsewhere, and then takes a place there.
  enter(admission, "a", "10.0.0.3");
  assertEquals(refusal(admission, "c", "10.0.0.1"), undefined);
  admission.held("b", 0);
  enter(admission, "c", "10.0.0.1");
  assertEquals(refusal(admission, "d", "10.0.0.1"), undefined);
  enter(admission, "d", "10.0.0.1");
  assertEquals(refusal(admission, "e", "10.0.0.1"), FULL_ADDRESS);
});

Deno.test("Admission keeps descriptors for other things, and warns of too few for all clients", () => {
  const random = () => 0.999;
  assertEquals(anAdmission(256, 256, { random }).descriptorWarning, undefined);
  assertEquals(anAdmission(256, 256, { random, descriptors: 1024 }).descriptorWarning, undefined);
  assertEquals(
    anAdmission(1000, 1000, { random, descriptors: 1024 }).descriptorWarning,
    "--max-clients 1000 needs 1384 open files, and the limit is 1024, so only 784 clients can " +
      "connect: raise LimitNOFILE of the service (ulimit -n), or lower --max-clients",
  );
  const descriptors = 256;
  const admission = anAdmission(256, 256, { random, descriptors });
  let inside = 0;
  for (let n = 0; n < 1000; n++) {
    const address = `10.0.${n >> 8}.${n & 0xff}`;
    const arrival = admission.arrive(address, n * 1000);
    if ("id" in arrival && admission.refusal(arrival.id, `${n}`) === undefined) {
      admission.enter(arrival.id, `${n}`);
      admission.held(`${n}`, 1);
      inside++;
    }
    assert(admission.atTheDoor.length + inside + OTHER_DESCRIPTORS <= descriptors);
  }
  assertEquals(inside, 96);
  for (const id of admission.atTheDoor) admission.left(id);
  // Not even a client with held sessions can enter without a descriptor.
  const id = arrive(admission, "10.0.0.0");
  assertEquals(
    admission.refusal(id, "0")?.text,
    "96 clients are connected already, and the server has no file descriptor for another one " +
      "(ulimit -n)",
  );
});

Deno.test("Admission.refused counts refusals by reason", () => {
  const admission = anAdmission();
  admission.arrive("192.0.2.1", 0);
  admission.countRefused("handshake");
  admission.countRefused("handshake");
  assertEquals(admission.refused, {
    "not-allowed": 1,
    crowded: 0,
    rate: 0,
    timeout: 0,
    handshake: 2,
    full: 0,
  });
  assertEquals(Object.keys(admission.refused), [...REFUSALS]);
});

Deno.test("Admission never exceeds its bounds, in any order of events", () => {
  const address = fc.integer({ min: 1, max: 5 }).map((n) => `10.0.0.${n}`);
  const peer = fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined });
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ is: fc.constant("arrive" as const), address }) },
    { weight: 2, arbitrary: fc.record({ is: fc.constant("enter" as const), peer, at: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ is: fc.constant("left" as const), at: fc.nat() }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600, size: "max" }), (steps) => {
      const admission = anAdmission(5, 2);
      const addresses = new Map<number, string>();
      const strangers = new Map<string, number>();
      let inside = 0;
      for (const [nowMs, step] of steps.entries()) {
        const { atTheDoor } = admission;
        if (step.is === "arrive") {
          const arrival = admission.arrive(step.address, nowMs * 100);
          if ("id" in arrival) addresses.set(arrival.id, step.address);
        } else if (atTheDoor.length === 0) continue;
        else {
          const id = atTheDoor[step.at % atTheDoor.length];
          if (step.is === "left") admission.left(id);
          // Peers that are already inside are admitted beyond the maximum; those without a key never are.
          else if (admission.refusal(id, undefined) === undefined) {
            admission.enter(id, step.peer);
            const from = addresses.get(id)!;
            strangers.set(from, (strangers.get(from) ?? 0) + 1);
            inside++;
          }
        }
        const door = admission.atTheDoor;
        assert(door.length <= AT_THE_DOOR && inside <= 5);
        for (const count of strangers.values()) assert(count <= 2);
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
