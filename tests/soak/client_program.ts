// A client as a process, in a schedule.

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

/** One of them. */
export class ClientProgram extends Program {
  readonly hosts: Host[] = [];
  /** Since when it has no tunnel, as far as its sessions are concerned; undefined while it has one. */
  downSinceMs: number | undefined = 0;
  /** It cannot connect any more. */
  apart = false;
  #client: MemoryClient | undefined;
  #identity: Uint8Array;

  constructor(world: World, name: string, segment: Segment, linkMac: Uint8Array) {
    super(world, "client", name, segment, linkMac);
    this.#identity = world.random.bytes(SECRET_BYTES);
  }

  /** Its tunnel, when both sides have it. */
  get end(): End | undefined {
    const [end] = this.ends.values();
    return end?.peer?.up ? end : undefined;
  }

  /** Its tunnel, or its connection on the way to be one. */
  get anyEnd(): MemoryEnd | undefined {
    const [end] = this.ends.values();
    return end?.memory ?? this.#client?.connecting;
  }

  /** Never has a tunnel again. */
  part(silent: boolean): void {
    this.apart = true;
    const end = this.anyEnd;
    if (end !== undefined) breakConnection(this.world, end, silent);
  }

  /** The network that it is on changes. */
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

  // What one has, the other has too, once each has told the other one.
  protected override looked(): void {
    const { end } = this;
    if (end?.peer === undefined || end.key === undefined || end.tampered || end.unsettled) return;
    // A plane that is still to be given its tunnel has not read the list behind the greeting.
    if (![end, end.peer].every(({ program, id }) => program.relay!.peersByTunnel.has(id))) return;
    assertHas(end, end.peer);
    assertHas(end.peer, end);
  }

  #fate(): "answered" | "refused" | "lost" {
    const { random, plan } = this.world;
    if (this.apart) return random.pick(["refused", "lost"]);
    if (!random.chance(SHARE_OF_FAILURES) || this.world.lucky(this)) return "answered";
    // A lost attempt takes longer than sessions are held for.
    return plan.kind === "wild" && random.chance(0.3) ? "lost" : "refused";
  }
}

// The sessions that a program has for the peer of a tunnel, the peer has for it.
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
