// Frames of VLANs, and the reports about them.

import { assert, assertEquals, assertFalse } from "@std/assert";
import type { VlanFrame } from "../../../ffi/mod.ts";
import { Counters } from "../../../src/observe/counters.ts";
import type { DataPlaneEvent } from "../../../src/observe/events.ts";
import { hasInterface, OtherVlans, vlanProblem } from "../../../src/link/other_vlans.ts";
import { EventBatch } from "../../../src/dataplane/event_batch.ts";

/** A list in the kernel's format. */
const LIST = `VLAN Dev name	 | VLAN ID
Name-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD
eth1.7         | 7  | eth1
isp            | 35  | eth0
`;

class World {
  readonly counters = new Counters();
  readonly link = {
    name: "eth1",
    vlanFrames: 0,
    vlan: undefined as VlanFrame | undefined,
    takeVlan(): VlanFrame | undefined {
      return this.vlan;
    },
  };
  readonly vlans: OtherVlans;
  nowMs = 0;
  readonly #posted: DataPlaneEvent[] = [];
  readonly #report: EventBatch;

  /** Makes a link; `list` is null if the list may not be read. */
  constructor(list: string | null = "") {
    this.#report = new EventBatch("client", false, () => this.nowMs, (messages) => {
      this.#posted.push(...messages as DataPlaneEvent[]);
    });
    this.vlans = new OtherVlans(this.link, this.counters, this.#report, () => list ?? undefined);
  }

  /** Lets a second pass, in which `frames` frames arrive. */
  second(frames: number): void {
    this.link.vlanFrames += frames;
    this.vlans.tick(this.nowMs);
    this.nowMs += 1000;
  }

  /** Returns the problems that were reported since the last call. */
  told(): string[] {
    this.#report.flush();
    return this.#posted.splice(0).flatMap((event) =>
      event.type === "problem" ? `${event.problem.what}: ${event.problem.advice}` : []
    );
  }

  get drops(): number {
    return this.counters.read().drops.vlan;
  }
}

Deno.test("OtherVlans.tick() counts frames of VLANs, and names one of them once a minute", () => {
  const world = new World();
  world.second(0);
  assertEquals([world.drops, world.told()], [0, []]);
  world.link.vlan = { id: 7, provider: false };
  for (let i = 0; i < 60; i++) world.second(5);
  assertEquals(world.drops, 300);
  const line =
    "Frames of VLAN 7 come to eth1, and are dropped: to carry that VLAN, capture on an " +
    "interface of its own (ip link add link eth1 name eth1.7 type vlan id 7)";
  assertEquals(world.told(), [line]);
  world.second(0);
  assertEquals(world.told(), []);
  world.second(1);
  assertEquals([world.drops, world.told()], [301, [line]]);
});

Deno.test("OtherVlans.tick() counts, but does not report, frames of a VLAN that has its own interface", () => {
  const world = new World(LIST);
  world.link.vlan = { id: 7, provider: false };
  world.second(5);
  assertEquals([world.drops, world.told()], [5, []]);
});

Deno.test("OtherVlans.tick() reports a VLAN without an interface next to one that has its own", () => {
  const world = new World(LIST);
  world.link.vlan = { id: 7, provider: false };
  for (let i = 0; i < 5; i++) world.second(5);
  world.link.vlan = { id: 8, provider: false };
  world.second(5);
  assertEquals(world.told().length, 1);
  assertEquals(world.drops, 30);
});

Deno.test("OtherVlans.tick() reports with a reservation if it may not read the list", () => {
  const world = new World(null);
  world.link.vlan = { id: 7, provider: false };
  world.second(5);
  const [line] = world.told();
  assert(line.endsWith("; if it already has one, nothing is wrong"), line);
});

Deno.test("hasInterface() finds the interface of a VLAN on another", () => {
  assert(hasInterface(LIST, "eth1", 7));
  assert(hasInterface(LIST, "eth0", 35));
  assertFalse(hasInterface(LIST, "eth0", 7));
  assertFalse(hasInterface(LIST, "eth1", 70));
  assertFalse(hasInterface("", "eth1", 7));
});

Deno.test("vlanProblem() suggests a valid interface name, and the kind of VLAN", () => {
  assert(
    vlanProblem("enp0s31f6", { id: 4094, provider: false }).advice.includes(
      " name enp0s31f6.4094 ",
    ),
  );
  assert(
    vlanProblem("enx001122334455", { id: 7, provider: false }).advice.includes(
      " name vlan7 type vlan id 7",
    ),
  );
  const provider = vlanProblem("eth1", { id: 7, provider: true }).advice;
  assert(provider.includes(" name eth1.7 type vlan proto 802.1ad id 7"), provider);
});

Deno.test("vlanProblem() names no id if no tag has one", () => {
  for (const vlan of [undefined, { id: 0, provider: false }]) {
    assertEquals(vlanProblem("eth1", vlan), {
      id: "vlan",
      what: "Frames with VLAN tags come to eth1, and are dropped",
      advice: "capture on the VLAN's own interface",
    });
  }
});
