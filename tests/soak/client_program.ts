// A client as a process in a schedule.

import type { FromWorker } from "../../src/dataplane/messages.ts";
import type { Hello } from "../../src/wire/mod.ts";
import { MemoryClient } from "../support/memory/client.ts";
import type { MemoryEnd } from "../support/memory/network.ts";
import type { MemoryPlaneOptions } from "../support/memory/plane.ts";
import { breakConnection, type End, type Leave } from "./connection.ts";
import type { Host } from "./host.ts";
import { Program, type Run } from "./program.ts";
import type { Segment } from "./segment.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

const SHARE_OF_FAILURES = 0.2;
const SECRET_BYTES = 16;

/** A client, with the program's own machine. */
export class ClientProgram extends Program {
  readonly hosts: Host[] = [];
  /** The time since which its sessions have had no tunnel; undefined while they have one. */
  downSinceMs: number | undefined = 0;
  /** True once it can no longer connect. */
  apart = false;
  #client: MemoryClient | undefined;
  #identity: Uint8Array;

  constructor(world: World, name: string, segment: Segment, linkMac: Uint8Array) {
    super(world, "client", name, segment, linkMac);
    this.#identity = world.random.bytes(SECRET_BYTES);
  }

  /** Its tunnel, if both sides have it. */
  get end(): End | undefined {
    const [end] = this.ends.values();
    return end?.peer?.up ? end : undefined;
  }

  /** Its tunnel, or the connection that is about to become one. */
  get anyEnd(): MemoryEnd | undefined {
    const [end] = this.ends.values();
    return end?.memory ?? this.#client?.connecting;
  }

  /** Cuts it off: it never has a tunnel again. */
  part(silent: boolean): void {
    this.apart = true;
    const end = this.anyEnd;
    if (end !== undefined) breakConnection(this.world, end, silent);
  }

  /** Changes the network that it is on. */
  networkChanges(): void {
    if (this.running) this.#client?.networkChanged();
  }

  override kill(how: Leave): void {
    if (this.running) this.downSinceMs ??= this.world.timeline.nowMs;
    super.kill(how);
  }

  override stop(keep: boolean): void {
    if (this.running) this.downSinceMs ??= this.world.timeline.nowMs;
    super.stop(keep);
  }

  protected override makeRun(options: Omit<MemoryPlaneOptions, "heard">, hello: Hello): Run {
    const { world } = this;
    const { plan, random } = world;
    this.#client = new MemoryClient({
      ...options,
      hello: { ...hello, resumeSecret: plan.keyed ? this.#identity : undefined },
      machine: {
        servers: world.servers.map(({ endpoint }) => endpoint),
        random: () => random.below(1000) / 1000,
        preferFirst: plan.preferFirst,
        preferFirstMs: plan.preferFirstMs,
        make: world.faults.machine,
      },
      handshake: world.faults.clientHandshake,
      channel: world.faults.channel,
      fate: () => this.#fate(),
      busyMs: () => random.below(plan.busyMs),
      heard: (message) => this.heard(message),
      noted: (note) => world.note(this.name, JSON.stringify(note)),
      handsOver: (id, end, key) => {
        const server = world.servers.find(({ endpoint }) => endpoint.hostname === end.host)!;
        this.joined(id, end, key, server);
        world.count("tunnels");
      },
    });
    return this.#client;
  }

  protected override heard(message: FromWorker): void {
    super.heard(message);
    if (message.type === "tunnel-up") this.downSinceMs = undefined;
    if (message.type === "tunnel-down") this.downSinceMs ??= this.world.timeline.nowMs;
  }

  protected override forgetState(): void {
    this.#identity = this.world.random.bytes(SECRET_BYTES);
  }

  // Once both sides have told each other their sessions, both have the same ones.
  protected override looked(): void {
    const { end } = this;
    if (end?.peer === undefined || end.key === undefined || end.tampered || end.unsettled) return;
    // A plane that has not been given its tunnel yet has not read the list after the greeting.
    if (![end, end.peer].every(({ program, id }) => program.relay!.peersByTunnel.has(id))) return;
    assertHas(end, end.peer);
    assertHas(end.peer, end);
  }

  #fate(): "answered" | "refused" | "lost" {
    const { random, plan } = this.world;
    if (this.apart) return random.pick(["refused", "lost"]);
    if (!random.chance(SHARE_OF_FAILURES) || this.world.lucky(this)) return "answered";
    // A lost attempt takes longer than the grace time.
    return plan.kind === "wild" && random.chance(0.3) ? "lost" : "refused";
  }
}

// Asserts that the peer of a tunnel has all sessions that a program has for it.
function assertHas(end: End, other: End): void {
  const { program } = end;
  const there = other.program.relay!;
  const peer = there.peersByTunnel.get(other.id);
  if (peer === undefined) return;
  for (const { tunnelId, nearMac, farMac, key, grant } of program.journal.values()) {
    if (key !== end.key || grant === undefined || Object.keys(grant.excuse).length > 0) continue;
    hold(
      there.sessions.atPeer(peer, tunnelId, nearMac, farMac) !== undefined,
      () => `${program.name} has session ${grant.number}, and ${other.program.name} does not`,
    );
  }
}
