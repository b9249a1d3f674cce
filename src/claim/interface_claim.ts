// The claim of a side to its interface, so that no second one starts there by mistake: two clients on one
// link would both carry a host's PADI, and leave a session at the AC that nobody ends.

import { LocalListener, readInterface } from "../../ffi/mod.ts";
import { ConfigurationError } from "../configuration_error.ts";
import type { Log } from "../observe/log.ts";
import { logLine } from "../observe/log_lines.ts";
import { reasonOf } from "../reason.ts";
import {
  askHolder,
  heldPlaces,
  type Holder,
  type Introduction,
  packetUsers,
  type Place,
  socketName,
} from "./holder.ts";

/** The time for which a start waits for a process that may just be ending. */
const PATIENCE_MS = 300;
/** The time for which it waits for a process that does not answer, or that cannot be identified. */
const SILENT_MS = 1000;
/** The time for which it waits for a process that has been told to stop, which takes 2 s at most. */
const STOPPING_MS = 4000;
/**
 * The time between two tries, at least and at most. It is random, so that two that start by two names of one
 * interface do not see each other, and give way, each time.
 */
const ASK_AGAIN_MS = { least: 25, most: 100 };
const ANSWER_WAIT_MS = 250;
/** The pause after an answer, so that nobody can keep this thread busy by asking. */
const PAUSE_MS = 10;
/** The time between two looks for those who ask. */
const LOOK_MS = 50;
/** The pause after a failed accept, for example for lack of descriptors. */
const ACCEPT_AGAIN_MS = 200;

/** The facts that a claim gives to those who ask. */
export type ClaimFacts = Omit<
  Introduction,
  keyof Place | "program" | "pid" | "started" | "stopping"
>;

/** Options for {@linkcode InterfaceClaim.take}. */
export interface ClaimOptions extends Place {
  log: Pick<Log, "warning">;
  /** Returns what the claim tells others about its holder. */
  facts(): ClaimFacts;
}

/** A place with its holder, which keeps another one from starting there. */
interface HeldPlace extends Place, Holder {}

/** A claim that this process holds. */
export class InterfaceClaim {
  readonly #listener: LocalListener;
  readonly #options: ClaimOptions;
  readonly #started = new Date().toISOString();
  readonly #answering: Promise<void>;
  #stopping = false;
  #released = false;
  #endPause = () => {};

  private constructor(listener: LocalListener, options: ClaimOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#answering = this.#answer();
  }

  /**
   * Claims an interface for a side. Waits for a process that is about to end.
   *
   * Without a claim, the side can run all the same: a system that has no such sockets, or another user who
   * has taken the name, must not keep it from starting. This is logged.
   *
   * @param options The side, its interface, and what to tell others
   * @returns The claim, to be released by the caller; undefined if there can be none
   * @throws {ConfigurationError} If another process, or this one, has the claim
   */
  static async take(options: ClaimOptions): Promise<InterfaceClaim | undefined> {
    const name = socketName(options);
    // The link reports an interface that cannot exist.
    if (name === undefined) return undefined;
    try {
      return await InterfaceClaim.#take(name, options);
    } catch (error) {
      if (error instanceof ConfigurationError) throw error;
      warn(options, reasonOf(error));
      return undefined;
    }
  }

