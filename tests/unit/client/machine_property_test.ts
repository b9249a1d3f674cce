// Properties of the client's machine under any events in any order. It never gets stuck.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { ClientCommand, ClientEvent } from "../../../src/client/messages.ts";
import { ClientMachine } from "../../../src/client/machine.ts";
import { HELLO, SERVERS } from "./machine_bench.ts";

/** The stage of something that a command has begun. */
type Stage = "resolve" | "connect" | "connected" | "greet" | "greeted" | "hand-over" | "tunnel";

/** The stages that end by themselves. */
const AWAITED: Stage[] = ["resolve", "connect", "greet", "hand-over", "tunnel"];

/** Carries out the machine's commands, and checks each one. */
class World {
  readonly machine: ClientMachine;
  readonly stages = new Map<number, Stage>();
  nowMs = 0;
  /** The tunnel that the worker was told to leave or to end. */
  #leaving: number | undefined;
  #lastId = 0;

  constructor(servers: number, preferFirst: boolean, legacy: boolean, random: () => number) {
    const preferFirstMs = 2000;
    this.machine = new ClientMachine({
      servers: SERVERS.slice(0, servers),
      preferFirst,
      preferFirstMs,
      legacy,
      random,
    });
  }

  handle(event: ClientEvent): void {
    this.machine.handle(event, this.nowMs);
    this.#carryOut();
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.machine.tick(this.nowMs);
    this.#carryOut();
  }

  /** Ends the current stage of an id, with success or failure. */
  answer(id: number, well: boolean, variant: number): void {
    const stage = this.stages.get(id);
    if (stage === undefined) return;
    if (!well && stage !== "tunnel") {
      this.stages.delete(id);
      return this.handle({ type: "failed", id, reason: "no" });
    }
    switch (stage) {
      case "resolve": {
        this.stages.delete(id);
        const addresses = ["192.0.2.1", "192.0.2.2"].slice(0, variant % 3);
        return this.handle({ type: "resolved", id, addresses });
      }
      case "connect":
        this.stages.set(id, "connected");
        return this.handle({ type: "connected", id, endpoint: "192.0.2.1:8000" });
      case "greet": {
        this.stages.set(id, "greeted");
        const server = { ...HELLO, ...variant % 4 === 0 ? { linkDown: true as const } : {} };
        return this.handle({ type: "greeted", id, server });
      }
      case "hand-over":
        this.stages.set(id, "tunnel");
        this.handle({ type: "handed-over", id });
        return this.handle({ type: "tunnel-up", id });
      case "tunnel":
        if (well && id !== this.#leaving) return;
        this.stages.delete(id);
        return this.handle({
          type: "tunnel-down",
          id,
          reason: "lost",
          cause: "silent",
          goodbye: variant % 12,
        });
    }
  }

  #carryOut(): void {
    for (let command; (command = this.machine.poll()) !== undefined;) this.#do(command);
  }

  #do(command: ClientCommand): void {
    if (command.type === "note") return;
    const { id } = command;
    const stage = this.stages.get(id);
    switch (command.type) {
      case "resolve":
      case "connect":
        assert(id > this.#lastId, `${command.type} ${id} is used again`);
        this.#lastId = id;
        this.stages.set(id, command.type);
        return;
      case "greet":
        assertEquals(stage, "connected");
        this.stages.set(id, "greet");
        return;
      case "hand-over":
        assert(stage === "greeted" || stage === "connected", `${stage} is handed over`);
        assert(![...this.stages.values()].includes("tunnel"), "there is a tunnel already");
        this.stages.set(id, "hand-over");
        return;
      case "leave":
        assertEquals(stage, "tunnel");
        this.#leaving = id;
        return;
      case "probe":
        return assertEquals(stage, "tunnel");
      case "end":
        assertEquals(stage, "tunnel");
        this.#leaving = id;
        return;
      case "drop":
        assert(stage !== undefined && stage !== "tunnel", `${stage} is dropped`);
        this.stages.delete(id);
    }
  }

  /** The ids of everything that will end by itself. */
  get awaited(): number[] {
    return [...this.stages].filter(([, stage]) => AWAITED.includes(stage)).map(([id]) => id);
  }

