// The decision who may connect to a server, and who is one too many.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Admission,
  AT_THE_DOOR,
  AT_THE_DOOR_OF_ONE,
  boundedClients,
} from "../../../src/server/admission.ts";
import { AllowList } from "../../../src/server/allow.ts";
import { REASON } from "../../../src/wire/mod.ts";

const ALLOW = AllowList.parse(["10.0.0.0/8"]);

function anAdmission(maxClients?: number): Admission {
  return new Admission({ allow: ALLOW, maxClients });
}

/** Has a connection arrive, which may come to the door. */
function arrive(admission: Admission, address = "10.0.0.1"): number {
  const arrival = admission.arrive(address);
  assert("id" in arrival);
  return arrival.id;
}

/** Has a client come in. */
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

Deno.test("Admission.arrive() has nobody give way while there is room", () => {
  const admission = anAdmission();
  const first = admission.arrive("10.0.0.1");
  const second = admission.arrive("10.0.0.1");
  assertEquals([first, second], [{ id: 1, givesWay: undefined }, { id: 2, givesWay: undefined }]);
  assertEquals(admission.atTheDoor, [1, 2]);
});

Deno.test("Admission.arrive() has the oldest of an address give way beyond its 64", () => {
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

Deno.test("Admission.arrive() has the oldest of all give way beyond 256", () => {
  const admission = anAdmission();
  const ids = Array.from(
    { length: AT_THE_DOOR },
    (_, n) => arrive(admission, `10.0.0.${n % 10}`),
  );
  const arrival = admission.arrive("10.0.1.1");
  assertEquals("id" in arrival && arrival.givesWay, ids[0]);
  assertEquals(admission.atTheDoor.length, AT_THE_DOOR);
});

Deno.test("Admission.left() makes room at the door", () => {
  const admission = anAdmission();
  const ids = Array.from({ length: AT_THE_DOOR_OF_ONE }, () => arrive(admission));
  assertEquals(admission.left(ids[5]), undefined);
  const arrival = admission.arrive("10.0.0.1");
  assertEquals("id" in arrival && arrival.givesWay, undefined);
});

Deno.test("Admission.refusal() lets in as many clients as there may be", () => {
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

Deno.test("Admission.refusal() counts nobody who is at the door", () => {
  const admission = anAdmission(1);
  for (let n = 0; n < 5; n++) arrive(admission);
  assertEquals(admission.refusal("a"), undefined);
});

Deno.test("Admission.refusal() lets a client in that is inside already, and takes its own place", () => {
  const admission = anAdmission(1);
  const old = enter(admission, "a");
  const again = enter(admission, "a");
  admission.left(old);
  assert(admission.refusal("b") !== undefined);
  assertEquals(admission.refusal("a"), undefined);
  admission.left(again);
  assertEquals(admission.refusal("b"), undefined);
});

Deno.test("Admission.refusal() lets a client back whose sessions are held, until they are over", () => {
  const admission = anAdmission(1);
  const first = enter(admission, "a");
  admission.held("a", 3);
  assertEquals(admission.left(first), 3);
  enter(admission, "b");
  assertEquals(admission.refusal("a"), undefined);
  admission.held("a", 0);
  assert(admission.refusal("a") !== undefined);
});

Deno.test("Admission.enter() tells how many sessions a client comes back to, once", () => {
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

Deno.test("Admission.change() goes for those who come, and lets the others stay", () => {
  const admission = anAdmission(3);
  const waiting = arrive(admission);
  enter(admission, "a");
  admission.change({ allow: AllowList.parse(["192.0.2.0/24"]), maxClients: 1 });
  assertEquals(admission.arrive("10.0.0.1"), { refused: "not on the allow list" });
  assert(admission.waits(waiting));
  assert(admission.refusal("b") !== undefined);
  assertEquals(String(admission.allow), "192.0.2.0/24");
});

Deno.test("boundedClients() is 256 unless told otherwise, and 1000 at most", () => {
  assertEquals([boundedClients(), boundedClients(7), boundedClients(5000)], [256, 7, 1000]);
});

Deno.test("Admission keeps its bounds, whoever comes and goes", () => {
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
        // Peers that are inside already are let in beyond the maximum; those without a key never.
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