  static async #take(name: string, options: ClaimOptions): Promise<InterfaceClaim | undefined> {
    const beganMs = performance.now();
    for (;;) {
      const listener = LocalListener.listen(name);
      let other: HeldPlace | undefined;
      if (listener === undefined) other = await holderAt(options);
      else {
        other = await holderByAlias(options);
        if (other === undefined) return new InterfaceClaim(listener, options);
        listener.close();
      }
      const trusted = other !== undefined && isTrusted(other);
      if (performance.now() - beganMs >= patienceFor(trusted ? other : undefined)) {
        if (other !== undefined && trusted) throw refusal(options, other);
        warn(options, doubt(name, other));
        return undefined;
      }
      const { least, most } = ASK_AGAIN_MS;
      const waitMs = least + Math.random() * (most - least);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /** Tells others from now on that the side is about to end. */
  stopping(): void {
    this.#stopping = true;
  }

  /** Gives the claim up. Another process can have it when this resolves. */
  async release(): Promise<void> {
    if (!this.#released) {
      this.#released = true;
      this.#listener.close();
      this.#endPause();
    }
    await this.#answering;
  }

  /** Answers one connection at a time, and reads nothing, so that nobody can hold up the others. */
  async #answer(): Promise<void> {
    while (!this.#released) {
      const answered = this.#listener.answer(() => this.#introduction());
      await this.#pause(answered < 0 ? ACCEPT_AGAIN_MS : answered === 0 ? LOOK_MS : PAUSE_MS);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      Deno.unrefTimer(timer);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #introduction(): Uint8Array<ArrayBuffer> {
    const { side, interface: interfaceName, facts } = this.#options;
    const { version, name, status, socket } = facts();
    const introduction: Introduction = {
      program: "pppoe-proxy",
      version,
      pid: Deno.pid,
      side,
      interface: interfaceName,
      name,
      status,
      socket,
      started: this.#started,
      stopping: this.#stopping,
    };
    return new TextEncoder().encode(`${JSON.stringify(introduction)}\n`);
  }
}

async function holderAt(place: Place): Promise<HeldPlace | undefined> {
  const holder = await askHolder(place, ANSWER_WAIT_MS);
  const { side, interface: name } = place;
  return holder && { ...holder, side, interface: name };
}

/** Returns the holder of the same interface by another of its names, as an interface can have several. */
async function holderByAlias({ side, interface: name }: Place): Promise<HeldPlace | undefined> {
  try {
    const index = readInterface(name)?.index;
    for (const place of index === undefined ? [] : heldPlaces()) {
      if (place.side !== side || place.interface === name) continue;
      if (readInterface(place.interface)?.index !== index) continue;
      const other = await holderAt(place);
      if (other !== undefined && isTrusted(other)) return other;
    }
  } catch {
    // Without /proc or descriptors, the claim to the name itself is still worth having.
  }
  return undefined;
}

/**
 * Returns true if the holder is such a program as it seems. A user without privileges can take any name, but
 * cannot open a packet socket.
 */
function isTrusted({ uid, interface: name }: HeldPlace): boolean {
  if (uid === 0 || uid === Deno.uid()) return true;
  const index = readInterface(name)?.index;
  return uid !== undefined && index !== undefined && packetUsers(index).has(uid);
}

function patienceFor(other: HeldPlace | undefined): number {
  if (other?.introduction === undefined) return SILENT_MS;
  return other.introduction.stopping ? STOPPING_MS : PATIENCE_MS;
}

/** Explains why the name is taken, but not by such a program as far as is known. */
function doubt(name: string, other: HeldPlace | undefined): string {
  if (other?.isBusy && other.uid === undefined) {
    return `too many connections wait for the holder of the name @${name}, whose user is unknown; find the ` +
      "process with ss -xlp";
  }
  const by = other === undefined ? "another program" : `user ${other.uid}`;
  return `${by} has taken the name @${name}; find the process with ss -xlp, and stop it`;
}

function refusal(place: Place, other: HeldPlace): ConfigurationError {
  const { side, interface: name } = place;
  const as = other.interface === name ? "" : ` as ${other.interface}`;
  return new ConfigurationError(
    `Cannot start a ${side} on ${name}: another process uses it${as}, the ${describe(other)}; ` +
      "stop that one first, or use another interface",
  );
}

/** Describes a holder, such as `client branch (pid 4711)`. */
function describe({ side, pid, isBusy, introduction }: HeldPlace): string {
  if (isBusy) return `${side} for which too many connections wait (see ss -xlp)`;
  const name = introduction === undefined ? "" : ` ${introduction.name}`;
  const silent = introduction === undefined ? ", which does not answer" : "";
  if (pid === Deno.pid) return `${side}${name} in this same process`;
  if (pid !== 0) return `${side}${name} (pid ${pid})${silent}`;
  const inner = introduction === undefined ? "" : ` (pid ${introduction.pid} there)`;
  return `${side}${name} in another container${inner}${silent}`;
}

function warn({ side, interface: name, log }: ClaimOptions, reason: string): void {
  logLine(log, "claim-unsure", { side, interface: name, reason });
}
