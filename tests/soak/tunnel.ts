// A connection between a client and a server: frames come whole and in order, or not at all any more.

import { CODE, isControlProtocol, readCode, readProtocol } from "../../src/wire/mod.ts";
import type { Program } from "./program.ts";
import type { World } from "./world.ts";

/** What goes through it. */
export type Message =
  | { type: "hello" | "welcome" }
  | { type: "goodbye"; replaced: boolean }
  | { type: "list"; payload: Uint8Array; hostile?: boolean }
  | { type: "discovery" | "session"; bytes: Uint8Array; hostile?: boolean };

/** How a side leaves: with all that it has said, in the middle of it, or so that the peer hears nothing. */
export type Leave = "orderly" | "abrupt" | "silent";

/** One end of a tunnel. */
export class End {
  readonly program: Program;
  readonly world: World;
  /** By which key the peer's sessions are held; undefined where they are not. */
  key: string | undefined;
  peer!: End;
  /** What the relay knows the tunnel by; 0 until it is up. */
  id = 0;
  closed = false;
  /** Some list of sessions was not sent through it, or something that nobody sent came out of it. */
  tampered = false;
  /** Messages under way to the peer. */
  underWay = 0;
  #controlMs = 0;
  #dataMs = 0;
  #cutMs = Infinity;

  constructor(world: World, program: Program) {
    this.world = world;
    this.program = program;
  }

  get up(): boolean {
    return this.id !== 0 && !this.closed;
  }

  /** Not all that was sent from here arrives. */
  get broken(): boolean {
    return this.#cutMs < Infinity;
  }

  /** Sends a message. Control overtakes data, as in the queues of a channel. */
  send(message: Message): void {
    const { timeline, random, plan } = this.world;
    const { nowMs } = timeline;
    const isData = message.type === "session" && !isControlProtocol(readProtocol(message.bytes, 0));
    this.#controlMs = Math.max(this.#controlMs, nowMs + random.below(plan.tunnelDelayMs));
    let atMs = this.#controlMs;
    if (isData) {
      const waitMs = random.below(plan.tunnelDelayMs);
      atMs = this.#dataMs = Math.max(this.#dataMs, this.#controlMs + waitMs);
    }
    this.underWay++;
    timeline.at(atMs, () => {
      this.underWay--;
      if (atMs > this.#cutMs || this.peer.closed) return;
      this.peer.program.receive(this.peer, message);
    });
  }

  /** This end is closed, and its peer will see it. */
  close(how: Leave): void {
    if (this.closed) return;
    this.closed = true;
    if (how === "orderly") {
      return this.#notice(Math.max(this.#controlMs, this.#dataMs, this.world.timeline.nowMs) + 1);
    }
    this.cut(how === "silent");
  }

  /** What this end has sent arrives up to some moment only; then, or much later, the peer sees the end. */
  cut(silent: boolean): void {
    const { timeline, random, plan } = this.world;
    this.#cutMs = Math.min(this.#cutMs, timeline.nowMs + random.below(plan.tunnelDelayMs));
    this.#notice(this.#cutMs + 1 + random.below(silent ? this.world.tunnelDeadMs : 100));
  }

  #notice(atMs: number): void {
    this.world.timeline.at(atMs, () => {
      if (!this.peer.closed) this.peer.program.lost(this.peer);
    });
  }
}

/** Joins two programs. */
export function joinEnds(world: World, near: Program, far: Program): End {
  const [end, peer] = [new End(world, near), new End(world, far)];
  end.peer = peer;
  peer.peer = end;
  return end;
}

/** The connection breaks, and each side sees it at another time. */
export function breakTunnel(end: End, silent: boolean): void {
  end.cut(silent);
  end.peer.cut(silent);
}

/** Whether a frame is a PADT. */
export function isPadt(bytes: Uint8Array): boolean {
  return readCode(bytes) === CODE.PADT;
}
