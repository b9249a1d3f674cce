// Random histories of changes, rotations, failures and compactions, truncated at any byte.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Journal, type StateDir } from "../../../src/state/mod.ts";
import { encodeOpen, encodeReset, encodeUndelivered } from "../../../src/state/session_record.ts";
import { readSessionId } from "../../../src/wire/mod.ts";
import { Fixture, record, serials, undeliveredPadt } from "./fixture.ts";

type Step =
  | { act: "open" }
  | { act: "close"; n: number }
  | { act: "undelivered"; n: number }
  | { act: "delivered"; n: number }
  /** The disk is full after this number of bytes of the next line. */
  | { act: "break"; bytes: number }
  | { act: "retry" }
  /** The bits choose the compacted segments that a kill leaves behind. */
  | { act: "compact"; left: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ act: fc.constant("open" as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        act: fc.constantFrom("close" as const, "undelivered", "delivered"),
        n: fc.nat(6),
      }),
    },
    fc.record({ act: fc.constant("break" as const), bytes: fc.nat(20) }),
    fc.record({ act: fc.constant("retry" as const) }),
    fc.record({ act: fc.constant("compact" as const), left: fc.nat(7) }),
  ),
  { minLength: 1, maxLength: 25 },
);

/** The live sessions and undelivered PADTs, in a comparable form. */
class Live {
  constructor(readonly sessions = new Set<number>(), readonly undelivered = new Set<number>()) {}

  clone(): Live {
    return new Live(new Set(this.sessions), new Set(this.undelivered));
  }

  text(): string {
    const sessions = [...this.sessions].sort((a, b) => a - b);
    return `${sessions} undelivered ${[...this.undelivered].sort((a, b) => a - b)}`;
  }
}

function textOf(dir: StateDir): string {
  const undelivered = dir.undelivered.map((frame) => readSessionId(frame));
  return new Live(new Set(serials(dir)), new Set(undelivered)).text();
}

/** Runs a history and knows the expected state after each byte that was written. */
class History {
  readonly #fixture: Fixture;
  readonly #dir: StateDir;
  readonly #journal: Journal;
  readonly #live = new Live();
  readonly #full: number[] = [];
  /** The states expected when the last segment ends at a position, in order of the positions. */
  readonly #marks: { segment: number; bytes: number; found: Live }[];
  #serial = 0;
  #nowMs = 0;
  /** Number of bytes of the next line that fit on the disk. */
  room = Infinity;

