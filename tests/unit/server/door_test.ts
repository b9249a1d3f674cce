// The door of a server: random refusals, rates and time limits.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  AT_THE_DOOR,
  AT_THE_DOOR_OF_ONE,
  Door,
  HANDSHAKE_RATE,
  KNOWN_AT_ONCE,
  SILENT_MS,
} from "../../../src/server/door.ts";

const SIZES = { maxClients: 256, maxClientsPerAddress: 64 };

/** A door with a random number that the test sets: the nearer to 0, the more newcomers are refused. */
class TestDoor {
  random = 0.5;
  readonly door: Door;
  ids = 0;

  constructor(sizes: Partial<ConstructorParameters<typeof Door>[0]> = {}) {
    this.door = new Door({ ...SIZES, ...sizes }, () => this.random);
  }

  /** Lets a connection come; returns its id, or the reason why it is turned away. */
  come(address: string | undefined, nowMs = 0, isKnown = false) {
    return this.door.come(++this.ids, { address, isKnown }, nowMs) ?? this.ids;
  }

  /** Lets connections of as many strange addresses come, without chance, until `size` are at the door. */
  fill(size: number, nowMs = 0): void {
    this.random = 0.999999;
    for (let n = 0; this.door.size < size; n++) {
      const address = `10.${n >> 16}.${n >> 8 & 0xff}.${n & 0xff}`;
      const isKnown = this.door.size >= 190;
      assertEquals(typeof this.come(address, nowMs, isKnown), "number", `${this.door.size}`);
    }
    this.random = 0.5;
  }
}

/** Returns the share of random numbers with which a newcomer is refused, in percent. */
function refusedPercent(size: number, address: string, isKnown = false): number {
  const test = new TestDoor();
  test.fill(size);
  let refused = 0;
  for (let n = 0; n < 100; n++) {
    test.random = n / 100;
    const came = test.come(address, 0, isKnown);
    if (came === "crowded") refused++;
    else test.door.remove(test.ids);
  }
  return refused;
}

Deno.test("Door.come() refuses another connection of an address with a probability that rises from 64 to 128", () => {
  const another = [0, 64, 80, 96, 112, 127, 128, 200].map((size) =>
    refusedPercent(Math.max(1, size), "10.0.0.0")
  );
  assertEquals(another, [0, 0, 25, 50, 75, 99, 100, 100]);
});

Deno.test("Door.come() refuses the first connection of an address with a probability that rises from 128 to 192", () => {
  const first = [64, 128, 144, 160, 176, 192, 255].map((size) => refusedPercent(size, "192.0.2.1"));
  assertEquals(first, [0, 0, 25, 50, 75, 100, 100]);
});

Deno.test("Door.come() refuses a known address with a probability that rises from 192 to 256", () => {
  const known = [128, 192, 208, 224, 240, 256].map((size) =>
    refusedPercent(size, "192.0.2.1", true)
  );
  assertEquals(known, [0, 0, 25, 50, 75, 100]);
});

Deno.test("Door.come() gives a known address no precedence beyond four connections at the door", () => {
  const test = new TestDoor();
  test.fill(150);
  const came = Array.from({ length: 6 }, () => typeof test.come("192.0.2.1", 0, true));
  assertEquals(came, [...Array(KNOWN_AT_ONCE).fill("number"), "string", "string"]);
});

Deno.test("Door.come() refuses an address at random from 32 connections, and always from 64", () => {
  const test = new TestDoor();
  test.random = 0.999;
  while (test.door.size < 31) test.come("192.0.2.1");
  test.random = 0;
  assertEquals(typeof test.come("192.0.2.1"), "number");
  assertEquals(typeof test.come("192.0.2.1"), "number");
  assertEquals(test.come("192.0.2.1"), "crowded");
  test.random = 0.999;
  for (let n = 0; n < 100; n++) test.come("192.0.2.1");
  assertEquals(test.door.size, AT_THE_DOOR_OF_ONE);
  assertEquals(typeof test.come("192.0.2.2"), "number");
});

