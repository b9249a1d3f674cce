// Runs one target with one input after the other. Inputs with a new outcome are kept, and changed further.
//
// Everything follows from the seed, the target and the corpus in the tree, so that the same run of the same
// seed has the same input, on every machine and beside any other targets.

import process from "node:process";
import { Random } from "../soak/random.ts";
import { mutate } from "./mutate.ts";
import type { Outcome, Target } from "./target.ts";

/** The maximum numbers of outcomes that are told apart, and of bytes that are kept for a target. */
const MOST_OUTCOMES = 4096;
const MOST_KEPT_BYTES = 1 << 20;
/** The share of inputs that are made from scratch. */
const FRESH = 0.25;
/** The time in ms that an input may take. */
export const SLOW_MS = 1000;
/** The number of times that a slow input must be slow again, since the machine may have been busy. */
const SLOW_AGAIN = 2;
/** The maximum number of runs to shorten an input. */
const SHORTENING_RUNS = 2000;

/** An input for which something does not hold. */
export interface Finding {
  target: string;
  input: Uint8Array;
  /** The violation, or the error with its stack. */
  what: string;
  /** The number of the run, counted from 1; 0 if it is not known. */
  run: number;
}

/** Runs a target. */
export class Fuzzer {
  readonly target: Target;
  runs = 0;
  /** The outcomes so far. */
  readonly outcomes = new Set<string>();
  /** The inputs that had a new outcome. */
  readonly kept: Uint8Array[] = [];
  readonly #random: Random;
  readonly #corpus: Uint8Array[];
  /** Called with each input before it runs. */
  readonly #begins: (input: Uint8Array) => void;
  readonly #now: () => number;
  readonly #busy: () => number;
  #keptBytes = 0;

  /**
   * Makes a fuzzer.
   *
   * @param target The target
   * @param seed The seed
   * @param corpus Inputs to begin with
   * @param begins Called with each input before it runs
   * @param now Returns the time in ms
   * @param busy Returns the time in ms that this process has computed, which other programs do not change
   */
  constructor(
    target: Target,
    seed: number,
    corpus: readonly Uint8Array[],
    begins: (input: Uint8Array) => void = () => {},
    now: () => number = () => performance.now(),
    busy: () => number = computedMs,
  ) {
    this.target = target;
    this.#random = new Random(seed, hashOf(target.name));
    this.#corpus = [...corpus];
    this.#begins = begins;
    this.#now = now;
    this.#busy = busy;
  }

  /** Runs the next input; returns a finding if something does not hold for it. */
  async step(): Promise<Finding | undefined> {
    const input = this.#next();
    this.runs++;
    const what = await this.#try(input);
    return what === undefined
      ? undefined
      : { target: this.target.name, input, what, run: this.runs };
  }

  /** Runs an input once; returns what does not hold. */
  async check(input: Uint8Array, now = this.#now): Promise<string | undefined> {
    const began = now();
    let what: string | undefined;
    try {
      this.#begins(input);
      const outcome = this.target.run(input.slice());
      this.#keep(outcome instanceof Promise ? await outcome : outcome, input);
    } catch (error) {
      what = error instanceof Error ? error.stack ?? error.message : String(error);
    }
    const tookMs = now() - began;
    return what ?? (tookMs > SLOW_MS ? `It takes ${Math.round(tookMs)} ms` : undefined);
  }

  /**
   * Makes the input of a finding shorter, as long as the same does not hold.
   *
   * @param finding The finding
   * @returns The finding with the shortest input that was found
   */
  async shorten(finding: Finding): Promise<Finding> {
    let best = finding.input;
    let what = finding.what;
    let runs = 0;
    const attempt = async (input: Uint8Array) => {
      if (runs++ >= SHORTENING_RUNS) return false;
      const found = await this.check(input);
      if (found === undefined || kindOf(found) !== kindOf(finding.what)) return false;
      [best, what] = [input, found];
      return true;
    };
    for (let size = best.length >> 1; size > 0; size >>= 1) {
      for (let at = 0; at < best.length;) {
        const without = new Uint8Array([...best.subarray(0, at), ...best.subarray(at + size)]);
        if (!await attempt(without)) at += size;
      }
    }
    for (let at = 0; at < best.length; at++) {
      if (best[at] === 0) continue;
      const simpler = best.slice();
      simpler[at] = 0;
      await attempt(simpler);
    }
    return { ...finding, input: best, what };
  }

  async #try(input: Uint8Array): Promise<string | undefined> {
    let what = await this.check(input);
    for (let left = SLOW_AGAIN; left > 0 && isSlow(what); left--) {
      what = await this.check(input, this.#busy);
    }
    return what;
  }

  #next(): Uint8Array {
    const first = this.#corpus.shift();
    if (first !== undefined) return first;
    const { target } = this;
    const random = this.#random;
    const fresh = this.kept.length === 0 || random.chance(FRESH);
    const input = fresh ? target.generate(random) : random.pick(this.kept);
    if (fresh && random.chance(0.5)) return input.slice(0, target.maxBytes);
    const others = {
      words: target.words ?? [],
      input: () => this.kept.length === 0 ? input : random.pick(this.kept),
    };
    return mutate(input, random, others, target.maxBytes);
  }

  #keep(outcome: Outcome, input: Uint8Array): void {
    const { size } = this.outcomes;
    for (const one of typeof outcome === "string" ? [outcome] : outcome) {
      if (this.outcomes.size < MOST_OUTCOMES) this.outcomes.add(one);
    }
    if (this.outcomes.size === size || this.#keptBytes + input.length > MOST_KEPT_BYTES) return;
    this.kept.push(input.slice());
    this.#keptBytes += input.length;
  }
}

/** Returns the first line of a finding without its numbers, which differ between inputs with one fault. */
function kindOf(what: string): string {
  const [line, ...stack] = what.split("\n");
  const thrown = stack.find((line) => !/violation\.ts|assert\.ts/.test(line)) ?? "";
  return `${line.replaceAll(/"(?:[^"\\]|\\.)*"|[\da-fx]*\d[\da-f]*/g, "N")} ${thrown}`;
}

/** Returns the time that this process has computed. */
function computedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function isSlow(what: string | undefined): boolean {
  return what !== undefined && /^It takes \d+ ms$/.test(what);
}

/** Returns a number for a name, so that each target has its own sequence of a seed. */
function hashOf(name: string): number {
  let hash = 0;
  for (const byte of new TextEncoder().encode(name)) hash = (Math.imul(hash, 31) + byte) | 0;
  return hash;
}