  constructor(fixture: Fixture, dir: StateDir) {
    this.#fixture = fixture;
    this.#dir = dir;
    this.#marks = [{ segment: 0, bytes: 0, found: new Live() }];
    this.#journal = Journal.open(dir.path, dir.segment, {
      full: (segment) => this.#full.push(segment),
      failed: () => {},
    }, { segmentBytes: 700 });
  }

  async run(step: Step): Promise<void> {
    switch (step.act) {
      case "open": {
        const serial = ++this.#serial;
        this.#live.sessions.add(serial);
        return this.#change((journal) => journal.opened(record(serial)));
      }
      case "close": {
        const serial = [...this.#live.sessions][step.n];
        if (serial === undefined) return;
        this.#live.sessions.delete(serial);
        return this.#change((journal) => journal.closed(serial));
      }
      case "undelivered":
        this.#live.undelivered.add(step.n + 1);
        return this.#change((journal) => journal.undelivered(undeliveredPadt(step.n + 1)));
      case "delivered":
        this.#live.undelivered.delete(step.n + 1);
        return this.#change((journal) => journal.delivered(undeliveredPadt(step.n + 1)));
      case "break":
        this.room = step.bytes;
        return;
      case "retry":
        return this.#retry();
      case "compact":
        return await this.#compact(step.left);
    }
  }

  end(): void {
    this.#journal.close();
  }

  /** Returns the expected state when the last segment is truncated. */
  expected(segment: number, bytes: number): string {
    const before = this.#marks.filter((mark) =>
      mark.segment < segment || mark.segment === segment && mark.bytes <= bytes
    );
    return before.at(-1)!.found.text();
  }

  #change(act: (journal: Journal) => void): void {
    const broken = this.#journal.broken;
    act(this.#journal);
    this.room = Infinity;
    if (!broken && !this.#journal.broken) this.#mark(this.#live.clone());
  }

  /** Records the expected state from the last written byte on. */
  #mark(found: Live): void {
    const segments = segmentsOf(this.#fixture, this.#dir.path);
    // The line that fills a segment is in that segment, and the next segment is empty.
    const { segment, bytes } = segments.findLast(({ bytes }) => bytes > 0)!;
    this.#marks.push({ segment, bytes, found });
  }

  #retry(): void {
    if (!this.#journal.broken) return;
    const live = this.#live.clone();
    const records = [...live.sessions].map((serial) => record(serial));
    const frames = [...live.undelivered].map(undeliveredPadt);
    const whole = this.#journal.retry(records, frames, this.#nowMs += 60_000);
    this.room = Infinity;
    if (!whole) return;
    // Without its end, a reset only adds to the state.
    const found = this.#marks.at(-1)!.found.clone();
    const segment = segmentsOf(this.#fixture, this.#dir.path).at(-1)!.segment;
    let bytes = encodeReset("begin").length;
    for (const each of records) {
      found.sessions.add(each.serial);
      this.#marks.push({ segment, bytes: bytes += encodeOpen(each).length, found: found.clone() });
    }
    for (const id of live.undelivered) {
      found.undelivered.add(id);
      bytes += encodeUndelivered(undeliveredPadt(id)).length;
      this.#marks.push({ segment, bytes, found: found.clone() });
    }
    this.#marks.push({ segment, bytes: bytes + encodeReset("end").length, found: live });
  }

  async #compact(left: number): Promise<void> {
    const before = await this.#fixture.copy();
    for (const segment of this.#full.splice(0)) await this.#dir.compacted(segment);
    const there = new Set(this.#fixture.names());
    const gone = this.#fixture.names(before).filter((name) => !there.has(name));
    for (const [i, name] of gone.entries()) {
      if (left >> (i % 3) & 1) Deno.copyFileSync(`${before}/${name}`, `${this.#dir.path}/${name}`);
    }
  }
}

function segmentsOf(fixture: Fixture, path: string): { segment: number; bytes: number }[] {
  return fixture.names(path).flatMap((name) => {
    const segment = Number(/^changes\.(\d+)\.jsonl$/.exec(name)?.[1]);
    return segment > 0 ? [{ segment, bytes: Deno.statSync(`${path}/${name}`).size }] : [];
  }).sort((a, b) => a.segment - b.segment);
}

Deno.test("StateDir.open() finds the right state after any history, truncated at any byte", async () => {
  const { prototype } = Deno.FsFile;
  const { writeSync } = prototype;
  let history: History | undefined;
  prototype.writeSync = function (bytes) {
    const room = history?.room ?? Infinity;
    if (room === 0) throw new Error("No space left on device (os error 28)");
    const written = writeSync.call(this, bytes.subarray(0, Math.min(bytes.length, room)));
    if (history !== undefined) history.room = room - written;
    return written;
  };
  try {
    await fc.assert(
      fc.asyncProperty(steps, fc.array(fc.nat(), { maxLength: 4 }), async (steps, cuts) => {
        await using fixture = new Fixture();
        history = new History(fixture, await fixture.open());
        for (const step of steps) await history.run(step);
        history.end();
        for (const cut of [Infinity, ...cuts]) {
          const copy = await fixture.copy();
          const { segment, bytes } = segmentsOf(fixture, copy).at(-1)!;
          const size = cut === Infinity ? bytes : cut % (bytes + 1);
          Deno.truncateSync(`${copy}/changes.${segment}.jsonl`, size);
          const dir = await fixture.open({}, copy);
          assertEquals(textOf(dir), history.expected(segment, size));
          await dir.close();
          assertEquals(textOf(await fixture.open({}, copy)), history.expected(segment, size));
        }
        assertEquals(fixture.warnings, []);
      }),
      { numRuns: 60 },
    );
  } finally {
    prototype.writeSync = writeSync;
  }
});
