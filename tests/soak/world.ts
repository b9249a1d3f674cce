// The world of a schedule: built from a plan, driven by chance, and brought to rest.

import { MemoryNetwork } from "../support/memory/network.ts";
import { AccessConcentrator } from "./access_concentrator.ts";
import { type Action, ACTIONS } from "./actions.ts";
import { Chronicle } from "./chronicle.ts";
import { ClientProgram } from "./client_program.ts";
import { Connections } from "./connection.ts";
import type { Faults } from "./faults.ts";
import { Host } from "./host.ts";
import { drawPlan, type Plan } from "./plan.ts";
import type { Program } from "./program.ts";
import { Random } from "./random.ts";
import { Segment } from "./segment.ts";
import { ServerProgram } from "./server_program.ts";
import { Timeline } from "./timeline.ts";
import { type Grant, Truth } from "./truth.ts";
import { hold } from "./violation.ts";

/** The random sequences of a schedule: one draws the plan, the other drives the events. */
const SEQUENCES = 2;
const NOTES_KEPT = 300;
const FRAMES_KEPT = 64;
/** The maximum number of missing answers at the end of a schedule, whatever it was before. */
const LAST_MISSES = 3;
const CALM = { loss: 0, duplicate: 0, reorder: 0 };

/** The programs, stations, links and tunnels of one schedule. */
export class World {
  readonly random: Random;
  readonly plan: Plan;
  readonly timeline = new Timeline();
  readonly truth = new Truth();
  readonly chronicle: Chronicle;
  readonly network: MemoryNetwork;
  readonly connections = new Connections();
  readonly faults: Faults;
  readonly servers: ServerProgram[] = [];
  readonly clients: ClientProgram[] = [];
  /** The number of times that each thing happened. */
  readonly counts = new Map<string, number>();
  /** True while the schedule is being brought to rest. */
  closing = false;
  /** True while nothing happens that may end a session. */
  keeps: boolean;
  /** Recent frames, from which hostile ones are made. */
  readonly #seen: Uint8Array[] = [];
  readonly #hostile = new Set<string>();
  #macs = 0;

  /**
   * Builds the world of a schedule.
   *
   * @param cutMs The maximum length of its active part
   */
  constructor(seed: number, schedule: number, faults: Faults, cutMs = Infinity) {
    const plan = drawPlan(new Random(seed, SEQUENCES * schedule));
    this.plan = { ...plan, activeMs: Math.min(plan.activeMs, cutMs) };
    this.random = new Random(seed, SEQUENCES * schedule + 1);
    this.chronicle = new Chronicle(this.timeline, NOTES_KEPT);
    this.faults = faults;
    const { random } = this;
    const { tunnelDelayMs, roomBytes, partialWrites } = this.plan;
    this.network = new MemoryNetwork(this.timeline, {
      delayMs: () => random.below(tunnelDelayMs),
      roomBytes,
      takes: (offered) => partialWrites && random.chance(0.5) ? 1 + random.below(offered) : offered,
    });
    this.keeps = plan.kind === "steady";
    this.#build();
  }

  get programs(): Program[] {
    return [...this.servers, ...this.clients];
  }

  get hosts(): Host[] {
    return this.clients.flatMap(({ hosts }) => hosts);
  }

  get acs(): AccessConcentrator[] {
    return this.servers.flatMap(({ acs }) => acs);
  }

  /** The number of answers of the other station that may be missing. */
  get echoMisses(): number {
    return this.closing && !this.keeps
      ? Math.min(this.plan.echoMisses, LAST_MISSES)
      : this.plan.echoMisses;
  }

  /** Returns true if a client's next attempt to connect must not fail, since its sessions have waited too long. */
  lucky({ downSinceMs }: ClientProgram): boolean {
    const { kind, graceMs } = this.plan;
    return this.closing ||
      (kind === "steady" && this.timeline.nowMs - (downSinceMs ?? Infinity) > graceMs / 8);
  }

