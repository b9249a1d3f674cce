// Any history of changes, rotations, failures and compactions, cut anywhere, comes to the right state.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Journal, type StateDir } from "../../../src/state/mod.ts";
import { encodeOpen, encodeOwe, encodeReset } from "../../../src/state/session_record.ts";
import { readSessionId } from "../../../src/wire/mod.ts";
import { Fixture, owedPadt, record, serials } from "./fixture.ts";

type Step =
  | { act: "open" }
  | { act: "close"; n: number }
  | { act: "owe"; n: number }
  | { act: "paid"; n: number }
  /** The disk is full after so many bytes of the next line. */
  | { act: "break"; bytes: number }
  | { act: "retry" }
  /** The bits say which of the compacted segments a kill leaves there. */
  | { act: "compact"; left: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ act: fc.constant("open" as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({ act: fc.constantFrom("close" as const, "owe", "paid"), n: fc.nat(6) }),
    },
    fc.record({ act: fc.constant("break" as const), bytes: fc.nat(20) }),
    fc.record({ act: fc.constant("retry" as const) }),
    fc.record({ act: fc.constant("compact" as const), left: fc.nat(7) }),
  ),
  { minLength: 1, maxLength: 25 },
);

/** What is live, in a form that compares. */
class Live {
  constructor(readonly sessions = new Set<number>(), readonly owed = new Set<number>()) {}

  clone(): Live {
    return new Live(new Set(this.sessions), new Set(this.owed));
  }

  text(): string {
    const sessions = [...this.sessions].sort((a, b) => a - b);
    return `${sessions} owing ${[...this.owed].sort((a, b) => a - b)}`;
  }
}

function textOf(dir: StateDir): string {
  const owed = dir.owed.map((frame) => readSessionId(frame));
  return new Live(new Set(serials(dir)), new Set(owed)).text();
}

/** Runs a history, and knows after each byte that was written what a reader is to find. */
class History {
  readonly #fixture: Fixture;
  readonly #dir: StateDir;
  readonly #journal: Journal;
  readonly #live = new Live();
  readonly #full: number[] = [];
  /** What is found when the last segment ends here; the later, the further on. */
  readonly #marks: { segment: number; bytes: number; found: Live }[];
  #serial = 0;
  #nowMs = 0;
  /** How many bytes of the next line fit; Infinity: all. */
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
      case "owe":
        this.#live.owed.add(step.n + 1);
        return this.#change((journal) => journal.owes(owedPadt(step.n + 1)));
      case "paid":
        this.#live.owed.delete(step.n + 1);
        return this.#change((journal) => journal.paid(owedPadt(step.n + 1)));
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

  /** What is to be found when the last segment is cut. */
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

  /** Notes what is found from the last written byte on. */
  #mark(found: Live): void {
    const segments = segmentsOf(this.#fixture, this.#dir.path);
    // A line that made a segment full is in that one, whose successor is empty.
    const { segment, bytes } = segments.findLast(({ bytes }) => bytes > 0)!;
    this.#marks.push({ segment, bytes, found });
  }

  #retry(): void {
    if (!this.#journal.broken) return;
    const live = this.#live.clone();
    const records = [...live.sessions].map((serial) => record(serial));
    const frames = [...live.owed].map(owedPadt);
    const whole = this.#journal.retry(records, frames, this.#nowMs += 60_000);
    this.room = Infinity;
    if (!whole) return;
    // Until its end is there, a reset adds only.
    const found = this.#marks.at(-1)!.found.clone();
    const segment = segmentsOf(this.#fixture, this.#dir.path).at(-1)!.segment;
    let bytes = encodeReset("begin").length;
    for (const each of records) {
      found.sessions.add(each.serial);
      this.#marks.push({ segment, bytes: bytes += encodeOpen(each).length, found: found.clone() });
    }
    for (const id of live.owed) {
      found.owed.add(id);
      bytes += encodeOwe(owedPadt(id)).length;
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

Deno.test("StateDir.open() finds the right state after any history, cut at any byte", async () => {
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