Deno.test("Door.come() never closes a connection that waits", () => {
  const test = new TestDoor();
  test.fill(150);
  const before = test.door.ids;
  for (let n = 0; n < 1000; n++) test.come(`172.16.${n >> 8}.${n & 0xff}`);
  assertEquals(test.door.ids.slice(0, before.length), before);
});

Deno.test("Door.come() counts an IPv6 network of 64 bits as one address", () => {
  const test = new TestDoor();
  for (let n = 0; n < 200; n++) test.come(`2001:db8::${n.toString(16)}`);
  assert(test.door.size <= AT_THE_DOOR_OF_ONE, `${test.door.size}`);
  assertEquals(typeof test.come("2001:db8:0:1::1"), "number");
});

Deno.test("Door.come() admits 128 connections of an address at once, then 10 a second", () => {
  const test = new TestDoor();
  const passed = (nowMs: number) => {
    let count = 0;
    for (let n = 0; n < 500; n++) {
      const came = test.come("192.0.2.1", nowMs);
      if (typeof came === "number") count++;
      else assertEquals(came, "rate");
      test.door.remove(test.ids);
    }
    return count;
  };
  assertEquals([passed(0), passed(1000), passed(3000)], [128, 10, 20]);
});

Deno.test("Door.come() admits 512 connections of a known address at once, then 100 a second", () => {
  const test = new TestDoor();
  const passed = (nowMs: number) => {
    let count = 0;
    for (let n = 0; n < 1000; n++) {
      if (typeof test.come("192.0.2.1", nowMs, true) === "number") count++;
      test.door.remove(test.ids);
    }
    return count;
  };
  assertEquals([passed(0), passed(1000)], [512, 100]);
});

Deno.test("Door.come() admits 512 connections of strangers at once, then 200 a second; known ones besides", () => {
  const test = new TestDoor();
  let address = 0;
  const passed = (nowMs: number, isKnown = false) => {
    let count = 0;
    for (let n = 0; n < 1000; n++) {
      address++;
      if (typeof test.come(`10.0.${address >> 8}.${address & 0xff}`, nowMs, isKnown) === "number") {
        count++;
      }
      test.door.remove(test.ids);
    }
    return count;
  };
  assertEquals([passed(0), passed(1000), passed(1000), passed(1000, true)], [512, 200, 0, 1000]);
});

Deno.test("Door.come() admits all clients that may be connected at once, in all and from one address", () => {
  assert(HANDSHAKE_RATE.ofStrangers.burst < 1000);
  const test = new TestDoor({ maxClients: 1000, maxClientsPerAddress: 1000 });
  for (let n = 0; n < 1000; n++) {
    assertEquals(typeof test.come("192.0.2.1"), "number");
    test.door.remove(test.ids);
  }
});

Deno.test("Door.come() takes nothing from the rates for a newcomer that finds no room", () => {
  const test = new TestDoor();
  test.fill(192);
  for (let n = 0; n < 1000; n++) assertEquals(test.come("192.0.2.1"), "crowded");
  for (const id of test.door.ids) test.door.remove(id);
  assertEquals(typeof test.come("192.0.2.1"), "number");
});

Deno.test("Door.come() lets a proxy use the whole door, and judges its client when it is known", () => {
  const test = new TestDoor();
  test.fill(150);
  const id = test.come(undefined) as number;
  assertEquals(typeof id, "number");
  assertEquals(test.door.come(id, { address: "10.0.0.0", isKnown: false }, 0), "crowded");
  assertEquals(test.door.has(id), false);
  const another = test.come(undefined) as number;
  assertEquals(test.door.come(another, { address: "10.0.0.0", isKnown: true }, 0), undefined);
  assertEquals(test.door.has(another), true);
});