  /** Notes that a program is about to end, and its tunnels with it. */
  disturbed(program: Program): void {
    for (const client of this.clients) {
      const [end] = client.ends.values();
      if (client === program || end?.far === program) client.downSinceMs ??= this.timeline.nowMs;
    }
  }

  note(who: string, what: string, frame?: Uint8Array): void {
    this.chronicle.note(who, what, frame);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Remembers a frame, from which a hostile one may be made. */
  saw(frame: Uint8Array): void {
    this.#seen[this.random.below(FRAMES_KEPT)] = frame;
  }

  /** Marks a frame that is hostile, or that something hostile has caused. */
  markHostile(frame: Uint8Array): void {
    this.#hostile.add(frame.toHex());
  }

  /** Returns true for a marked frame, and for any other with the same bytes, which nobody could tell apart. */
  isHostile(frame: Uint8Array): boolean {
    return this.#hostile.size > 0 && this.#hostile.has(frame.toHex());
  }

  get seen(): Uint8Array[] {
    return this.#seen.filter((frame) => frame !== undefined);
  }

  newMac(): Uint8Array {
    return Uint8Array.of(2, 0, 0, 0, 0, ++this.#macs);
  }

  /** Checks a station that gives up a session: it should have been told of the end, unless there is an excuse. */
  judgeGivingUp(grant: Grant, side: "server" | "client"): void {
    const program = side === "server" ? grant.ac.server : grant.dial.host.client;
    if (!program.running || program.has(grant)) return;
    if (grant.told[side] || grant.excuse[side] !== undefined) return;
    // Its PADS has not passed, or was too late to answer anything.
    if (grant.seenMs[side] === undefined) return this.count("never opened");
    const who = side === "server" ? grant.ac.name : grant.dial.host.name;
    hold(false, `${who} was not told of the end of session ${grant.number}`);
  }

  /** Runs the schedule. */
  run(): void {
    const { plan, timeline } = this;
    for (const program of this.programs) program.start(true);
    this.#drive();
    timeline.run(plan.activeMs);
    if (this.keeps) this.#assertKept();
    this.#close();
  }

  #build(): void {
    const { plan, random, timeline } = this;
    const segment = () =>
      new Segment({
        timeline,
        random,
        faults: plan.link,
        delayMs: plan.linkDelayMs,
        calmPadts: plan.kind === "steady",
      });
    const acMacs = Array.from({ length: plan.acsOfEach }, () => this.newMac());
    for (let s = 1; s <= plan.servers; s++) {
      const server = new ServerProgram(this, `server ${s}`, segment(), this.newMac());
      this.servers.push(server);
      for (let a = 1; a <= plan.acsOfEach; a++) {
        const mac = s === 1 || plan.twinAcs ? acMacs[a - 1] : this.newMac();
        server.acs.push(new AccessConcentrator(this, `AC ${s}.${a}`, server, mac));
      }
      server.segment.stations.push(...server.acs);
    }
    const hostMacs: Uint8Array[] = [];
    for (let c = 1; c <= plan.clients; c++) {
      const client = new ClientProgram(this, `client ${c}`, segment(), this.newMac());
      this.clients.push(client);
      for (let h = 1; h <= plan.hostsOfEach; h++) {
        // With one Host-Uniq for all, two hosts on one link with one address cannot be told apart.
        const others = plan.fixedHostUniq
          ? hostMacs.filter((mac) => client.hosts.every((host) => host.mac !== mac))
          : hostMacs;
        const shared = plan.sharedMacs && others.length > 0 && random.chance(0.5);
        const mac = shared ? random.pick(others) : this.newMac();
        hostMacs.push(mac);
        // Two hosts with one address and the same Host-Uniq cannot be told apart.
        const alone = client.hosts.every((host) => `${host.mac}` !== `${mac}`);
        const uniq = alone ? random.pick([undefined, [], [1], [c, h], [0, c, h]]) : [0, 0, c, h];
        const hostUniq = uniq && Uint8Array.from(uniq);
        // With one Host-Uniq for all, such a PADR does not tell which host with a shared address has sent it.
        const another = !(plan.fixedHostUniq && plan.sharedMacs) && random.chance(0.25);
        const padrUniq = alone ? random.pick([null, [2], [1, c, h]]) : [0, 1, c, h];
        const padrHostUniq = another ? padrUniq && Uint8Array.from(padrUniq) : undefined;
        const name = `host ${c}.${h}`;
        client.hosts.push(new Host(this, name, client, mac, hostUniq, padrHostUniq));
      }
      client.segment.stations.push(...client.hosts);
    }
  }

  #drive(): void {
    const { timeline, random, plan } = this;
    const actions: readonly (readonly [number, Action])[] = ACTIONS[plan.kind];
    const next = () =>
      timeline.after(random.below(2 * plan.paceMs), () => {
        if (this.closing) return;
        random.pickWeighted(actions)(this);
        next();
      });
    next();
  }

