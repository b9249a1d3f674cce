import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { RingAge } from "../../../src/link/ring_age.ts";

/** The monotonic clock of a machine that has been up for a day; its wall clock is in 2026. */
const UP_MS = 86_400_000;
const WALL_MS = 1_790_000_000_000;
/** The error of an age: rounding to whole ms, and a clock change that is too small to notice. */
const PRECISION_MS = 4;
const HOUR_MS = 3_600_000;

/** A ring and its two clocks; the wall clock can be set. */
class World {
  nowMs = UP_MS;
  differenceMs = WALL_MS - UP_MS;
  readonly age: RingAge;
  /** The stamps and arrival times of the frames in the ring. */
  readonly ring: { stampMs: number; arrivedMs: number }[] = [];

  constructor() {
    this.age = new RingAge({ now: () => this.nowMs, wall: () => Math.floor(this.wallMs) });
  }

  get wallMs(): number {
    return this.nowMs + this.differenceMs;
  }

  pass(ms: number): void {
    this.nowMs += ms;
  }

  arrive(stampMs = this.wallMs): void {
    this.ring.push({ stampMs, arrivedMs: this.nowMs });
  }

  /** Takes up to `most` frames in one turn; returns the computed and the true age of each. */
  take(most = Infinity): { waitedMs: number; truthMs: number }[] {
    this.age.begin(this.nowMs);
    const taken = this.ring.splice(0, most).map(({ stampMs, arrivedMs }) => ({
      waitedMs: this.age.waited(stampMs),
      truthMs: this.nowMs - arrivedMs,
    }));
    if (this.ring.length === 0) this.age.emptied(this.nowMs);
    return taken;
  }

  /** Takes the only frame in the ring. */
  takeOne(): number {
    const [{ waitedMs }] = this.take(1);
    return waitedMs;
  }
}

function assertNear(actual: number, wanted: number): void {
  assert(Math.abs(actual - wanted) <= PRECISION_MS, `${actual} ms instead of ${wanted} ms`);
}

Deno.test("RingAge.waited() returns the age of a frame, up to a minute", () => {
  const world = new World();
  for (const ms of [0, 7, 250, 5000]) {
    world.arrive();
    world.pass(ms);
    assertNear(world.takeOne(), ms);
  }
  world.arrive();
  world.pass(HOUR_MS);
  assertEquals(world.takeOne(), 60_000);
});

Deno.test("RingAge.waited() returns a whole number", () => {
  const world = new World();
  world.arrive();
  world.pass(12.75);
  assert(Number.isInteger(world.takeOne()));
});

Deno.test("RingAge.waited() is 0 for a monotonic stamp", () => {
  const world = new World();
  for (let i = 0; i < 100; i++) {
    world.arrive(world.nowMs);
    world.pass(10);
    assertEquals(world.takeOne(), 0);
  }
});

Deno.test("RingAge.waited() is 0 for a stamp in the future, and for no stamp", () => {
  const world = new World();
  for (const stampMs of [world.wallMs + HOUR_MS, world.wallMs + 100, 0, 2 ** 42]) {
    world.arrive(stampMs);
    world.pass(10);
    assertEquals(world.takeOne(), 0, `${stampMs}`);
  }
});

Deno.test("RingAge.waited() is 0 for a stamp from before the ring was empty", () => {
  const world = new World();
  for (const ms of [100, 1000, HOUR_MS]) {
    world.take();
    world.pass(10);
    world.arrive(world.wallMs - ms);
    assertEquals(world.takeOne(), 0);
  }
});

Deno.test("RingAge.waited() is 0 for a stamp from long before the previous frame's", () => {
  const world = new World();
  world.pass(5000);
  world.arrive();
  world.arrive(world.wallMs - 3000);
  world.arrive();
  world.pass(200);
  assertEquals(world.take().map(({ waitedMs }) => Math.round(waitedMs / 10)), [20, 0, 20]);
});

Deno.test("RingAge.waited() is right for correct stamps among monotonic ones", () => {
  const world = new World();
  for (let i = 0; i < 20; i++) {
    world.arrive(world.nowMs);
    world.arrive();
  }
  world.pass(1500);
  world.take().forEach(({ waitedMs }, i) => {
    if (i % 2 === 0) assertEquals(waitedMs, 0);
    else assertNear(waitedMs, 1500);
  });
});