  /** Lets the next pending stage succeed, or else time pass. */
  proceed(): void {
    const id = this.awaited.find((id) => this.stages.get(id) !== "tunnel" || id === this.#leaving);
    // Variant 1: one address, and a link that is up.
    if (id !== undefined) this.answer(id, true, 1);
    else this.pass(Math.max(0, this.machine.dueMs - this.nowMs));
  }

  check(): void {
    const { dueMs } = this.machine;
    const shown = `${JSON.stringify([...this.stages])}, due ${dueMs}`;
    assert(this.awaited.length > 0 || dueMs < Infinity, `it waits for nothing: ${shown}`);
    // An attempt is a lookup and a connection to each of two addresses.
    assert(this.stages.size <= 1 + 3, `more than a tunnel and an attempt: ${shown}`);
    assert(dueMs === Infinity || dueMs <= this.nowMs + 3_600_000, `it waits for long: ${shown}`);
  }
}

const key = fc.constantFrom(...SERVERS.map(({ hostname, port }) => `${hostname}:${port}`), "x:1");
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("answer" as const),
      at: fc.nat(),
      well: fc.constantFrom(true, true, true, false),
      variant: fc.nat({ max: 100 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("due" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.nat({ max: 40_000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("held" as const),
      peer: key,
      sessions: fc.nat({ max: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("stray" as const),
      id: fc.nat({ max: 40 }),
      type: fc.constantFrom("resolved", "connected", "greeted", "failed", "network-changed"),
    }),
  },
);
const schedule = fc.record({
  servers: fc.integer({ min: 1, max: 3 }),
  preferFirst: fc.boolean(),
  legacy: fc.boolean(),
  draws: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1 }),
  steps: fc.array(step, { maxLength: 120, size: "max" }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Schedule = typeof schedule extends fc.Arbitrary<infer T> ? T : never;

/** Makes a world and starts it. */
function start({ servers, preferFirst, legacy, draws }: Schedule): World {
  let draw = 0;
  const world = new World(servers, preferFirst, legacy, () => draws[draw++ % draws.length]);
  world.handle({ type: "started" });
  world.check();
  return world;
}

function take(world: World, step: Step): void {
  switch (step.do) {
    case "answer": {
      const { awaited } = world;
      if (awaited.length === 0) return;
      return world.answer(awaited[step.at % awaited.length], step.well, step.variant);
    }
    case "due":
      if (world.machine.dueMs === Infinity) return;
      return world.pass(Math.max(0, world.machine.dueMs - world.nowMs));
    case "pass":
      return world.pass(step.ms);
    case "held":
      return world.handle({ type: "held", peer: step.peer, sessions: step.sessions });
    case "stray":
      return stray(world, step);
  }
}

/** An event for an id that is over or never existed, or a change of the network. */
function stray(world: World, { id, type }: Step & { do: "stray" }): void {
  if (type === "network-changed") {
    return world.handle({ type, lost: id % 2 === 1, reachable: id % 4 < 2 });
  }
  if (world.stages.has(id)) return;
  switch (type) {
    case "resolved":
      return world.handle({ type, id, addresses: ["192.0.2.7"] });
    case "connected":
      return world.handle({ type, id, endpoint: "192.0.2.7:8000" });
    case "greeted":
      return world.handle({ type, id, server: HELLO });
    case "failed":
      return world.handle({ type, id, reason: "late" });
  }
}

Deno.test("ClientMachine always has a command under way or a time to wait for", () => {
  fc.assert(
    fc.property(schedule, (schedule) => {
      const world = start(schedule);
      for (const step of schedule.steps) {
        take(world, step);
        world.check();
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("ClientMachine gets a tunnel from any state if everything succeeds", () => {
  fc.assert(
    fc.property(schedule, (schedule) => {
      const world = start(schedule);
      for (const step of schedule.steps) take(world, step);
      for (let step = 0; world.machine.state !== "up"; step++) {
        assert(step < 50, "it does not come to a tunnel");
        world.proceed();
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("ClientMachine returns to a first server that it prefers, from any state", () => {
  fc.assert(
    fc.property(schedule, (schedule) => {
      const world = start({ ...schedule, preferFirst: true });
      for (const step of schedule.steps) take(world, step);
      const { machine } = world;
      for (let step = 0; machine.server !== SERVERS[0] || machine.state !== "up"; step++) {
        assert(step < 100, "it does not return");
        world.proceed();
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("ClientMachine.handle() stops the machine in any state, and drops everything", () => {
  fc.assert(
    fc.property(schedule, fc.array(step), (schedule, late) => {
      const world = start(schedule);
      for (const step of schedule.steps) take(world, step);
      world.handle({ type: "stop" });
      const left = [...world.stages.values()];
      assert(left.every((stage) => stage === "tunnel") && left.length <= 1, `${left} are left`);
      assertEquals(world.machine.dueMs, Infinity);
      for (const step of late) take(world, step);
      assertEquals(world.machine.poll(), undefined);
    }),
    { numRuns: 500 },
  );
});