Deno.test("Door.come() counts connections of a proxy apart until their client is known", () => {
  const test = new TestDoor();
  for (let n = 0; n < 1000; n++) test.come(undefined);
  const waiting = test.door.ids.length;
  assert(waiting > 220 && waiting <= AT_THE_DOOR, `${waiting}`);
  assertEquals([test.door.size, test.door.isCrowded], [0, false]);
  test.random = 0;
  assertEquals(typeof test.come("192.0.2.1"), "number");
  assertEquals(test.door.overdue(SILENT_MS).length, waiting);
});

Deno.test("Door.overdue() finds nobody while there is room", () => {
  const test = new TestDoor();
  test.fill(63);
  assertEquals(test.door.overdue(60_000), []);
});

Deno.test("Door.overdue() finds those who said nothing for a second while many wait, but not of known addresses", () => {
  const test = new TestDoor();
  test.fill(64);
  const known = test.come("192.0.2.1", 0, true) as number;
  const late = test.come("192.0.2.2", 500);
  test.door.spoke(7);
  assertEquals(test.door.overdue(SILENT_MS - 1), []);
  const overdue = test.door.overdue(SILENT_MS + 99);
  assertEquals(overdue.length, 63);
  assert(!overdue.includes(7) && !overdue.includes(known) && !overdue.includes(late as number));
  for (const id of overdue) test.door.remove(id);
  assertEquals(test.door.ids, [7, known, late]);
});

Deno.test("Door.overdue() finds the silent connections of an address that has many, also a known one", () => {
  const test = new TestDoor();
  test.random = 0.999;
  for (let n = 0; n < 40; n++) test.come("192.0.2.1", 0, true);
  const other = test.come("192.0.2.2");
  const overdue = test.door.overdue(SILENT_MS);
  assertEquals([overdue.length, overdue.includes(other as number)], [40, false]);
});

Deno.test("Door.overdue() searches ten times a second at most, so that a flood does not make it expensive", () => {
  const test = new TestDoor();
  test.fill(100);
  assertEquals(test.door.overdue(SILENT_MS).length, 100);
  assertEquals(test.door.overdue(SILENT_MS + 99), []);
  assertEquals(test.door.overdue(SILENT_MS + 100).length, 100);
});

Deno.test("Door.spoke() and Door.remove() do nothing for a connection that has left", () => {
  const test = new TestDoor();
  const id = test.come("192.0.2.1") as number;
  for (let n = 0; n < 2; n++) {
    test.door.spoke(id);
    test.door.remove(id);
  }
  assertEquals([test.door.size, test.door.has(id)], [0, false]);
});

Deno.test("Door is smaller where there are few descriptors", () => {
  const test = new TestDoor({ max: 32 });
  test.random = 0.999;
  for (let n = 0; n < 300; n++) test.come(`10.0.${n >> 8}.${n & 0xff}`, 0, true);
  assertEquals(test.door.size, 32);
});

Deno.test("Door never exceeds its bounds, in any order of events", () => {
  const address = fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined, freq: 20 });
  const step = fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record({
        is: fc.constant("come" as const),
        address,
        isKnown: fc.boolean(),
        random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ is: fc.constant("remove" as const), at: fc.nat() }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 800, size: "max" }), (steps) => {
      const test = new TestDoor();
      const counts = new Map<number, string>();
      for (const [nowMs, step] of steps.entries()) {
        if (step.is === "remove") {
          const { ids } = test.door;
          if (ids.length > 0) test.door.remove(ids[step.at % ids.length]);
        } else {
          test.random = step.random;
          const { isKnown } = step;
          const text = step.address === undefined ? undefined : `10.0.0.${step.address % 3}`;
          const came = test.come(text, nowMs, isKnown);
          if (typeof came === "number" && text !== undefined) counts.set(came, text);
        }
        assert(test.door.size <= AT_THE_DOOR);
      }
      for (let n = 0; n < 3; n++) {
        const same = test.door.ids.filter((id) => counts.get(id) === `10.0.0.${n}`);
        assert(same.length <= AT_THE_DOOR_OF_ONE);
      }
    }),
    { numRuns: 30 },
  );
});