for (
  const stepMs of [
    -HOUR_MS,
    -5000,
    -150,
    -30,
    -5,
    5,
    30,
    150,
    5000,
    HOUR_MS,
    50 * 365 * 24 * HOUR_MS,
  ]
) {
  const how = `${Math.abs(stepMs)} ms ${stepMs < 0 ? "back" : "forward"}`;

  Deno.test(`RingAge.waited() is right when the clock is set ${how} while nothing waits`, () => {
    const world = new World();
    world.arrive();
    world.take();
    world.pass(20_000);
    world.differenceMs += stepMs;
    for (const ms of [0, 40, 700]) {
      world.arrive();
      world.pass(ms);
      const waitedMs = world.takeOne();
      assert(waitedMs <= ms + PRECISION_MS, `${waitedMs} ms instead of ${ms} ms`);
      world.pass(100);
    }
    world.arrive();
    world.pass(700);
    assertNear(world.takeOne(), 700);
  });

  Deno.test(`RingAge.waited() is right when the clock is set ${how} under a load that never ends`, () => {
    const world = new World();
    // Half a second's worth of frames is always waiting; there is one turn per ms, which takes one frame.
    for (let i = 0; i < 500; i++) {
      world.arrive();
      world.pass(1);
    }
    let setMs = Infinity;
    for (let i = 0; i < 2000; i++) {
      if (i === 700) {
        world.differenceMs += stepMs;
        setMs = world.nowMs;
      }
      world.arrive();
      const [{ waitedMs, truthMs }] = world.take(1);
      // A time that occurs twice, because the clock was set back, is taken for the later one.
      const beforeMs = setMs - (world.nowMs - truthMs);
      const twice = beforeMs > -PRECISION_MS && beforeMs <= Math.abs(stepMs) + PRECISION_MS;
      const least = twice ? truthMs - Math.abs(stepMs) : truthMs;
      assert(
        waitedMs <= truthMs + PRECISION_MS && waitedMs >= least - PRECISION_MS,
        `frame ${i}: ${waitedMs} ms instead of ${truthMs} ms`,
      );
      world.pass(1);
    }
  });
}

Deno.test("RingAge.waited() is right when the clock is set repeatedly while frames wait", () => {
  const world = new World();
  for (const stepMs of [60_000, -200_000, 5_000_000, -1_000_000]) {
    for (let i = 0; i < 10; i++) {
      world.arrive();
      world.pass(10);
    }
    world.differenceMs += stepMs;
    world.take(1);
  }
  for (const { waitedMs, truthMs } of world.take()) assertNear(waitedMs, truthMs);
});

Deno.test("RingAge.waited() forgets the earliest difference when the clock is set too often", () => {
  const world = new World();
  for (let i = 0; i < 20; i++) {
    world.arrive();
    world.arrive();
    world.pass(50);
    world.differenceMs += i % 2 === 0 ? 7000 : -90_000;
    world.take(1);
  }
  for (const { waitedMs, truthMs } of world.take()) assert(waitedMs <= truthMs + PRECISION_MS);
  world.arrive();
  world.pass(300);
  assertNear(world.takeOne(), 300);
});

Deno.test("RingAge does not mistake a delayed reading of the clock for a step", () => {
  let nowMs = UP_MS;
  let heldUpMs = 0;
  const wall = () => {
    nowMs += heldUpMs;
    heldUpMs = 0;
    return WALL_MS + nowMs - UP_MS;
  };
  const age = new RingAge({ now: () => nowMs, wall });
  const stampMs = wall();
  nowMs += 100;
  heldUpMs = 500;
  age.begin(nowMs);
  assertNear(age.waited(stampMs), 100);
});

Deno.test("RingAge never overstates an age when the clock is set once per turn", () => {
  const step = fc.oneof(
    fc.integer({ min: -200, max: 200 }),
    fc.integer({ min: -20_000, max: 20_000 }),
    fc.constantFrom(-WALL_MS, HOUR_MS, -HOUR_MS),
  );
  const event = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("arrive" as const), ms: fc.nat(5) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("take" as const), ms: fc.nat(8) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(3000) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("set" as const), ms: step }) },
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200, size: "max" }), (events) => {
      const world = new World();
      let set = false;
      for (const { kind, ms } of events) {
        if (kind === "pass") world.pass(ms);
        else if (kind === "set") {
          // RingAge cannot notice a clock that is set twice between two turns.
          if (!set) world.differenceMs += ms;
          set = true;
        } else if (kind === "arrive") {
          world.arrive();
          world.pass(ms);
        } else {
          set = false;
          for (const { waitedMs, truthMs } of world.take(ms)) {
            assert(waitedMs <= truthMs + PRECISION_MS, `${waitedMs} ms instead of ${truthMs} ms`);
          }
        }
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("RingAge.waited() is right for every frame as long as the clock is not set", () => {
  const event = fc.record({ kind: fc.constantFrom("arrive", "take"), ms: fc.nat(400) });
  fc.assert(fc.property(fc.array(event, { maxLength: 100, size: "max" }), (events) => {
    const world = new World();
    for (const { kind, ms } of events) {
      if (kind === "arrive") world.arrive();
      else for (const { waitedMs, truthMs } of world.take(ms % 4)) assertNear(waitedMs, truthMs);
      world.pass(ms);
    }
  }));
});