  // Asserts that no session was lost, and that every one carries frames in both directions.
  #assertKept(): void {
    const { timeline, plan } = this;
    const keeps = this.hosts.filter(({ grant }) => grant?.established)
      .map((host) => ({ host, grant: host.grant! }));
    this.#calm();
    this.closing = true;
    for (const program of this.programs) program.start(true);
    timeline.run(timeline.nowMs + plan.graceMs);
    for (const { host, grant } of keeps) {
      const letters = [host.sendData(), grant.ac.sendData(grant)];
      timeline.run(timeline.nowMs + 4 * plan.tunnelDelayMs + 2 * host.client.segment.slowestMs);
      hold(
        letters.every((letter) => letter?.arrived),
        () => `session ${grant.number} of ${host.name} was kept, but carries no frames`,
      );
      this.count("kept");
    }
    this.keeps = false;
  }

  #calm(): void {
    for (const { segment } of this.programs) segment.options.faults = CALM;
    for (const ac of this.acs) ac.accept();
  }

  #close(): void {
    const { timeline, random, plan } = this;
    this.closing = true;
    this.#calm();
    for (const program of this.programs) {
      if (!program.linkUp) program.setLink(true);
      program.start(random.chance(0.8));
    }
    timeline.run(timeline.nowMs + 4000);
    const way = random.pick(WAYS);
    this.note("all", way.name);
    this.count(way.name);
    way(this);
    // The sum of all time limits: a tunnel's end, the grace time, stations that give up, silent sessions,
    // and abandoned discoveries.
    const { graceMs, deadMs, idleMs, tunnelDeadMs, echoMs } = plan;
    const patienceMs = 2 * echoMs * (LAST_MISSES + 2);
    const restMs = graceMs + deadMs + idleMs + tunnelDeadMs + patienceMs + 80_000;
    timeline.run(timeline.nowMs + restMs);
    // With no tunnel left, no peer may be remembered.
    for (const client of this.clients) client.part(false);
    timeline.run(timeline.nowMs + tunnelDeadMs + graceMs + 10_000);
    for (const program of this.programs) program.assertEmpty();
    for (const ac of this.acs) {
      hold(ac.grants.length === 0, () => `${ac.name} still has a session`);
    }
    for (const host of this.hosts) {
      hold(!host.open, () => `${host.name} still has a session`);
    }
  }
}

/** The ways in which a schedule can end. */
const WAYS: readonly ((world: World) => void)[] = [
  function stopAll({ programs, timeline, random }) {
    for (const program of programs) {
      timeline.after(random.below(3000), () => {
        program.stop(false);
      });
    }
  },
  function hostsHangUp({ hosts, timeline, random }) {
    for (const host of hosts) timeline.after(random.below(3000), () => host.hangUp());
  },
  function hostsVanish({ hosts }) {
    for (const host of hosts) {
      host.vanish();
      host.off = true;
    }
  },
  function acsVanish({ acs }) {
    for (const ac of acs) ac.switchOff();
  },
  function allVanish({ hosts, acs }) {
    for (const host of hosts) {
      host.vanish();
      host.off = true;
    }
    for (const ac of acs) ac.switchOff();
  },
  function tunnelsBreak({ clients, random }) {
    for (const client of clients) client.part(random.chance(0.5));
  },
];
