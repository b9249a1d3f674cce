// A connection between a client and a server, as the programs at its ends see it.

import { CODE, readCode } from "../../src/wire/mod.ts";
import type { MemoryEnd } from "../support/memory/network.ts";
import type { Program } from "./program.ts";
import type { World } from "./world.ts";

/** The way in which a process ends its connections: it closes them, resets them, or falls silent. */
export type Leave = "orderly" | "abrupt" | "silent";

/** The state of a connection that both of its ends share. */
class Connection {
  readonly ends: End[] = [];
  /** True once a part of a session list was not sent, or something arrived that nobody sent. */
  tampered = false;
}

/** One end of a tunnel. */
export class End {
  readonly program: Program;
  /** The program at the other end. */
  readonly far: Program;
  readonly memory: MemoryEnd;
  /** The plane's number for the tunnel. */
  readonly id: number;
  /** The key of the peer; undefined if its sessions are not held. */
  readonly key: string | undefined;
  readonly #connection: Connection;

  constructor(
    connections: Connections,
    program: Program,
    far: Program,
    memory: MemoryEnd,
    id: number,
    key: string | undefined,
  ) {
    this.program = program;
    this.far = far;
    this.memory = memory;
    this.id = id;
    this.key = key;
    this.#connection = connections.of(memory);
    this.#connection.ends.push(this);
  }

  /** The other end, once that is a tunnel too. */
  get peer(): End | undefined {
    return this.#connection.ends.find((end) => end !== this);
  }

  /** True while its program has it. */
  get up(): boolean {
    return this.program.ends.get(this.id) === this;
  }

  get tampered(): boolean {
    return this.#connection.tampered;
  }

  /** Marks both ends: the sides may no longer agree about their sessions. */
  tamper(): void {
    this.#connection.tampered = true;
  }

  /** True while anything sent in either direction is under way, or if it may never arrive. */
  get unsettled(): boolean {
    return [this.memory.transport, this.memory.peer.transport]
      .some(({ isCut, underWay }) => isCut || underWay > 0);
  }
}

/** The connections of a world. */
export class Connections {
  readonly #all = new WeakMap<MemoryEnd, Connection>();

  of(end: MemoryEnd): Connection {
    let connection = this.#all.get(end);
    if (connection === undefined) {
      connection = new Connection();
      this.#all.set(end, connection);
      this.#all.set(end.peer, connection);
    }
    return connection;
  }
}

/** Breaks a connection. The sides find it broken at different times, or must notice by themselves. */
export function breakConnection(
  { timeline, random, plan }: World,
  end: MemoryEnd,
  silent: boolean,
): void {
  for (const { transport } of [end, end.peer]) {
    const cutMs = timeline.nowMs + random.below(plan.tunnelDelayMs);
    transport.cut(cutMs, silent ? Infinity : cutMs + 1 + random.below(100));
  }
}

/** Ends the connections of a process that is gone. */
export function leaveConnections(
  { timeline, random, plan }: World,
  ends: MemoryEnd[],
  how: Leave,
): void {
  for (const { transport, peer } of ends) {
    if (how === "orderly") transport.close();
    else if (how === "abrupt") transport.reset();
    else {
      transport.cut(timeline.nowMs + random.below(plan.tunnelDelayMs));
      peer.transport.cut(timeline.nowMs);
    }
  }
}

/** Returns true for a PADT. */
export function isPadt(bytes: Uint8Array): boolean {
  return readCode(bytes) === CODE.PADT;
}
