// A client: keeps one tunnel to one of the servers, as src/client/client.ts does.

import type { Peer } from "../../src/relay/mod.ts";
import type { Host } from "./host.ts";
import { Program } from "./program.ts";
import type { Segment } from "./segment.ts";
import type { ServerProgram } from "./server_program.ts";
import { breakTunnel, type End, joinEnds, type Leave, type Message } from "./tunnel.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

const CONNECT_TIMEOUT_MS = 3000;
const SHARE_OF_FAILURES = 0.2;
const REPLACED_MS = 30_000;

/** One of them. */
export class ClientProgram extends Program {
  readonly hosts: Host[] = [];
  /** Since when it has no tunnel, as far as its sessions are concerned; undefined while it has one. */
  downSinceMs: number | undefined;
  /** It is not to connect any more. */
  apart = false;
  #keys = 0;
  #at: ServerProgram | undefined;
  #end: End | undefined;
  /** For which servers sessions are held. */
  readonly #held = new Set<string>();
  #attempts = 0;
  /** Another tunnel took the place of the last one. */
  #replaced = false;

  constructor(world: World, name: string, segment: Segment, linkMac: Uint8Array) {
    super(world, "client", name, segment, linkMac);
  }

  /** Who it is to a server; undefined where it can't say. */
  get key(): string | undefined {
    return this.world.plan.keyed ? `${this.name}, ${this.#keys}` : undefined;
  }

  /** Its tunnel, when both sides have it. */
  get end(): End | undefined {
    return this.#end?.up && this.#end.peer.up ? this.#end : undefined;
  }

  /** Its tunnel, or its attempt to have one. */
  get anyEnd(): End | undefined {
    return this.#end;
  }

  /** Never has a tunnel again. */
  part(silent: boolean): void {
    this.apart = true;
    const end = this.#end;
    if (end !== undefined) breakTunnel(end, silent);
  }

  override kill(how: Leave): void {
    if (!this.running) return;
    this.downSinceMs = this.world.timeline.nowMs;
    super.kill(how);
    this.#leave(how);
  }

  override stop(keep: boolean): void {
    if (!this.running) return;
    this.downSinceMs = this.world.timeline.nowMs;
    super.stop(keep);
    this.#leave("orderly");
  }

  /** Goes over to another server; the sessions are closed. */
  move(): void {
    const end = this.#end;
    if (!this.running || !end?.up) return;
    this.world.note(this.name, "moves to another server");
    this.run(
      { from: "own" },
      (relay) => relay.closePeer(end.key, end.id, "moved"),
    );
    end.send({ type: "goodbye", replaced: false });
    end.close("orderly");
    this.dropTunnel(end);
    this.#end = undefined;
    this.#again(0);
  }

  override receive(end: End, message: Message): void {
    if (end !== this.#end) return;
    switch (message.type) {
      case "welcome": {
        const { name } = this.#at!;
        this.addTunnel(end, this.world.plan.keyed ? name : undefined, name);
        this.downSinceMs = undefined;
        this.world.count("tunnels");
        return;
      }
      case "goodbye":
        return this.#over(end, message.replaced);
      default:
        this.fromTunnel(end, message);
    }
  }

  override lost(end: End): void {
    if (end === this.#end) this.#over(end, false);
  }

  protected override started(): void {
    const { servers, random } = this.world;
    this.#held.clear();
    for (const { key, sessions } of this.relay!.held) if (sessions.size > 0) this.#held.add(key!);
    this.#at = servers.find(({ name }) => this.#held.has(name)) ?? random.pick(servers);
    this.#again(0);
  }

  protected override forgetState(): void {
    this.#keys++;
  }

  override forgotten({ key }: Peer): void {
    if (key !== undefined) this.#held.delete(key);
  }

  // What one has, the other has too, once each has told the other one.
  protected override looked(): void {
    const { end } = this;
    if (end === undefined || end.key === undefined || end.tampered) return;
    if (end.broken || end.peer.broken || end.underWay > 0 || end.peer.underWay > 0) return;
    const server = end.peer.program;
    assertHas(this, end, server, end.peer);
    assertHas(server, end.peer, this, end);
  }

  #over(end: End, replaced: boolean): void {
    this.downSinceMs ??= this.world.timeline.nowMs;
    if (end.up) this.dropTunnel(end);
    end.closed = true;
    this.#end = undefined;
    const { name } = this.#at!;
    if ([...this.journal.values()].some(({ key }) => key === name)) this.#held.add(name);
    // The first time it may have been an attempt of its own that it gave up.
    this.#again(replaced && this.#replaced ? REPLACED_MS : 0);
    this.#replaced = replaced;
  }

  // As tunnel/reconnect.ts does: as long as sessions are held for a server, only that one is tried.
  #again(leastMs: number): void {
    const { timeline, random, plan, servers } = this.world;
    if (this.apart) return;
    const attempt = ++this.#attempts;
    const held = this.#held.has(this.#at!.name);
    const mostMs = held || plan.kind === "steady" ? 400 : 2000;
    timeline.after(leastMs + random.below(mostMs), () => {
      if (attempt !== this.#attempts || !this.running || this.apart) return;
      if (!this.#held.has(this.#at!.name) && plan.kind === "wild") this.#at = random.pick(servers);
      if (random.chance(SHARE_OF_FAILURES) && !this.world.lucky(this)) return this.#again(0);
      this.#connect();
    });
  }

  #connect(): void {
    const end = joinEnds(this.world, this, this.#at!);
    this.#end = end;
    end.send({ type: "hello" });
    this.world.timeline.after(CONNECT_TIMEOUT_MS, () => {
      if (this.#end !== end || end.up) return;
      end.close("silent");
      this.#end = undefined;
      this.#again(0);
    });
  }

  #leave(how: Leave): void {
    this.#attempts++;
    this.#end?.close(how);
    this.#end = undefined;
  }
}

// What a program has for the peer of a tunnel, the peer has for it.
function assertHas(program: Program, end: End, far: Program, farEnd: End): void {
  const peer = far.relay!.peersByTunnel.get(farEnd.id)!;
  const there = far.relay!.sessions;
  for (const { tunnelId, nearMac, farMac, key, grant } of program.journal.values()) {
    if (key !== end.key || grant === undefined || Object.keys(grant.excuse).length > 0) continue;
    hold(
      there.atPeer(peer, tunnelId, nearMac, farMac) !== undefined,
      () => `${program.name} has session ${grant.number}, and ${far.name} has it not`,
    );
  }
}
