// What the thread that fuzzes and the thread that watches it tell each other.

import type { Finding } from "./fuzzer.ts";

/** The order to the thread that fuzzes. */
export interface Order {
  seed: number;
  /** The names of the targets. */
  targets: string[];
  /** The name of a planted fault. */
  planted: string | undefined;
  /** The time to run, in seconds. */
  seconds: number;
  /** The maximum number of runs of each target. */
  runs: number;
  /** The only input to run. */
  input: Uint8Array | undefined;
  /** True to write what was learned to the corpus. */
  save: boolean;
  /** The input that is running. */
  watched: SharedArrayBuffer;
}

/** The state of a target at the end. */
export interface TargetReport {
  name: string;
  runs: number;
  outcomes: number;
  kept: number;
  seconds: number;
}

/** What the thread reports. */
export type Report =
  /** A finding, and the length of its input before it was shortened. `endless` is true if it never ends. */
  | { type: "finding"; finding: Finding; wholeInput: number; endless?: true }
  | { type: "done"; targets: TargetReport[] };

/** The numbers at the start of the shared memory. The input follows them. */
const RUN = 0;
const TARGET = 1;
const LENGTH = 2;
const NUMBERS = 4;
const INPUT_MAX = 1 << 16;

/** The input that is running, in memory that both threads see, also if one of them never comes back. */
export class Watched {
  readonly buffer: SharedArrayBuffer;
  readonly #numbers: Int32Array;
  readonly #input: Uint8Array;

  constructor(buffer = new SharedArrayBuffer(4 * NUMBERS + INPUT_MAX)) {
    this.buffer = buffer;
    this.#numbers = new Int32Array(buffer, 0, NUMBERS);
    this.#input = new Uint8Array(buffer, 4 * NUMBERS);
  }

  /** Notes that an input begins to run. */
  begin(target: number, input: Uint8Array): void {
    const numbers = this.#numbers;
    const { length } = input.subarray(0, INPUT_MAX);
    this.#input.set(input.subarray(0, length));
    numbers[TARGET] = target;
    numbers[LENGTH] = length;
    Atomics.add(numbers, RUN, 1);
  }

  /** The number of the run, which changes as long as the thread goes on. */
  get run(): number {
    return Atomics.load(this.#numbers, RUN);
  }

  /** The index of the target. */
  get target(): number {
    return this.#numbers[TARGET];
  }

  /** A copy of the input. */
  get input(): Uint8Array {
    return this.#input.slice(0, this.#numbers[LENGTH]);
  }
}
